//! How lines are to be written, and what became of them.

/// How lines are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SinkConfig {
    /// How large a file gets, and what becomes of it then; none is as large as it gets.
    pub rotation: Option<Rotation>,
    /// When the disk is asked to take what was written.
    pub fsync: Fsync,
    /// Whether lines wait for a file that fails, however long; the caller asks
    /// [`Sink::must_wait`](crate::Sink::must_wait) before it adds more. Standard output then is not waited for: its error
    /// is one of the whole command, as with any filter.
    pub waits: bool,
    /// Bytes of lines that are kept at most while the output fails.
    pub kept: usize,
}

impl SinkConfig {
    /// The usual bound on lines that are kept, 16 MiB.
    pub const KEPT: usize = 16 << 20;
}

impl Default for SinkConfig {
    fn default() -> SinkConfig {
        SinkConfig {
            rotation: None,
            fsync: Fsync::Never,
            waits: false,
            kept: SinkConfig::KEPT,
        }
    }
}

/// When a file is left for a new one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rotation {
    /// Bytes in a file at most, unless a single line is longer.
    pub max_size: u64,
    /// Old files that are kept, from FILE.1, the newest.
    pub max_files: u32,
}

/// When the disk is asked to take what was written, rather than when the kernel sees fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fsync {
    /// Not at all.
    Never,
    /// About every second.
    Interval,
    /// After every write.
    Always,
}

/// What became of lines.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SinkTally {
    /// Lines that were written.
    pub lines: u64,
    /// Records that those lines stand for.
    pub records: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Lines that were given up because the output failed.
    pub unwritten: u64,
    /// Records that those lines stand for.
    pub unwritten_records: u64,
    /// Times that the output failed, each until it worked again.
    pub failures: u64,
    /// Files that were left because they were full.
    pub rotations: u64,
    /// Times that the disk was asked to take what was written.
    pub syncs: u64,
    /// Times that it could not.
    pub failed_syncs: u64,
    /// Lines that wait to be written.
    pub pending: u64,
    /// Records that those lines stand for.
    pub pending_records: u64,
    /// Bytes that wait to be written.
    pub pending_bytes: u64,
}
