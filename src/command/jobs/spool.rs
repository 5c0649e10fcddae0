//! Hands the lines of one input to the marshaller thread, in memory or through the temporary file.

use std::{mem, sync::atomic::Ordering};

use auditrd::{Error, reader::Interrupter};
use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::{
    Entry, Page, Shared,
    board::Made,
    spill::{BLOCK_BYTES, SLOT_BYTES},
};
use crate::command::pipeline::Lines;

/// A page is handed over when it has this many bytes, and so fills the last block of a slot. Its
/// last line may be longer than the rest of the slot, but few are.
const PAGE_BYTES: usize = SLOT_BYTES - BLOCK_BYTES + 1;

/// The marshaller thread has ended, and takes no more lines.
#[derive(Debug)]
pub(super) struct Gone;

/// The lines of one input.
pub(super) struct Spool<'a> {
    pub(super) number: usize,
    pub(super) shared: &'a Shared,
    pub(super) entries: Sender<Entry>,
    /// Empty pages. Taking the last one means that the marshaller thread has not used the others.
    pub(super) pool: &'a Receiver<Page>,
    pub(super) page: &'a mut Page,
    /// All lines so far.
    pub(super) made: Made,
}

impl Lines for Spool<'_> {
    #[inline]
    fn line(&mut self, records: u64, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let length = self.page.line(records, write);
        self.made.lines += u64::from(length > 0);
        self.made.bytes += length as u64;
        self.page.packed_bytes() >= PAGE_BYTES
    }
}

impl Spool<'_> {
    /// Notes that this worker reads the input.
    pub(super) fn start(
        &self,
        worker: usize,
        interrupter: Option<Interrupter>,
    ) -> Result<(), Gone> {
        self.send(Entry::Started(worker, interrupter))
    }

    /// Whether the lines of this input are being written.
    pub(super) fn is_its_turn(&self) -> bool {
        self.shared.turn.load(Ordering::Acquire) == self.number
    }

    /// Hands over the page: in memory, or else in the temporary file, unless it is the turn of this
    /// input. If there is no room, waits until there is.
    pub(super) fn hand_over(&mut self) -> Result<(), Gone> {
        if self.page.lines.is_empty() {
            return Ok(());
        }
        let empty = match self.pool.try_recv() {
            Ok(empty) => empty,
            Err(TryRecvError::Disconnected) => return Err(Gone),
            Err(TryRecvError::Empty) => {
                let spill = self.shared.spill.as_ref();
                let spill = spill.filter(|_| !self.is_its_turn());
                if let Some(spilled) = spill.and_then(|spill| spill.write(self.page)) {
                    return self.send(Entry::Spilled(spilled));
                }
                self.pool.recv().map_err(|_| Gone)?
            }
        };
        let full = mem::replace(self.page, empty);
        self.send(Entry::Page(full))
    }

    /// Ends the input.
    pub(super) fn end(&self, result: Result<(), Error>) -> Result<(), Gone> {
        self.send(Entry::Ended(result))
    }

    fn send(&self, entry: Entry) -> Result<(), Gone> {
        self.entries.send(entry).map_err(|_| Gone)
    }
}
