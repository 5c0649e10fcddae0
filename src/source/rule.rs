//! The rules that are loaded in the kernel.

use std::collections::BTreeSet;

use crate::rules::{Rule, Watched};

/// The loaded audit rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Rules {
    /// How many there are, those that could not be understood included.
    pub count: usize,
    /// What they watch, each once.
    pub watched: BTreeSet<Watched>,
    /// The rules in the kernel's order.
    pub loaded: Vec<Rule>,
}

impl Rules {
    /// Adds a rule as the kernel lists it.
    pub(super) fn add(&mut self, rule: &[u8]) {
        self.count += 1;
        if let Some(rule) = Rule::read(rule) {
            self.watched.extend(rule.watched());
            self.loaded.push(rule);
        }
    }
}
