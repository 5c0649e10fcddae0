//! What the benches share: the log that they read, what a process costs, what is allocated.
#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod cost;
pub(crate) mod log;
pub(crate) mod programs;
pub(crate) mod sys;

/// Whether this is `cargo bench`. `cargo test --benches` starts benches too, and wants no figures.
pub(crate) fn is_bench() -> bool {
    let asked = has("--bench");
    if !asked {
        eprintln!("not measured: run it with cargo bench");
    }
    asked
}

/// Whether an option is on the command line.
pub(crate) fn has(name: &str) -> bool {
    std::env::args().any(|arg| arg == name)
}

/// What follows an option on the command line, such as the `3` of `--copies 3`.
pub(crate) fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// A number that follows an option, or what it is otherwise.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    option(name).map_or(otherwise, |text| text.parse().expect("a number"))
}
