//! Outputs that fail while running: every loss is counted, lines stay whole, and writing resumes by
//! itself.
//!
//! Full and broken disks are small file systems that the tests mount, which needs root.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tempfile::TempDir;

use crate::{
    common::{Counters, Value, auditrd, data, lines},
    formats::tools::python_with,
    live::{
        audit::{Audit, skip, wait_until},
        daemon::{Daemon, events},
        os,
    },
    process::{Running, login},
};

/// A type of record that programs may send and that is an event by itself.
const USER_LOGIN: u16 = 1112;

/// A mounted file system, unmounted on drop.
pub(crate) struct Disk {
    directory: TempDir,
    image: Option<TempDir>,
}

impl Disk {
    /// A tmpfs of this size in KiB; `None` without the privileges to mount it.
    pub(crate) fn memory(kibibytes: usize) -> Option<Disk> {
        let disk = Disk::unmounted()?;
        let size = format!("size={kibibytes}k,mode=700");
        disk.mount(&["-t", "tmpfs", "-o", &size, "tmpfs"])
    }

    /// An ext4 file system that turns read-only on an error.
    fn ext4() -> Option<Disk> {
        let mut disk = Disk::unmounted()?;
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
        let mut mkfs = Command::new("mkfs.ext4");
        if !succeeds(mkfs.arg("-q").arg(&image)) {
            skip("needs mkfs.ext4");
            return None;
        }
        disk.image = Some(directory);
        disk.mount(&["-o", "loop,errors=remount-ro", image.to_str().unwrap()])
    }

