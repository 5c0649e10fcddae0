//! Events that are left out: `--drop`, `--keep` and `--filter`.
//!
//! An expression is a list of conditions, `exe=/opt/agent/*,uid=0`, that an event must all meet.
//! They are about the decoded values of an event; a condition about a key that an event lacks is
//! not met. Events that failed, or that are incomplete or truncated, are left out only by an
//! expression with a condition about that.

mod expression;
mod index;
mod keys;
mod pattern;

pub use expression::{Expression, Lists};
use index::Index;

use crate::model::AuditEvent;

/// Compiled expressions.
///
/// ```
/// use auditrd::{Arena, filter::{Filters, Lists}, parse_audit_event, record_type::*};
/// use auditrd::model::{EventId, Groups};
///
/// let mut lists = Lists::default();
/// lists.read("drop exe=/opt/agent/**\nkeep uid=1000-\n")?;
/// let filters = Filters::new(lists);
///
/// let mut groups = Groups::default();
/// let call = b"arch=c000003e syscall=59 success=yes exit=0 uid=0 exe=\"/opt/agent/bin/x\"";
/// groups.begin(EventId::default(), b"").push(AUDIT_SYSCALL, call);
/// let arena = Arena::new();
/// let event = parse_audit_event(&groups.last().unwrap(), &arena).unwrap();
/// assert_eq!(filters.drops(&event), Some(0));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Default)]
pub struct Filters {
    drop: Index,
    keep: Index,
}

/// Reads `/etc/passwd` and `/etc/group`, for expressions with names of users and groups. Without
/// this call, they are read when the first such expression is.
pub fn read_names() {
    pattern::read_names();
}

impl Filters {
    /// Compiles expressions.
    pub fn new(lists: Lists) -> Filters {
        let drop = lists.drop.into_iter().map(Expression::sparing);
        Filters {
            drop: Index::new(drop.collect()),
            keep: Index::new(lists.keep),
        }
    }

    /// The number of a drop expression that leaves an event out, counted from 0. `None` if the
    /// event is to be written: it meets no drop expression, or also one that keeps it.
    pub fn drops(&self, event: &AuditEvent<'_>) -> Option<usize> {
        let found = self.drop.find(event)?;
        self.keep.find(event).is_none().then_some(found)
    }

    /// Whether there is nothing that leaves events out.
    pub fn is_empty(&self) -> bool {
        self.drop.is_empty()
    }

    /// The expressions that leave events out.
    pub fn drop_expressions(&self) -> &[Expression] {
        self.drop.expressions()
    }

    /// The expressions that keep events.
    pub fn keep_expressions(&self) -> &[Expression] {
        self.keep.expressions()
    }
}

#[cfg(test)]
mod tests;
