//! The programs to compare: this one, a lower bound, and other readers of audit logs.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{cost::Cost, log, option, options, sys};

/// The binary to measure: this package's, or the value of `--binary`.
pub(crate) fn auditrd() -> String {
    option("--binary").unwrap_or_else(|| env!("CARGO_BIN_EXE_auditrd").to_owned())
}

/// Counts line ends and returns `true`, if this process was started for that.
pub(crate) fn is_scan() -> io::Result<bool> {
    let Some(path) = option("--scan") else {
        return Ok(false);
    };
    std::hint::black_box(log::scan(Path::new(&path))?);
    Ok(true)
}

/// A way to run a program over a log.
pub(crate) struct Program {
    pub(crate) name: String,
    /// A description of its work.
    pub(crate) does: &'static str,
    kind: Kind,
}

enum Kind {
    /// The name of the log is its last argument.
    Argument(PathBuf, Vec<String>),
    /// The log is its standard input, as a file.
    Input(PathBuf, Vec<String>),
    /// The log is its standard input, as a pipe from `cat`, whose cost is not counted.
    Pipe(PathBuf, Vec<String>),
}

impl Program {
    /// A program that takes the log as its last argument.
    pub(crate) fn new(
        name: &str,
        does: &'static str,
        path: impl Into<PathBuf>,
        args: &[&str],
    ) -> Program {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Program {
            name: name.to_owned(),
            does,
            kind: Kind::Argument(path.into(), args),
        }
    }

    /// This bench again, counting line ends only.
    pub(crate) fn line_ends() -> io::Result<Program> {
        let this = std::env::current_exe()?;
        Ok(Program::new(
            "lower bound",
            "finds the line ends",
            this,
            &["--scan"],
        ))
    }

    /// This package's binary, replaying a file.
    pub(crate) fn ours() -> Program {
        Program::new("`auditrd -i FILE`", "everything", auditrd(), &["-i"])
    }

    /// The same from a pipe.
    pub(crate) fn ours_from_pipe() -> Program {
        let args = vec!["-i".to_owned(), "-".to_owned()];
        Program {
            name: "`auditrd -i -`".to_owned(),
            does: "everything, from a pipe",
            kind: Kind::Pipe(auditrd().into(), args),
        }
    }

    /// The same to a file.
    pub(crate) fn ours_to_file() -> Program {
        let output = log::directory().join("events");
        let output = output.to_string_lossy();
        let does = "everything, to a file";
        Program::new("`auditrd -o FILE`", does, auditrd(), &["-o", &output, "-i"])
    }

    /// A version of laurel, fed like a plugin of auditd. It always writes files.
    fn laurel(path: &str, version: &str, directory: &Path) -> io::Result<Program> {
        let config = laurel_config(directory)?;
        let args = vec!["-c".to_owned(), config.to_string_lossy().into_owned()];
        Ok(Program {
            name: format!("laurel {version}"),
            does: "decodes records as JSON, to a file; resolves no paths",
            kind: Kind::Input(PathBuf::from(path), args),
        })
    }

    /// The installed programs. Reports each missing one on standard error.
    pub(crate) fn peers() -> io::Result<Vec<Program>> {
        let directory = log::directory();
        let mut peers = Vec::new();
        for (path, version) in laurels() {
            peers.push(Program::laurel(&path, &version, &directory)?);
        }
        let ausearch = version("ausearch", "--version");
        if let Some(walker) = compiled(&directory) {
            let auditd = ausearch.as_deref().unwrap_or("");
            let name = format!("libauparse {auditd}");
            peers.push(Program::new(
                &name,
                "splits records into fields; writes nothing",
                &walker,
                &["walk"],
            ));
            let does = "decodes each field as text; writes nothing";
            peers.push(Program::new(&name, does, &walker, &["interpret"]));
        }
        if let Some(version) = ausearch {
            let does = "one line of text per event";
            let args = ["--format", "csv", "-if"];
            peers.push(Program::new(
                &format!("`ausearch --format csv` {version}"),
                does,
                "ausearch",
                &args,
            ));
            let does = "decodes each record as text; no events";
            peers.push(Program::new(
                &format!("`ausearch -i` {version}"),
                does,
                "ausearch",
                &["-i", "-if"],
            ));
        }
        Ok(peers)
    }

