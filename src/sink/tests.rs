use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{sync::SYNC_INTERVAL, *};

/// A sink on a file in a directory that a test can remove.
struct Bench {
    root: TempDir,
    sink: Sink,
    start: Instant,
    next: usize,
}

impl Bench {
    fn new(config: SinkConfig) -> Bench {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("logs")).unwrap();
        let sink = Sink::file(&root.path().join("logs/events"), config).unwrap();
        Bench {
            root,
            sink,
            start: Instant::now(),
            next: 0,
        }
    }

    fn file(&self) -> PathBuf {
        self.root.path().join("logs/events")
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Adds lines of 20 bytes, two records each.
    fn lines(&mut self, count: usize) {
        for _ in 0..count {
            let line = format!("{{\"name\":\"{:08}\"}}\n", self.next);
            self.next += 1;
            let _is_full = self
                .sink
                .line(2, |out| out.extend_from_slice(line.as_bytes()));
        }
    }

    /// Adds the same, all at once.
    fn lines_at_once(&mut self, count: usize) {
        let mut text = Vec::new();
        for number in self.next..self.next + count {
            text.extend(format!("{{\"name\":\"{number:08}\"}}\n").bytes());
        }
        self.next += count;
        let line = Line {
            length: 20,
            records: 2,
        };
        self.sink.lines(&mut text, &vec![line; count]);
        assert!(text.is_empty());
    }

    /// Removes the directory and lets the sink notice.
    fn remove_the_directory(&mut self, now: Instant) {
        fs::remove_dir_all(self.root.path().join("logs")).unwrap();
        self.sink.reopen(now).unwrap();
        assert!(self.sink.is_failing());
    }

    fn restore_the_directory(&self) {
        fs::create_dir(self.root.path().join("logs")).unwrap();
    }
}

/// The numbers of the lines in a file.
fn numbers(file: &Path) -> Vec<usize> {
    let text = fs::read_to_string(file).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let number = |line: &str| line["{\"name\":\"".len()..][..8].parse().unwrap();
    text.lines().map(number).collect()
}

fn keeping(max_pending: usize) -> SinkConfig {
    SinkConfig {
        max_pending,
        ..SinkConfig::default()
    }
}

fn rotated(max_size: u64, max_files: u32) -> SinkConfig {
    SinkConfig {
        rotation: Some(Rotation {
            max_size,
            max_files,
        }),
        ..SinkConfig::default()
    }
}

#[test]
fn pending_lines_are_written_when_the_directory_is_back() {
    let mut bench = Bench::new(keeping(200));
    bench.remove_the_directory(bench.at(0));
    bench.lines(13);
    let tally = bench.sink.tally();
    assert_eq!((tally.pending, tally.unwritten), (10, 3));
    assert_eq!((tally.pending_records, tally.unwritten_records), (20, 6));
    bench.restore_the_directory();
    bench.sink.flush(bench.at(100)).unwrap();
    assert!(bench.sink.is_failing(), "it was retried too soon");
    assert_eq!(bench.sink.next_due(), Some(bench.start + RETRY_INTERVAL));
    bench.sink.flush(bench.at(500)).unwrap();
    assert!(!bench.sink.is_failing());
    assert_eq!((bench.sink.take_lost(), bench.sink.take_lost()), (3, 0));
    bench.lines(1);
    bench.sink.flush(bench.at(501)).unwrap();
    let expected: Vec<usize> = (0..10).chain([13]).collect();
    assert_eq!(numbers(&bench.file()), expected);
    let tally = bench.sink.tally();
    assert_eq!((tally.lines, tally.records, tally.pending), (11, 22, 0));
    assert_eq!(tally.failures, 1);
}

#[test]
fn lines_added_at_once_are_kept_and_dropped_as_single_ones_are() {
    let mut bench = Bench::new(keeping(200));
    bench.lines_at_once(2);
    bench.lines_at_once(1);
    bench.lines(1);
    bench.sink.flush(bench.at(0)).unwrap();
    bench.lines_at_once(3);
    bench.sink.flush(bench.at(1)).unwrap();
    assert_eq!(numbers(&bench.file()), (0..7).collect::<Vec<_>>());
    bench.remove_the_directory(bench.at(2));
    bench.lines_at_once(13);
    let tally = bench.sink.tally();
    assert_eq!((tally.lines, tally.records, tally.bytes), (7, 14, 140));
    assert_eq!((tally.pending, tally.unwritten), (10, 3));
    assert_eq!((tally.pending_records, tally.unwritten_records), (20, 6));
    bench.restore_the_directory();
    bench.sink.flush(bench.at(502)).unwrap();
    assert_eq!(numbers(&bench.file()), (7..17).collect::<Vec<_>>());
    assert_eq!(bench.sink.take_lost(), 3);
}

