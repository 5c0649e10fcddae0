//! Memory for one event at a time.

use bumpalo::Bump;

/// Memory for the text that is decoded or built for an event. It is reset after the event, and then
/// used for the next one, so that no event pays for an allocation.
///
/// ```
/// use auditrd::Arena;
///
/// let mut arena = Arena::new();
/// // Classify an event, and write it.
/// arena.reset();
/// assert_eq!(arena.allocated_bytes(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Arena(Bump);

impl Arena {
    /// An arena without any memory yet.
    pub fn new() -> Arena {
        Arena::default()
    }

    /// Frees all text in it, but keeps the largest block of memory for reuse. The borrow checker
    /// ensures that no event still borrows from the arena.
    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// The memory that the arena holds, used or not, in bytes. After an event of unusual size it
    /// may be worth dropping the arena for a new one.
    pub fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    #[inline]
    pub(crate) fn bump(&self) -> &Bump {
        &self.0
    }
}