    fn unmounted() -> Option<Disk> {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            skip("needs root, to mount a small disk");
            return None;
        }
        Some(Disk {
            directory: tempfile::tempdir().unwrap(),
            image: None,
        })
    }

    fn mount(self, args: &[&str]) -> Option<Disk> {
        let mut mount = Command::new("mount");
        if succeeds(mount.args(args).arg(self.path())) {
            return Some(self);
        }
        skip("needs to mount a small disk");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Enlarges a tmpfs.
    pub(crate) fn grow(&self, kibibytes: usize) {
        let options = format!("remount,size={kibibytes}k");
        let mut mount = Command::new("mount");
        assert!(succeeds(mount.arg("-o").arg(options).arg(self.path())));
    }

    /// Triggers an error of an ext4 file system. Returns `false` if the kernel cannot do that.
    fn break_down(&self) -> bool {
        let Ok(source) = Command::new("findmnt")
            .args(["-n", "-o", "SOURCE"])
            .arg(self.path())
            .output()
        else {
            return false;
        };
        let source = String::from_utf8(source.stdout).unwrap();
        let name = source.trim().trim_start_matches("/dev/");
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").is_ok()
    }

    fn unmount(&self) -> bool {
        // Lazily: after a failed test, a program may still have a file open on it.
        succeeds(Command::new("umount").arg("-l").arg(self.path()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        while self.unmount() {}
    }
}

fn succeeds(command: &mut Command) -> bool {
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

/// Starts a replay of standard input into a file.
fn replay_into<S: AsRef<OsStr>>(file: &Path, args: &[S]) -> Running {
    let mut command = auditrd();
    command.args(["-i", "-", "-o"]).arg(file).args(args);
    Running::start(&mut command)
}

/// Waits for a log line that contains a text, and returns it.
#[track_caller]
fn wait_for_log(running: &mut Running, text: &str) -> String {
    loop {
        let line = running.log_line();
        if line.contains(text) {
            return line;
        }
    }
}

fn logins(serials: impl Iterator<Item = u32>) -> String {
    serials.map(login).collect()
}

fn serials(files: &[PathBuf]) -> Vec<u64> {
    let events = files
        .iter()
        .flat_map(|file| lines(&fs::read(file).unwrap()));
    events
        .map(|event| event["sequence"].as_u64().expect("an event"))
        .collect()
}

#[test]
fn a_replay_resumes_when_a_full_disk_has_space() {
    let Some(disk) = Disk::memory(64) else {
        return;
    };
    let file = disk.path().join("events");
    let mut running = replay_into(&file, &["-v"]);
    running.write(logins(0..1000));
    let said = running.log_line();
    assert!(said.contains("No space left on device; writing resumes when there is space"));
    let before = serials(std::slice::from_ref(&file));
    assert!(!before.is_empty() && before.len() < 1000);
    disk.grow(4096);
    let said = wait_for_log(&mut running, "works again");
    assert!(said.contains("0 lines were lost"), "{said}");
    running.write(logins(1000..1010));
    let (status, _, log) = running.close();
    assert!(status.success(), "{log}");
    Counters::of_log(log.lines().last().unwrap()).assert_they_add_up();
    assert!(serials(&[file]).into_iter().eq(0..1010));
}

#[test]
fn a_stopped_replay_reports_how_many_lines_a_full_disk_lacks() {
    let Some(disk) = Disk::memory(64) else {
        return;
    };
    let file = disk.path().join("events");
    let mut running = replay_into(&file, &["-v"]);
    running.write(logins(0..1000));
    wait_for_log(&mut running, "No space left on device");
    running.signal("TERM");
    let (status, _, log) = running.wait();
    assert_eq!(status.code(), Some(1));
    let [counters, last] = log.lines().collect::<Vec<_>>()[..] else {
        panic!("{log}");
    };
    let counters = Counters::of_log(counters);
    counters.assert_they_add_up();
    let written = serials(std::slice::from_ref(&file));
    assert!(written.iter().copied().eq(0..written.len() as u64));
    assert_eq!(counters["lines"], written.len() as u64);
    assert_eq!(
        counters["lines"] + counters["unwritten"],
        counters["records"]
    );
    let expected = format!("cannot write {} lines to ", counters["unwritten"]);
    assert!(last.contains(&expected), "{last}");
}

#[test]
fn a_replay_waits_while_a_disk_is_read_only() {
    let Some(broken) = Disk::ext4() else {
        return;
    };
    let file = broken.path().join("events");
    let mut running = replay_into(&file, &["-v"]);
    running.write(login(0));
    wait_until("the first line", || {
        let length = fs::metadata(&file).ok()?.len();
        (length > 0).then_some(())
    });
    if !broken.break_down() {
        return skip("needs a kernel that breaks an ext4 file system when asked to");
    }
    running.write(login(1));
    let said = running.log_line();
    assert!(said.contains("Read-only file system"), "{said}");
    let before = serials(std::slice::from_ref(&file));
    assert!(broken.unmount());
    wait_for_log(&mut running, "works again");
    running.write(login(2));
    let (status, _, log) = running.close();
    assert!(status.success(), "{log}");
    assert_eq!((before, serials(&[file])), (vec![0], vec![1, 2]));
}

#[test]
fn a_replay_waits_for_a_removed_directory() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let file = logs.join("events");
    let mut running = replay_into(&file, &["-v"]);
    wait_until("the file", || file.exists().then_some(()));
    fs::remove_dir_all(&logs).unwrap();
    running.signal("HUP");
    let said = wait_for_log(&mut running, "No such file or directory");
    assert!(
        said.contains("writing resumes when the directory exists"),
        "{said}"
    );
    running.write(logins(0..10));
    fs::create_dir(&logs).unwrap();
    wait_for_log(&mut running, "works again");
    running.write(logins(10..12));
    assert!(running.close().0.success());
    assert!(serials(&[file]).into_iter().eq(0..12));
}

/// Another program renames the file repeatedly during writing.
#[test]
fn renames_and_sighups_under_load_lose_and_duplicate_nothing() {
    const RENAMES: usize = 60;
    const EVENTS: u32 = 60_000;
    let directory = tempfile::tempdir().unwrap();
    let name = |number: usize| directory.path().join(format!("events.{number}"));
    let file = directory.path().join("events");
    let mut running = replay_into::<&str>(&file, &[]);
    let mut stdin = running.take_stdin();
    let mut files = Vec::new();
    thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            for first in (0..EVENTS).step_by(100) {
                let text = logins(first..first + 100);
                std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap();
            }
        });
        for number in 0..RENAMES {
            wait_until("a line", || {
                let length = fs::metadata(&file).ok()?.len();
                (length > 0 || feeder.is_finished()).then_some(())
            });
            fs::rename(&file, name(number)).unwrap();
            files.push(name(number));
            running.signal("HUP");
            wait_until("a new file", || file.exists().then_some(()));
        }
    });
    let (status, _, log) = running.wait();
    assert!(status.success() && log.is_empty(), "{log}");
    files.push(file);
    let with_lines = files
        .iter()
        .filter(|file| fs::metadata(file).unwrap().len() > 0);
    assert!(with_lines.count() > RENAMES / 2, "there was no load");
    assert!(serials(&files).into_iter().eq(0..u64::from(EVENTS)));
}

