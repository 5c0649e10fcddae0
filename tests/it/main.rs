//! Tests of the whole program, each named for the promise that it keeps.
//!
//! `cli` runs the binary as a process. `golden` drives the captures in `tests/data` through the real
//! pipeline, `formats` the other formats and the programs that read them. `hostile` feeds it what no
//! kernel writes. `traps` has one test for each odd record that was seen in the wild. `disk` takes the
//! output away while it is written to. `oracle` asks libauparse and shells for a second opinion.
//! `layering` checks the imports against the architecture, and `docs` the README and the guides against
//! the program. `confine` tries what the program gave up. `units`, `rules`, `shipped` and `forge` ask
//! the tools that the files beside the binary are for. `live`, `coexist`, `truth` and `real` run
//! against this kernel, and `soak` for as long as one likes.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod cli;
mod coexist;
mod common;
mod confine;
mod disk;
mod docs;
mod forge;
mod formats;
mod golden;
mod hostile;
mod layering;
mod live;
mod oracle;
mod process;
mod real;
mod rules;
mod score;
mod shipped;
mod soak;
mod traps;
mod truth;
mod units;
