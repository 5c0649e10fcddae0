//! Shared by the benches: the log, the cost of a process, the counting allocator.
#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod cost;
pub(crate) mod log;
pub(crate) mod plot;
pub(crate) mod programs;
pub(crate) mod sys;

/// Whether this is `cargo bench`. `cargo test --benches` runs the benches too, but must not
/// measure.
pub(crate) fn is_bench() -> bool {
    let is_bench = has("--bench");
    if !is_bench {
        eprintln!("not measured: run it with cargo bench");
    }
    is_bench
}

/// Whether an option is on the command line.
pub(crate) fn has(name: &str) -> bool {
    std::env::args().any(|arg| arg == name)
}

/// The value of an option on the command line, such as the `3` of `--copies 3`.
pub(crate) fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// All values of an option that may be repeated.
pub(crate) fn options(name: &str) -> Vec<String> {
    let args: Vec<String> = std::env::args().collect();
    let pairs = args.windows(2).filter(|pair| pair[0] == name);
    pairs.map(|pair| pair[1].clone()).collect()
}

/// The numeric value of an option, or its default.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    option(name).map_or(default, |text| text.parse().expect("a number"))
}
