//! Random histories of a file system, held against a model of it.
//!
//! A path that is not said to be unresolved names the very entry that the call touched. `HISTORIES`
//! says how many are tried.

mod model;

use std::cell::Cell;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

/// Histories that are tried unless told otherwise.
const HISTORIES: u32 = 4000;

/// Of the calls that succeeded where all was recorded, in percent.
const RESOLVED: usize = 90;

#[test]
fn no_history_makes_a_path_wrong_and_few_leave_one_unresolved() {
    let said = std::env::var("HISTORIES").ok();
    let cases = said.map_or(HISTORIES, |said| {
        said.parse().expect("HISTORIES is a number")
    });
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    // The same histories each time; the fuzz target is for others.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let setup = any::<[u8; model::SETUP]>();
    let steps = vec(any::<[u8; model::STEP]>(), 0..40);
    let resolved = Cell::new([0, 0]);
    let outcome = runner.run(&(setup, steps), |(setup, steps)| {
        let report = model::replay(&[&setup[..], steps.as_flattened()].concat());
        let [some, all] = resolved.get();
        resolved.set([some + report.resolved[0], all + report.resolved[1]]);
        let is_excused =
            report.moves_roots || report.wrong.iter().all(|wrong| wrong.excuse.is_some());
        prop_assert!(is_excused, "{}", report.text);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(TestError::Abort(reason)) => panic!("given up: {reason}"),
    }
    let [some, all] = resolved.get();
    assert!(
        some * 100 >= all * RESOLVED,
        "only {some} of {all} are resolved"
    );
}
