//! The configuration of a sink, and its counters.

/// How lines are written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SinkConfig {
    /// When the file is rotated; `None` never rotates it.
    pub rotation: Option<Rotation>,
    /// When written lines are synced to disk.
    pub fsync: Fsync,
    /// Whether no line may be dropped while a file fails, however long that takes. The caller must
    /// check [`Sink::must_wait`](crate::sink::Sink::must_wait) before it adds lines. A failing
    /// standard output is then an error at once, as in any filter.
    pub waits: bool,
    /// Bytes of pending lines to keep in memory while the output fails.
    pub max_pending: usize,
    /// How lines begin, in every format that the file may have been written in, such as
    /// [`encode::BEGINNING`](crate::encode::BEGINNING). If the last line of the file starts so and
    /// is not a whole JSON object, it was cut short and is removed. Any other last line is ended.
    pub beginnings: Vec<&'static [u8]>,
}

impl SinkConfig {
    /// The default of [`max_pending`](Self::max_pending), 16 MiB.
    pub const MAX_PENDING_BYTES: usize = 16 << 20;
}

impl Default for SinkConfig {
    fn default() -> SinkConfig {
        SinkConfig {
            rotation: None,
            fsync: Fsync::Never,
            waits: false,
            max_pending: SinkConfig::MAX_PENDING_BYTES,
            beginnings: Vec::new(),
        }
    }
}

/// When a file is rotated, and how many rotated files are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rotation {
    /// Maximum size of a file in bytes, unless a single line is longer.
    pub max_size: u64,
    /// Number of rotated files to keep; FILE.1 is the newest.
    pub max_files: u32,
}

/// When written lines are synced to disk with fdatasync(2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fsync {
    /// Never: the kernel decides when to write them to disk.
    Never,
    /// About once a second.
    Interval,
    /// After every write.
    Always,
}

/// Counters of a sink. Each line is counted as written, unwritten or pending.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SinkTally {
    /// Lines written.
    pub lines: u64,
    /// Records represented by those lines.
    pub records: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Lines dropped because the output failed.
    pub unwritten: u64,
    /// Records represented by those lines.
    pub unwritten_records: u64,
    /// Outages: times that the output began to fail.
    pub failures: u64,
    /// Rotations because a file was full.
    pub rotations: u64,
    /// Syncs to disk.
    pub syncs: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Lines waiting to be written.
    pub pending: u64,
    /// Records represented by those lines.
    pub pending_records: u64,
    /// Bytes waiting to be written.
    pub pending_bytes: u64,
}