#[test]
fn a_slow_reader_gets_every_line() {
    const EVENTS: u32 = 3000;
    let mut command = auditrd();
    let mut running = Running::start(command.args(["-i", "-", "-v"]));
    let mut stdin = running.take_stdin();
    thread::scope(|scope| {
        // The program could finish long before the reader, which reads line by line.
        scope.spawn(move || {
            std::io::Write::write_all(&mut stdin, logins(0..EVENTS).as_bytes()).unwrap();
        });
        for serial in 0..EVENTS {
            assert_eq!(running.event()["sequence"], serial);
        }
    });
    let (status, _, log) = running.wait();
    assert!(status.success(), "{log}");
    let counters = Counters::of_log(log.trim());
    counters.assert_they_add_up();
    assert_eq!((counters["lines"], counters["output_failures"]), (3000, 0));
}

/// The rotated files of FILE, oldest first, and FILE itself.
fn rotated(file: &Path) -> Vec<PathBuf> {
    let name = |number: u32| PathBuf::from(format!("{}.{number}", file.display()));
    let mut files: Vec<PathBuf> = (1..).map(name).take_while(|file| file.exists()).collect();
    files.reverse();
    files.push(file.to_owned());
    files
}

#[test]
fn rotated_files_keep_to_their_size_and_number() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    let run = |max_files: &str| {
        let args = ["--max-size", "4K", "--max-files", max_files, "-v"];
        let mut running = replay_into(&file, &args);
        running.write(logins(0..500));
        let (status, _, log) = running.close();
        assert!(status.success(), "{log}");
        let counters = Counters::of_log(log.lines().last().unwrap());
        assert_eq!(counters["lines"], 500);
        for file in rotated(&file) {
            let metadata = fs::metadata(file).unwrap();
            assert!(metadata.len() <= 4096);
            assert_eq!(metadata.mode() & 0o7777, 0o600);
        }
        counters["rotations"]
    };
    let rotations = run("999");
    assert_eq!(rotated(&file).len() as u64, rotations + 1);
    assert!(serials(&rotated(&file)).into_iter().eq(0..500));

    for file in rotated(&file) {
        fs::remove_file(file).unwrap();
    }
    run("3");
    assert_eq!(rotated(&file).len(), 4);
    let last = serials(&rotated(&file));
    assert!(last.iter().copied().eq(500 - last.len() as u64..500));
}

