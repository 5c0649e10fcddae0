//! The log for the benches: that of a busy host in tests/data, repeated to any size.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The size of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) events: u64,
}

impl Size {
    pub(crate) fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }
}

/// A directory for the files of the benches. `/tmp` could be in memory.
pub(crate) fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    fs::create_dir_all(&directory).expect("a directory for the benches");
    directory
}

/// The busy host's log, unpacked by xz.
fn lines() -> io::Result<impl BufRead> {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mix.log.xz");
    let xz = Command::new("xz")
        .arg("-dc")
        .arg(packed)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("xz: {error}")))?;
    let output = xz.stdout.ok_or(io::ErrorKind::BrokenPipe)?;
    Ok(BufReader::with_capacity(1 << 16, output))
}

/// The first records of the busy host's log. The last event may be cut.
pub(crate) fn sample(records: usize) -> io::Result<Vec<u8>> {
    let mut lines = lines()?;
    let mut sample = Vec::new();
    for _ in 0..records {
        lines.read_until(b'\n', &mut sample)?;
    }
    // A reader that leaves early would have xz complain.
    io::copy(&mut lines, &mut io::sink())?;
    Ok(sample)
}

/// A file with copies of the busy host's log, or of its first records. Each copy has later stamps
/// and other serials than the one before, so that no event is repeated. The file is created once
/// and kept.
pub(crate) fn grown(copies: u64, records: Option<u64>) -> io::Result<(PathBuf, Size)> {
    let part = records.map_or(String::new(), |records| format!("-{records}"));
    let path = directory().join(format!("mix-{copies}{part}.log"));
    if !path.exists() {
        let part = path.with_extension("part");
        let mut out = BufWriter::with_capacity(1 << 16, File::create(&part)?);
        for copy in 0..copies {
            append(copy, records.unwrap_or(u64::MAX), &mut out)?;
        }
        out.flush()?;
        fs::rename(&part, &path)?;
    }
    let size = measure(&path)?;
    Ok((path, size))
}

/// The distance between copies, which exceeds the range within the log, in serials and in seconds.
const COPY_SERIALS: u64 = 1_000_000;
const COPY_SECONDS: u64 = 10_000;

fn append(copy: u64, records: u64, out: &mut impl Write) -> io::Result<()> {
    let mut lines = lines()?;
    let (mut line, mut left) = (Vec::new(), records);
    while left > 0 && lines.read_until(b'\n', &mut line)? > 0 {
        left -= 1;
        match shifted(&line, copy) {
            Some((before, stamp, after)) => {
                out.write_all(before)?;
                out.write_all(stamp.as_bytes())?;
                out.write_all(after)?;
            }
            None => out.write_all(&line)?,
        }
        line.clear();
    }
    // A reader that leaves early would have xz complain.
    io::copy(&mut lines, &mut io::sink())?;
    Ok(())
}

/// Splits a line into the text before its stamp, the shifted stamp, and the text after it.
fn shifted(line: &[u8], copy: u64) -> Option<(&[u8], String, &[u8])> {
    let start = memchr::memmem::find(line, b"msg=audit(")? + b"msg=audit(".len();
    let end = start + memchr::memchr(b')', line.get(start..)?)?;
    let stamp = str::from_utf8(line.get(start..end)?).ok()?;
    let (seconds, rest) = stamp.split_once('.')?;
    let (millis, serial) = rest.split_once(':')?;
    let seconds = seconds.parse::<u64>().ok()? + copy * COPY_SECONDS;
    let serial = serial.parse::<u64>().ok()? + copy * COPY_SERIALS;
    let stamp = format!("{seconds}.{millis}:{serial}");
    Some((line.get(..start)?, stamp, line.get(end..)?))
}

/// Counts the records and events of a log. It keeps the serials of only one copy, because the
/// memory of this process counts towards the peak of the programs that it starts.
fn measure(path: &Path) -> io::Result<Size> {
    let mut size = Size {
        bytes: fs::metadata(path)?.len(),
        ..Size::default()
    };
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut line = Vec::new();
    let (mut copy, mut serials) = (0, HashSet::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        size.records += 1;
        if let Some(serial) = serial(&line) {
            if serial / COPY_SERIALS != copy {
                copy = serial / COPY_SERIALS;
                serials.clear();
            }
            size.events += u64::from(serials.insert(serial));
        }
        line.clear();
    }
    Ok(size)
}

fn serial(line: &[u8]) -> Option<u64> {
    let end = memchr::memchr(b')', line)?;
    let start = memchr::memrchr(b':', line.get(..end)?)? + 1;
    str::from_utf8(line.get(start..end)?).ok()?.parse().ok()
}

/// Counts line ends: the minimal work of reading a log.
pub(crate) fn scan(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 256 << 10];
    let mut lines = 0;
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(lines),
            length => {
                let chunk = buffer.get(..length).unwrap_or_default();
                lines += memchr::memchr_iter(b'\n', chunk).count() as u64;
            }
        }
    }
}
