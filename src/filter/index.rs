//! Finding the expressions that an event may meet without trying them all.
//!
//! Each expression is filed under the condition that the fewest events are likely to meet: an exact
//! text or number, a network, or the beginning of a glob. An event is looked up by its own values.
//! Only the expressions that are found, and those that have no such condition, are tried.

use std::hash::Hash;

use hashbrown::HashMap;

use super::{
    expression::{Condition, Expression},
    keys::{Key, Value},
    pattern::{Network, Pattern, address},
};
use crate::model::AuditEvent;

/// Expressions, of which the first that an event meets is found.
#[derive(Debug, Default)]
pub(super) struct Index {
    expressions: Vec<Expression>,
    keys: Vec<(Key, Filed)>,
    /// Those that are filed nowhere.
    others: Vec<usize>,
}

/// The expressions that are filed under one key.
#[derive(Debug, Default)]
struct Filed {
    texts: HashMap<Vec<u8>, Vec<usize>>,
    numbers: HashMap<i64, Vec<usize>>,
    prefixes: ByLength<Vec<u8>>,
    networks: ByLength<Network>,
}

/// A map with the lengths of its keys.
#[derive(Debug)]
struct ByLength<K> {
    lengths: Vec<usize>,
    map: HashMap<K, Vec<usize>>,
}

impl<K> Default for ByLength<K> {
    fn default() -> ByLength<K> {
        ByLength {
            lengths: Vec::new(),
            map: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash> ByLength<K> {
    fn add(&mut self, key: K, length: usize, index: usize) {
        if let Err(at) = self.lengths.binary_search(&length) {
            self.lengths.insert(at, length);
        }
        self.map.entry(key).or_default().push(index);
    }
}

impl Index {
    pub(super) fn new(expressions: Vec<Expression>) -> Index {
        let mut index = Index::default();
        for (number, expression) in expressions.iter().enumerate() {
            let filed = expression.conditions.iter().filter(|c| rank(c) > 0);
            match filed.max_by_key(|condition| rank(condition)) {
                Some(condition) => index.file(condition, number),
                None => index.others.push(number),
            }
        }
        index.expressions = expressions;
        index
    }

    fn file(&mut self, condition: &Condition, number: usize) {
        let at = match self.keys.iter().position(|(key, _)| *key == condition.key) {
            Some(at) => at,
            None => {
                self.keys.push((condition.key, Filed::default()));
                self.keys.len() - 1
            }
        };
        let Some((_, filed)) = self.keys.get_mut(at) else {
            return;
        };
        match &condition.pattern {
            Pattern::Text(text) => filed.texts.entry(text.clone()).or_default().push(number),
            Pattern::Number(value) => filed.numbers.entry(*value).or_default().push(number),
            Pattern::Glob(glob) => {
                let (prefix, length) = (glob.prefix.clone(), glob.prefix.len());
                filed.prefixes.add(prefix, length, number);
            }
            Pattern::Network(network) => {
                filed.networks.add(*network, network.length.into(), number);
            }
            Pattern::Range(_) | Pattern::Flag => self.others.push(number),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.expressions.is_empty()
    }

    pub(super) fn expressions(&self) -> &[Expression] {
        &self.expressions
    }

    /// The number of an expression that an event meets.
    pub(super) fn find(&self, event: &AuditEvent<'_>) -> Option<usize> {
        let is_met = |number: &usize| {
            let expression = self.expressions.get(*number)?;
            expression.is_met(event).then_some(*number)
        };
        let mut found = self.others.iter().find_map(is_met);
        for (key, filed) in &self.keys {
            if found.is_some() {
                return found;
            }
            key.values(event, &mut |value| {
                if found.is_none() {
                    found = filed.find(value, &is_met);
                }
            });
        }
        found
    }
}

impl Filed {
    fn find(&self, value: Value<'_>, is_met: &impl Fn(&usize) -> Option<usize>) -> Option<usize> {
        let first = |numbers: Option<&Vec<usize>>| numbers.into_iter().flatten().find_map(is_met);
        match value {
            Value::Text(text) => {
                let prefixes = || {
                    let lengths = self.prefixes.lengths.iter();
                    let mut starts = lengths.map_while(|length| text.get(..*length));
                    starts.find_map(|start| first(self.prefixes.map.get(start)))
                };
                first(self.texts.get(text))
                    .or_else(prefixes)
                    .or_else(|| self.in_networks(text, first))
            }
            Value::Number(number) => first(self.numbers.get(&number)).or_else(|| {
                // A record type without a name.
                let text = crate::bytes::Decimal::new(number);
                first(self.texts.get(text.as_bytes()))
            }),
            Value::Flag => None,
        }
    }

    fn in_networks(
        &self,
        text: &[u8],
        first: impl Fn(Option<&Vec<usize>>) -> Option<usize>,
    ) -> Option<usize> {
        if self.networks.lengths.is_empty() {
            return None;
        }
        let address = address(text)?;
        let mut lengths = self.networks.lengths.iter();
        lengths.find_map(|length| {
            let network = Network::of(address, u8::try_from(*length).ok()?)?;
            first(self.networks.map.get(&network))
        })
    }
}

/// A number that is the higher, the fewer events are likely to meet a condition. 0 if events cannot
/// be looked up by it.
fn rank(condition: &Condition) -> usize {
    if condition.is_negative {
        return 0;
    }
    // Few values: most events have one of them.
    let is_coarse = matches!(
        condition.key,
        Key::Name | Key::Success | Key::Arch | Key::Family | Key::Action | Key::Uid | Key::Node
    );
    match &condition.pattern {
        Pattern::Text(_) | Pattern::Number(_) if is_coarse => 1,
        Pattern::Text(text) => 100 + text.len(),
        Pattern::Number(_) => 50,
        Pattern::Network(network) => 40 + usize::from(network.length),
        Pattern::Glob(glob) if glob.prefix.is_empty() => 0,
        Pattern::Glob(glob) => 10 + glob.prefix.len(),
        Pattern::Range(_) | Pattern::Flag => 0,
    }
}