#[test]
fn after_a_kill_at_any_moment_the_next_run_continues_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("audit.log");
    fs::write(&input, fs::read(data("misc.log")).unwrap().repeat(20)).unwrap();
    let file = directory.path().join("events");
    let names = || -> Vec<PathBuf> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| *path != input).collect()
    };
    for round in 0..30 {
        let mut command = auditrd();
        command
            .args(["--max-size", "16K", "--max-files", "20", "-o"])
            .arg(&file)
            .arg("-i")
            .arg(&input);
        let first = fs::metadata(&file).ok().map(|file| file.ino());
        let mut child = command.spawn().unwrap();
        wait_until("a new file, or the end", || {
            let is_far = fs::metadata(&file).ok().map(|file| file.ino()) != first;
            (is_far || round % 2 == 0 || child.try_wait().unwrap().is_some()).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // The next start removes partial lines.
    let mut command = auditrd();
    let output = command.args(["-i", "-", "-o"]).arg(&file).output();
    assert!(output.unwrap().status.success());
    for file in names() {
        let text = fs::read(file).unwrap();
        assert!(text.len() <= 16 << 10);
        lines(&text);
    }
    // A kill between two renames leaves at most one number free, which the next rotation fills.
    let number = |path: &PathBuf| path.extension()?.to_str()?.parse::<usize>().ok();
    let numbers: Vec<usize> = names().iter().filter_map(number).collect();
    let last = numbers.iter().max().copied().unwrap_or(0);
    assert!(last > 0 && last - numbers.len() <= 1, "{numbers:?}");
}

#[test]
fn live_events_lost_to_a_full_disk_are_counted() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let Some(disk) = Disk::memory(64) else {
        return;
    };
    // More lines than are kept in memory.
    const MESSAGES: usize = 1500;
    let file = disk.path().join("events");
    let daemon = Daemon::listen(&["-v", "--queue", "64M", "-o", file.to_str().unwrap()]);
    let send = |number: usize| {
        let text = format!("op=disk acct=\"{number}\" pad=\"{}\"", "x".repeat(8000));
        os::send(0, USER_LOGIN, text.as_bytes()).expect("root may");
    };
    (0..MESSAGES).for_each(send);
    daemon.wait_for_log("No space left on device; writing resumes when there is space; ");
    wait_until("every message is taken in", || {
        daemon.signal(libc::SIGUSR1);
        let log = daemon.stderr();
        let is_whole = |line: &&str| line.contains(": records ") && line.contains("output_failing");
        let counters = Counters::of_log(log.lines().rfind(is_whole)?);
        let taken = counters["pending"] + counters["written"] + counters["unwritten_records"];
        (taken >= MESSAGES as u64).then_some(())
    });
    disk.grow(64 << 10);
    daemon.wait_for_log("works again; ");
    send(MESSAGES);
    let number = |event: &Value| event["acct"].as_str()?.parse::<usize>().ok();
    wait_until("the last message", || {
        let events = events(&file);
        (events.iter().filter_map(number).max() == Some(MESSAGES)).then_some(())
    });
    let ended = daemon.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let counters = Counters::of_log(ended.stderr.lines().last().unwrap());
    counters.assert_they_add_up();
    let events = lines(&fs::read(&file).unwrap());
    let is_gap = |event: &Value| event["reason"] == "output_failed";
    let gap = events.iter().position(is_gap);
    let gap = gap.unwrap_or_else(|| panic!("a line about it is missing: {}", ended.stderr));
    assert_eq!(events.iter().filter(|event| is_gap(event)).count(), 1);
    let lost = events[gap]["count"].as_u64().unwrap();
    assert!(lost > 100 && lost == counters["unwritten"], "{lost}");
    let numbers: Vec<usize> = events.iter().filter_map(number).collect();
    let before = events[..gap].iter().filter_map(number).count();
    // Other programs may have sent records in the meantime.
    assert!(numbers[..before].iter().copied().eq(0..before));
    assert!(before as u64 + lost >= MESSAGES as u64);
    assert_eq!(numbers[before..], [MESSAGES]);
}

#[test]
fn prometheus_parses_the_metrics() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("auditrd.prom");
    let mut command = auditrd();
    command
        .args(["--metrics-file", metrics.to_str().unwrap(), "-i"])
        .arg(data("misc.log"));
    assert!(command.output().unwrap().status.success());
    let script = "import json, sys\n\
        from prometheus_client.parser import text_string_to_metric_families as families\n\
        for f in families(sys.stdin.read()):\n \
            for s in f.samples:\n  \
                print(json.dumps([f.type, f.documentation, s.name, s.labels, s.value]))\n";
    let Some(python) = python_with("import prometheus_client.parser") else {
        return;
    };
    let stdin = fs::File::open(&metrics).unwrap();
    let read = Command::new(python)
        .args(["-c", script])
        .stdin(stdin)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{error}");
    let samples: Vec<Value> = read
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let ours = fs::read_to_string(&metrics).unwrap();
    let counters = Counters::of_metrics(&ours);
    let mut compared = 0;
    for sample in &samples {
        let name = sample[2]
            .as_str()
            .unwrap()
            .strip_prefix("auditrd_")
            .unwrap();
        let has_help = sample[1].as_str().is_some_and(|help| help.ends_with('.'));
        assert!(has_help, "{sample}");
        if name == "build_info" {
            assert_eq!(sample[3]["version"], env!("CARGO_PKG_VERSION"));
            continue;
        }
        let kind = if name.ends_with("_total") {
            "counter"
        } else {
            "gauge"
        };
        assert_eq!(sample[0], kind, "{sample}");
        let value = sample[4].as_f64().unwrap();
        let labels = sample[3].as_object().unwrap().iter();
        let labels: Vec<String> = labels.map(|(key, text)| format!("{key}={text}")).collect();
        let key = match labels.is_empty() {
            true => name.trim_end_matches("_total").to_owned(),
            false => format!("{name}{{{}}}", labels.join(",")),
        };
        assert_eq!(value, counters[&key] as f64);
        compared += 1;
    }
    let values = ours.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!((samples.len(), compared), (values, values - 1));
}

