//! Histories of a file system, as the bytes say: no path that is told is wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/hostile/histories/model/mod.rs"]
#[allow(dead_code, reason = "the test beside it counts more")]
mod model;

fuzz_target!(|bytes: &[u8]| {
    let report = model::replay(bytes);
    let is_excused = report.moves_roots || report.wrong.iter().all(|wrong| wrong.excuse.is_some());
    assert!(is_excused, "{}", report.text);
});
