//! Tests of the whole program, each named for the promise that it checks.
//!
//! `cli` runs the binary as a process, and `check` and `language` its commands for finding causes
//! and for rules; the latter compares the rules with auditctl. `heartbeat` checks its status
//! events. `golden` replays the captures in `tests/data` through the real pipeline; `formats`
//! checks the other formats and the programs that read them. `hostile` feeds it malformed and
//! excessive input. `traps` has one test for each real-world record that is easily misread, and
//! `inputs` one for each form of a log. `disk` makes the output fail while it is written. `oracle`
//! compares with libauparse and with shells. `layering` checks the imports against the
//! architecture, and `docs` checks the README and the guides against the program. `confine`
//! attempts the operations that the program gave up. `units`, `rules`, `shipped` and `forge` check
//! the files that ship with the binary with the tools that read them. `live`, `coexist`, `truth`,
//! `real`, `logins`, `parents`, `places` and `shares` run against the running kernel; `soak` does
//! so for any length of time, and `storm` replays a million processes. `secrets` plants some, and
//! looks for them in every format; `filters` leaves events out, and `aggregate` joins those that
//! repeat. `jobs` replays the logs of several hosts at the same time.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod aggregate;
mod check;
mod cli;
mod coexist;
mod common;
mod confine;
mod detections;
mod disk;
mod docs;
mod filters;
mod forge;
mod formats;
mod golden;
mod heartbeat;
mod hostile;
mod inputs;
mod jobs;
mod known;
mod language;
mod layering;
mod live;
mod logins;
mod oracle;
mod parents;
mod places;
mod process;
mod real;
mod records;
mod rules;
mod score;
mod secrets;
mod shares;
mod shipped;
mod soak;
mod storm;
mod traps;
mod truth;
mod units;
