//! The replay of a whole log by the binary, from a file and from a pipe, against what it costs to
//! find the line ends in it.
//!
//! `cargo bench --bench replay -- [--copies N] [--runs N] [--binary PATH]`; ten copies of the busy
//! host's log are about 280 MB.

#![expect(clippy::print_stdout, reason = "figures go there")]

mod support;

use std::{
    fs::File,
    io,
    path::Path,
    process::{Command, Stdio},
};

use support::{
    cost::Cost,
    log::{self, Size},
    number, option, sys,
};

fn main() -> io::Result<()> {
    if support::option("--scan").is_some() {
        return scan();
    }
    if !support::is_bench() {
        return Ok(());
    }
    let (log, size) = log::grown(number("--copies", 10))?;
    let binary = option("--binary").unwrap_or_else(|| env!("CARGO_BIN_EXE_auditrd").to_owned());
    let runs = number("--runs", 5);
    println!(
        "{:.0} MB, {} records, {} events; the least of {runs} runs",
        size.megabytes(),
        size.records,
        size.events
    );
    println!(
        "{:<16} {:>7} {:>7} {:>9} {:>7} {:>12} {:>9}",
        "", "CPU s", "wall s", "wall/CPU", "MB/s", "records/s", "peak MiB"
    );
    report(
        "line ends",
        &size,
        Cost::least(runs, || Cost::of(bare(&log)?.stdout(Stdio::null())))?,
    );
    report(
        "-i FILE",
        &size,
        Cost::least(runs, || from_file(&binary, &log))?,
    );
    report(
        "-i - < pipe",
        &size,
        Cost::least(runs, || from_pipe(&binary, &log))?,
    );
    Ok(())
}

fn report(name: &str, size: &Size, cost: Cost) {
    let (cpu, wall) = (cost.cpu.as_secs_f64(), cost.wall.as_secs_f64());
    println!(
        "{name:<16} {cpu:>7.3} {wall:>7.3} {:>9.2} {:>7.0} {:>12.0} {:>9.1}",
        wall / cpu,
        cost.rate(size),
        cost.records(size),
        cost.peak as f64 / f64::from(1 << 20),
    );
}

/// This program again, to count line ends and nothing else.
fn bare(log: &Path) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--scan").arg(log);
    Ok(command)
}

fn scan() -> io::Result<()> {
    let path = option("--scan").ok_or(io::ErrorKind::InvalidInput)?;
    println!("{}", log::scan(Path::new(&path))?);
    Ok(())
}

fn from_file(binary: &str, log: &Path) -> io::Result<Cost> {
    Cost::of(
        Command::new(binary)
            .arg("-i")
            .arg(log)
            .stdout(Stdio::null()),
    )
}

/// What `cat` costs is not counted.
fn from_pipe(binary: &str, log: &Path) -> io::Result<Cost> {
    let mut cat = Command::new("cat")
        .stdin(File::open(log)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let pipe = cat.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let cost = Cost::of(
        Command::new(binary)
            .args(["-i", "-"])
            .stdin(pipe)
            .stdout(Stdio::null()),
    );
    sys::wait(&cat)?;
    cost
}