    /// Runs it over a log and discards its output.
    pub(crate) fn run(&self, log: &Path) -> io::Result<Cost> {
        let (mut command, feeder) = self.command(log, None)?;
        let cost = Cost::of(command.stdout(Stdio::null()).stderr(Stdio::null()));
        if let Some(cat) = feeder {
            sys::wait(&cat)?;
        }
        // The next run must not find an output file.
        let _ = fs::remove_file(super::log::directory().join("events"));
        cost
    }

    /// The number of its allocations for a whole log, counted by valgrind. `None` if it fails.
    pub(crate) fn allocations(&self, log: &Path) -> Option<u64> {
        let valgrind = ["--undef-value-errors=no", "--leak-check=no"];
        let (mut command, feeder) = self.command(log, Some(&valgrind)).ok()?;
        let output = command.stdout(Stdio::null()).output();
        if let Some(cat) = feeder {
            sys::wait(&cat).ok()?;
        }
        let output = output.ok()?;
        let _ = fs::remove_file(super::log::directory().join("events"));
        if !output.status.success() {
            return None;
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, rest) = text.split_once("total heap usage: ")?;
        rest.split_whitespace()
            .next()?
            .replace(',', "")
            .parse()
            .ok()
    }

    /// The command, and the process that feeds it if there is one.
    fn command(
        &self,
        log: &Path,
        valgrind: Option<&[&str]>,
    ) -> io::Result<(Command, Option<std::process::Child>)> {
        let (Kind::Argument(path, args) | Kind::Input(path, args) | Kind::Pipe(path, args)) =
            &self.kind;
        let mut command = match valgrind {
            Some(options) => {
                let mut command = Command::new("valgrind");
                command.args(options).arg(path);
                command
            }
            None => Command::new(path),
        };
        command.args(args);
        let mut feeder = None;
        match &self.kind {
            Kind::Argument(..) => drop(command.arg(log).stdin(Stdio::null())),
            Kind::Input(..) => drop(command.stdin(File::open(log)?)),
            Kind::Pipe(..) => {
                let mut cat = Command::new("cat")
                    .arg(log)
                    .stdout(Stdio::piped())
                    .spawn()?;
                command.stdin(cat.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
                feeder = Some(cat);
            }
        }
        Ok((command, feeder))
    }
}

/// The installed laurel, and those that `--laurel PATH` names, with their versions. Reports each
/// missing one on standard error.
pub(crate) fn laurels() -> Vec<(String, String)> {
    let paths = [vec!["laurel".to_owned()], options("--laurel")].concat();
    let versions = paths.into_iter().map(|path| {
        let version = version(&path, "--version")?;
        Some((path, version))
    });
    versions.flatten().collect()
}

/// A configuration of laurel with its default settings, which writes to `events` in a directory.
pub(crate) fn laurel_config(directory: &Path) -> io::Result<PathBuf> {
    let config = directory.join("laurel.toml");
    let text = format!(
        "directory = {directory:?}\n[auditlog]\nfile = \"events\"\nsize = 1000000000000\ngenerations = 0\n"
    );
    fs::write(&config, text)?;
    Ok(config)
}

/// The version of a program: the first word of its output that starts with a digit.
pub(crate) fn version(program: &str, option: &str) -> Option<String> {
    let Ok(output) = Command::new(program)
        .arg(option)
        .stdin(Stdio::null())
        .output()
    else {
        eprintln!("not measured: {program} is not installed");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    Some(
        said.split_whitespace()
            .find(number)
            .unwrap_or("")
            .to_owned(),
    )
}

/// Compiles the program that walks a log with libauparse. `None` without the library or a compiler.
fn compiled(directory: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/auparse.c");
    let walker = directory.join("auparse");
    let cc = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&walker)
        .arg(source)
        .arg("-l:libauparse.so.0")
        .output();
    let is_there = cc.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("not measured: libauparse needs cc and libauparse.so.0");
    }
    is_there.then_some(walker)
}
