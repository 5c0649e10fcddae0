//! The open windows, in bounded memory.

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::HashMap;

use crate::model::{Millis, Repeats};

/// Bytes that a window takes besides its texts: it is in three maps.
const WINDOW_BYTES: usize = 256;

/// The common part of the events of one window.
pub(super) type Key = Arc<[u8]>;

/// The events that were held since a time.
#[derive(Debug)]
pub(super) struct Window {
    /// `None` if none were.
    pub(super) repeats: Option<Repeats>,
    /// The number of their records.
    pub(super) records: u64,
    /// The line of the last one.
    pub(super) line: Vec<u8>,
    /// Whether that was cut.
    pub(super) is_cut: bool,
    node: Key,
    due: Due,
    /// When it was used, as the number of that use.
    used: u64,
}

/// When a window ends, with the number of its beginning, so that those that began first end first.
type Due = (Millis, u64);

/// All open windows.
#[derive(Debug)]
pub(super) struct Windows {
    max_windows: usize,
    max_bytes: usize,
    windows: HashMap<Key, Window>,
    /// The windows of each host by their ends.
    due: HashMap<Key, BTreeMap<Due, Key>>,
    /// All windows, the one that was used least recently first.
    used: BTreeMap<u64, Key>,
    /// The number of uses.
    uses: u64,
    bytes: usize,
}

impl Windows {
    /// With limits on the number of open windows, and on their bytes.
    pub(super) fn new(max_windows: usize, max_bytes: usize) -> Windows {
        Windows {
            max_windows,
            max_bytes,
            windows: HashMap::new(),
            due: HashMap::new(),
            used: BTreeMap::new(),
            uses: 0,
            bytes: 0,
        }
    }

    /// Opens a window in which nothing was held.
    pub(super) fn begin(&mut self, key: Key, node: &[u8], end: Millis) {
        self.uses += 1;
        let (used, due) = (self.uses, (end, self.uses));
        let node = match self.due.get_key_value(node) {
            Some((node, _)) => node.clone(),
            None => Key::from(node),
        };
        let ends = self.due.entry(node.clone()).or_default();
        ends.insert(due, key.clone());
        self.used.insert(used, key.clone());
        let window = Window {
            repeats: None,
            records: 0,
            line: Vec::new(),
            is_cut: false,
            node,
            due,
            used,
        };
        self.bytes += size(&key, &window);
        self.windows.insert(key, window);
    }

    /// Changes the window of a key. Returns whether there is one.
    pub(super) fn update(&mut self, key: &[u8], change: impl FnOnce(&mut Window)) -> bool {
        let Some(window) = self.windows.get_mut(key) else {
            return false;
        };
        self.bytes -= size(key, window);
        change(window);
        self.bytes += size(key, window);
        self.uses += 1;
        if let Some(key) = self.used.remove(&window.used) {
            self.used.insert(self.uses, key);
        }
        window.used = self.uses;
        true
    }

    /// Removes the first window of a host that ends by a time.
    pub(super) fn pop_due(&mut self, node: &[u8], now: Millis) -> Option<(Key, Window)> {
        let ((end, _), key) = self.due.get(node)?.first_key_value()?;
        let key = (*end <= now).then(|| key.clone())?;
        let window = self.remove(&key)?;
        Some((key, window))
    }

    /// Removes all windows of any host that end by a time, the first one first.
    pub(super) fn drain_due(&mut self, now: Millis) -> Vec<Window> {
        let ends = self.due.values();
        let mut due: Vec<(Due, Key)> = ends
            .flat_map(|ends| ends.range(..=(now, u64::MAX)))
            .map(|(due, key)| (*due, key.clone()))
            .collect();
        due.sort_unstable_by_key(|(due, _)| *due);
        let windows = due.iter().filter_map(|(_, key)| self.remove(key));
        windows.collect()
    }

    /// If the windows exceed a limit, removes the one that was used least recently.
    pub(super) fn pop_excess(&mut self) -> Option<Window> {
        let is_full = self.windows.len() > self.max_windows || self.bytes > self.max_bytes;
        let (_, key) = self.used.first_key_value().filter(|_| is_full)?;
        let key = key.clone();
        self.remove(&key)
    }

    fn remove(&mut self, key: &Key) -> Option<Window> {
        let window = self.windows.remove(key)?;
        self.bytes -= size(key, &window);
        self.used.remove(&window.used);
        if let Some(ends) = self.due.get_mut(&window.node) {
            ends.remove(&window.due);
            if ends.is_empty() {
                self.due.remove(&window.node);
            }
        }
        Some(window)
    }

    /// When the first window of a host ends.
    pub(super) fn first_due(&self, node: &[u8]) -> Option<Millis> {
        let ((end, _), _) = self.due.get(node)?.first_key_value()?;
        Some(*end)
    }

    /// The number of windows, and their bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.windows.len(), self.bytes)
    }
}

/// The bytes that a window takes.
fn size(key: &[u8], window: &Window) -> usize {
    WINDOW_BYTES + key.len() + window.line.capacity()
}
