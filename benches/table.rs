//! Prints the table in docs/performance.md: this program, a lower bound and other programs, reading
//! the same log.
//!
//! `cargo bench --bench table -- [--copies N] [--runs N] [--laurel PATH]...`. The Debian packages
//! are laurel, auditd, libauparse0, and valgrind, which counts allocations. `--laurel` adds another
//! version of laurel. Programs that are not installed are reported and left out.

#![expect(clippy::print_stdout, reason = "the table goes there")]

mod support;

use std::{io, path::Path};

use support::{
    cost::Cost,
    log, number,
    programs::{self, Program},
};

/// The number of records for counting allocations: valgrind is slow.
const COUNTED_RECORDS: u64 = 20_000;

fn main() -> io::Result<()> {
    if programs::is_scan()? || !support::is_bench() {
        return Ok(());
    }
    let (log, size) = log::grown(number("--copies", 10), None)?;
    let runs = number("--runs", 3);
    println!(
        "{:.0} MB, {} records, {} events; the least of {runs} runs each.\n",
        size.megabytes(),
        size.records,
        size.events
    );
    println!("| | what it does | CPU s | MB/s | records/s | peak MiB | allocations per event |");
    println!("|---|---|---:|---:|---:|---:|---:|");
    let mut programs = vec![
        Program::line_ends()?,
        Program::ours(),
        Program::ours_from_pipe(),
        Program::ours_to_file(),
    ];
    programs.extend(Program::peers()?);
    for program in &programs {
        let cost = Cost::least(runs, || program.run(&log))?;
        println!(
            "| {} | {} | {:.2} | {:.0} | {} | {:.0} | {} |",
            program.name,
            program.does,
            cost.cpu.as_secs_f64(),
            cost.rate(&size),
            thousands(cost.records(&size)),
            cost.peak_mib(),
            allocations(program)?,
        );
    }
    println!("\nMB/s and records/s are per second of CPU time, user and system.");
    Ok(())
}

/// Allocations per event: the difference between three copies of the log and two.
fn allocations(program: &Program) -> io::Result<String> {
    let count = |copies| -> io::Result<_> {
        let (log, size) = log::grown(copies, Some(COUNTED_RECORDS))?;
        Ok((program.allocations(Path::new(&log)), size.events))
    };
    let (few, many) = (count(2)?, count(3)?);
    let (Some(before), Some(after)) = (few.0, many.0) else {
        return Ok("?".to_owned());
    };
    let each = (after as f64 - before as f64) / (many.1 - few.1) as f64;
    // Counts differ by a few from run to run. A program that ended early has far fewer for the
    // longer log.
    if each < -0.01 {
        return Ok("?".to_owned());
    }
    let each = each.max(0.0);
    Ok(if each >= 10.0 {
        format!("{each:.0}")
    } else {
        format!("{each:.2}")
    })
}

/// A number with thousands separators.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
