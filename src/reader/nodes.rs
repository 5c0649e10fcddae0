//! The missing serials of all nodes of a log.

use super::SerialTracker;
use crate::reassemble::Nodes;

/// The bound on the trackers of nodes, in bytes.
const MAX_BYTES: usize = 64 << 20;

/// Tracks the serials of each node, as each kernel numbers its own events.
#[derive(Debug)]
pub(super) struct NodeSerials {
    window: u32,
    /// The serials of records without a node.
    unnamed: SerialTracker,
    nodes: Nodes,
    /// The serials of each node that has a name, by its number less one.
    named: Vec<SerialTracker>,
    /// The missing serials of those nodes, and of the forgotten ones.
    missing: u64,
    /// The highest number of a gap of a node with a name.
    most: u32,
    /// Added to the numbers of such gaps, so that those of a node that was forgotten do not recur:
    /// its losses meanwhile are unknown.
    unknown: u32,
}

impl NodeSerials {
    pub(super) fn new(window: u32) -> NodeSerials {
        NodeSerials {
            window,
            unnamed: SerialTracker::new(window),
            nodes: Nodes::default(),
            named: Vec::new(),
            missing: 0,
            most: 0,
            unknown: 0,
        }
    }

    /// Notes a record of a node. Its serial is `None` if the kernel did not give it. Returns the
    /// node's last gap that is still open ([`SerialTracker::last_gap`]).
    #[inline]
    pub(super) fn see(&mut self, node: &[u8], serial: Option<u32>) -> u32 {
        if !node.is_empty() {
            return self.see_named(node, serial);
        }
        if let Some(serial) = serial {
            self.unnamed.see(serial);
        }
        self.unnamed.last_gap()
    }

    #[inline(never)]
    fn see_named(&mut self, node: &[u8], serial: Option<u32>) -> u32 {
        if self.nodes.is_full() || self.named.len() * self.unnamed.size() >= MAX_BYTES {
            self.forget();
        }
        let index = self.nodes.number(node) as usize - 1;
        if index == self.named.len() {
            self.named.push(SerialTracker::new(self.window));
        }
        let tracker = &mut self.named[index];
        if let Some(serial) = serial {
            let before = tracker.missing();
            tracker.see(serial);
            self.missing += tracker.missing() - before;
        }
        let gap = self.unknown.saturating_add(tracker.last_gap());
        self.most = self.most.max(gap);
        gap
    }

    fn forget(&mut self) {
        self.finish_named();
        self.named.clear();
        self.nodes = Nodes::default();
        self.unknown = self.most.saturating_add(1);
    }

    fn finish_named(&mut self) {
        for tracker in &mut self.named {
            let before = tracker.missing();
            self.missing += tracker.finish() - before;
        }
    }

    /// As [`SerialTracker::finish`], for all nodes.
    pub(super) fn finish(&mut self) {
        self.unnamed.finish();
        self.finish_named();
    }

    /// The number of missing serials of all nodes, without those that may still arrive.
    pub(super) fn missing(&self) -> u64 {
        self.unnamed.missing() + self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(serials: &mut NodeSerials, node: &str, seen: impl IntoIterator<Item = u32>) -> u32 {
        let each = seen.into_iter().map(Some);
        let see = |_, serial| serials.see(node.as_bytes(), serial);
        each.fold(0, see)
    }

    #[test]
    fn the_serials_of_each_node_are_tracked_by_themselves() {
        let mut serials = NodeSerials::new(64);
        assert_eq!(see(&mut serials, "", 1..10), 0);
        assert_eq!(see(&mut serials, "one", [101, 102, 104, 105]), 1);
        assert_eq!(see(&mut serials, "other", [7, 8, 9, 12, 13]), 1);
        assert_eq!(see(&mut serials, "", [10]), 0);
        assert_eq!(serials.see(b"one", None), 1);
        assert_eq!(see(&mut serials, "one", [103]), 0, "it was only late");
        assert_eq!(serials.missing(), 0, "they may still arrive");
        serials.finish();
        assert_eq!(serials.missing(), 2);
    }

    #[test]
    fn a_boot_is_a_gap_of_its_node_but_no_serial_is_missing() {
        let mut serials = NodeSerials::new(64);
        // The first serial from far behind may be only late.
        for (boot, gap) in [(1000..1100, 0), (1..2, 0), (2..50, 1)] {
            for serial in boot {
                assert_eq!(see(&mut serials, "one", [serial]), gap);
                assert_eq!(see(&mut serials, "other", [serial + 500]), gap);
            }
        }
        serials.finish();
        assert_eq!(serials.missing(), 0);
    }

    #[test]
    fn a_forgotten_node_has_lost_more_than_any_before() {
        let mut serials = NodeSerials::new(1 << 20);
        assert_eq!(see(&mut serials, "one", [1, 2, 3, 4, 7]), 1);
        let most = MAX_BYTES / serials.unnamed.size();
        for node in 0..most {
            see(&mut serials, &node.to_string(), [1, 2]);
        }
        assert!(serials.named.len() <= most);
        let gap = see(&mut serials, "one", [8]);
        assert!(gap > 1, "{gap}");
        assert_eq!(see(&mut serials, "one", [9, 10]), gap);
        assert_eq!(serials.missing(), 2);
    }
}