#[test]
fn a_failing_metrics_file_does_not_stop_events() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("below/auditrd.prom");
    let mut command = auditrd();
    command
        .args([
            "-i",
            "-",
            "--stats-interval",
            "10ms",
            "-q",
            "--metrics-file",
        ])
        .arg(&metrics);
    let mut running = Running::start(&mut command);
    let said = wait_for_log(&mut running, "cannot write ");
    assert!(said.contains("events are still written"), "{said}");
    running.write(login(1));
    assert_eq!(running.event()["sequence"], 1);
    fs::create_dir(metrics.parent().unwrap()).unwrap();
    wait_until("the counters", || metrics.exists().then_some(()));
    let (status, _, log) = running.close();
    assert!(status.success() && !log.contains("cannot"), "{log}");
    let counters = Counters::of_metrics(&fs::read_to_string(&metrics).unwrap());
    assert_eq!((counters["records"], counters["lines"]), (1, 1));
}

#[test]
fn the_file_is_synced_with_fdatasync() {
    let directory = tempfile::tempdir().unwrap();
    let [file, trace, input] = ["events", "trace", "log"].map(|name| directory.path().join(name));
    fs::write(&input, logins(0..1000)).unwrap();
    if !succeeds(Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"])) {
        return skip("needs strace, and leave to trace");
    }
    // How often the file is written to, and how often it is synced.
    let run = |fsync: &str| {
        let mut command = Command::new("strace");
        command
            .args([
                "-f",
                "-qq",
                "-y",
                "-e",
                "trace=write,writev,fdatasync",
                "-o",
            ])
            .arg(&trace)
            .arg(env!("CARGO_BIN_EXE_auditrd"))
            .args(["--fsync", fsync, "-o"])
            .arg(&file)
            .arg("-i")
            .arg(&input);
        assert!(succeeds(&mut command), "{fsync}");
        let calls = fs::read_to_string(&trace).unwrap();
        let of_file = format!("<{}>", file.display());
        let calls = calls.lines().filter(|line| line.contains(&of_file));
        let (syncs, writes): (Vec<&str>, Vec<&str>) =
            calls.partition(|line| line.contains("fdatasync("));
        (writes.len(), syncs.len())
    };
    let ((many, never), (_, interval)) = (run("never"), run("interval"));
    assert_eq!((never, interval), (0, 1));
    assert!(many > 0, "no write is seen");
    let (writes, syncs) = run("always");
    assert!(writes > 1, "{writes}");
    assert_eq!(writes, syncs);
}