#[test]
fn an_outage_leaves_a_single_gap() {
    // A short line must not be kept after a longer one was dropped.
    let mut bench = Bench::new(keeping(100));
    bench.remove_the_directory(bench.at(0));
    bench.lines(4);
    let long = [b'x'; 50];
    let _is_full = bench.sink.line(1, |out| out.extend_from_slice(&long));
    bench.lines(1);
    assert_eq!(bench.sink.tally().unwritten, 2);
    bench.restore_the_directory();
    bench.sink.flush(bench.at(500)).unwrap();
    assert_eq!(numbers(&bench.file()), [0, 1, 2, 3]);
}

#[test]
fn an_append_of_nothing_is_not_a_line() {
    // With an empty line, writing would never end, and rotate again and again.
    for config in [keeping(100), rotated(60, 2)] {
        let mut bench = Bench::new(config);
        bench.lines(2);
        let _is_full = bench.sink.line(0, |_| {});
        bench.remove_the_directory(bench.at(0));
        bench.lines(1);
        let _is_full = bench.sink.line(0, |_| {});
        bench.restore_the_directory();
        bench.sink.flush(bench.at(500)).unwrap();
        assert_eq!(bench.sink.tally().rotations, 0);
        assert_eq!(
            (bench.sink.tally().lines, bench.sink.tally().pending),
            (3, 0)
        );
    }
}

#[test]
fn a_second_sink_on_the_same_file_is_refused() {
    let mut bench = Bench::new(SinkConfig::default());
    let second = || Sink::file(&bench.file(), SinkConfig::default());
    let error = second().unwrap_err().to_string();
    assert!(error.contains("writes to it; stop that process"), "{error}");
    // Reopening the file does not run into the sink's own lock, and keeps it.
    bench.sink.reopen(bench.at(0)).unwrap();
    bench.lines(1);
    bench.sink.flush(bench.at(1)).unwrap();
    let second = || Sink::file(&bench.file(), SinkConfig::default());
    assert!(second().is_err());
    assert_eq!(numbers(&bench.file()), [0]);
    let file = bench.file();
    drop(bench.sink);
    assert!(Sink::file(&file, SinkConfig::default()).is_ok());
}

#[test]
fn a_sink_that_waits_drops_no_line() {
    let mut bench = Bench::new(SinkConfig {
        waits: true,
        ..keeping(100)
    });
    bench.remove_the_directory(bench.at(0));
    bench.lines(4);
    assert!(!bench.sink.must_wait());
    bench.lines(2);
    assert!(bench.sink.must_wait() && bench.sink.is_waiting());
    bench.restore_the_directory();
    bench.sink.flush(bench.at(500)).unwrap();
    assert!(!bench.sink.must_wait());
    assert_eq!(numbers(&bench.file()), [0, 1, 2, 3, 4, 5]);
    assert_eq!(bench.sink.take_lost(), 0);
}

#[test]
fn lines_that_cannot_be_written_at_the_end_are_counted() {
    let mut bench = Bench::new(keeping(100));
    bench.remove_the_directory(bench.at(0));
    bench.lines(8);
    let error = bench.sink.finish(bench.at(1)).unwrap_err().to_string();
    assert!(error.starts_with("cannot write 8 lines to "), "{error}");
    let tally = bench.sink.tally();
    assert_eq!((tally.unwritten, tally.unwritten_records), (8, 16));
    assert_eq!((tally.pending, tally.pending_bytes), (0, 0));
}

#[test]
fn the_old_file_is_used_until_the_new_one_can_be_opened() {
    let mut bench = Bench::new(SinkConfig::default());
    let moved = bench.root.path().join("logs/moved");
    fs::rename(bench.file(), &moved).unwrap();
    fs::create_dir(bench.file()).unwrap();
    bench.lines(1);
    bench.sink.reopen(bench.at(0)).unwrap();
    bench.lines(1);
    bench.sink.flush(bench.at(1)).unwrap();
    assert!(!bench.sink.is_failing());
    assert_eq!(numbers(&moved), [0, 1]);
    fs::remove_dir(bench.file()).unwrap();
    assert_eq!(bench.sink.next_due(), Some(bench.start + RETRY_INTERVAL));
    bench.lines(1);
    bench.sink.flush(bench.at(500)).unwrap();
    assert_eq!(bench.sink.next_due(), None);
    assert_eq!(
        (numbers(&moved), numbers(&bench.file())),
        (vec![0, 1], vec![2])
    );
}

#[test]
fn a_removed_file_is_created_again() {
    let mut bench = Bench::new(SinkConfig::default());
    bench.lines(1);
    bench.sink.flush(bench.at(0)).unwrap();
    fs::remove_file(bench.file()).unwrap();
    bench.lines(1);
    bench.sink.flush(bench.at(1)).unwrap();
    assert_eq!(numbers(&bench.file()), [1]);
    fs::remove_dir_all(bench.root.path().join("logs")).unwrap();
    bench.lines(1);
    bench.sink.flush(bench.at(2)).unwrap();
    assert!(bench.sink.is_failing());
    bench.restore_the_directory();
    bench.sink.flush(bench.at(502)).unwrap();
    assert_eq!(numbers(&bench.file()), [2]);
}

