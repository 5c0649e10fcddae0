//! Numbers the nodes of a log.

use std::collections::HashMap;

/// The nodes and their numbers, from 1; 0 stands for records without a node.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    numbers: HashMap<Vec<u8>, u32>,
    last: (Vec<u8>, u32),
    bytes: usize,
}

impl Nodes {
    const MAX_NODES: usize = 65_536;
    /// The bound on the names: a forged name may be as long as a line.
    const MAX_NAME_BYTES: usize = 16 << 20;

    pub(crate) fn is_full(&self) -> bool {
        self.numbers.len() >= Nodes::MAX_NODES || self.bytes >= Nodes::MAX_NAME_BYTES
    }

    pub(crate) fn number(&mut self, name: &[u8]) -> u32 {
        if self.last.0 == name {
            return self.last.1;
        }
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            let number = u32::try_from(self.numbers.len() + 1).unwrap_or(u32::MAX);
            self.numbers.insert(name.to_vec(), number);
            self.bytes += name.len();
            number
        });
        self.last.0.clear();
        self.last.0.extend_from_slice(name);
        self.last.1 = number;
        number
    }
}