#[test]
fn no_file_exceeds_its_maximum_size_and_no_line_is_lost() {
    let mut bench = Bench::new(rotated(100, 50));
    for round in 0..20 {
        bench.lines(round);
        bench.sink.flush(bench.at(0)).unwrap();
    }
    let count = (0..20).sum::<usize>();
    let name = |number: usize| PathBuf::from(format!("{}.{number}", bench.file().display()));
    let old = (1..).map(name).take_while(|file| file.exists()).count();
    assert_eq!(old, (count - 1) / 5);
    let mut all = Vec::new();
    for file in (1..=old).rev().map(name).chain([bench.file()]) {
        assert!(fs::metadata(&file).unwrap().len() <= 100);
        all.extend(numbers(&file));
    }
    assert!(all.into_iter().eq(0..count));
    assert_eq!(bench.sink.tally().rotations, old as u64);
}

#[test]
fn a_line_longer_than_the_maximum_size_has_a_file_of_its_own() {
    let mut bench = Bench::new(rotated(50, 9));
    bench.lines(1);
    let long = [&[b'x'; 80][..], b"\n"].concat();
    let _is_full = bench.sink.line(1, |out| out.extend_from_slice(&long));
    bench.lines(1);
    bench.sink.flush(bench.at(0)).unwrap();
    let name = |number: u32| format!("{}.{number}", bench.file().display());
    assert_eq!(numbers(Path::new(&name(2))), [0]);
    assert_eq!(fs::read(name(1)).unwrap(), long);
    assert_eq!(numbers(&bench.file()), [1]);
}

#[test]
fn a_file_that_cannot_be_rotated_grows_until_rotation_works() {
    let mut bench = Bench::new(rotated(40, 1));
    let in_the_way = bench.root.path().join("logs/events.1");
    fs::create_dir(&in_the_way).unwrap();
    bench.lines(5);
    bench.sink.flush(bench.at(0)).unwrap();
    assert_eq!(numbers(&bench.file()), [0, 1, 2, 3, 4]);
    assert!(!bench.sink.is_failing());
    fs::remove_dir(&in_the_way).unwrap();
    bench.lines(1);
    bench.sink.flush(bench.at(499)).unwrap();
    assert_eq!(numbers(&bench.file()).len(), 6);
    bench.lines(1);
    bench.sink.flush(bench.at(500)).unwrap();
    assert_eq!(numbers(&bench.file()), [6]);
    assert_eq!(numbers(&in_the_way).len(), 6);
}

#[test]
fn a_file_that_another_program_has_renamed_is_not_rotated() {
    let mut bench = Bench::new(rotated(40, 3));
    bench.lines(2);
    bench.sink.flush(bench.at(0)).unwrap();
    let theirs = bench.root.path().join("logs/theirs");
    fs::rename(bench.file(), &theirs).unwrap();
    fs::write(bench.file(), "").unwrap();
    bench.lines(1);
    bench.sink.flush(bench.at(1)).unwrap();
    assert_eq!(
        (numbers(&theirs), numbers(&bench.file())),
        (vec![0, 1], vec![2])
    );
    assert!(!bench.root.path().join("logs/events.1").exists());
}

#[test]
fn the_file_is_synced_as_often_as_configured() {
    for (fsync, expected) in [(Fsync::Never, 0), (Fsync::Interval, 5), (Fsync::Always, 50)] {
        let mut bench = Bench::new(SinkConfig {
            fsync,
            ..SinkConfig::default()
        });
        // Ten writes a second for five seconds.
        for tenth in 0..50 {
            bench.lines(1);
            bench.sink.flush(bench.at(tenth * 100)).unwrap();
        }
        bench.sink.finish(bench.at(5000)).unwrap();
        assert_eq!(bench.sink.tally().syncs, expected, "{fsync:?}");
        assert_eq!(bench.sink.tally().failed_syncs, 0);
    }
}

#[test]
fn a_quiet_output_is_synced_once() {
    let mut bench = Bench::new(SinkConfig {
        fsync: Fsync::Interval,
        ..SinkConfig::default()
    });
    bench.lines(1);
    bench.sink.flush(bench.at(0)).unwrap();
    assert_eq!(bench.sink.next_due(), Some(bench.start + SYNC_INTERVAL));
    bench.sink.flush(bench.at(1000)).unwrap();
    assert_eq!((bench.sink.tally().syncs, bench.sink.next_due()), (1, None));
}

#[test]
fn a_full_device_is_retried_and_keeps_no_partial_line() {
    let mut sink = Sink::file(Path::new("/dev/full"), keeping(100)).unwrap();
    let start = Instant::now();
    for attempt in 0..3 {
        let _is_full = sink.line(1, |out| out.extend_from_slice(b"{\"name\":\"x\"}\n"));
        sink.flush(start + attempt * RETRY_INTERVAL).unwrap();
        assert!(sink.is_failing());
    }
    let tally = sink.tally();
    assert_eq!((tally.failures, tally.lines, tally.pending), (1, 0, 3));
    let error = sink
        .finish(start + 9 * RETRY_INTERVAL)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "cannot write 3 lines to /dev/full: No space left on device"
    );
}
