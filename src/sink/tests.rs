use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{sync::SYNC, *};

/// A sink on a file in a directory that can be taken away.
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
            self.sink.lines.extend_from_slice(line.as_bytes());
            let _is_much = self.sink.wrote(2);
        }
    }

    /// Has the directory gone, and the sink find that out.
    fn take_the_directory_away(&mut self, now: Instant) {
        fs::remove_dir_all(self.root.path().join("logs")).unwrap();
        self.sink.reopen(now).unwrap();
        assert!(self.sink.is_failing());
    }

    fn bring_the_directory_back(&self) {
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

fn kept(kept: usize) -> SinkConfig {
    SinkConfig {
        kept,
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
fn an_output_that_vanished_gets_its_lines_when_it_is_back() {
    let mut bench = Bench::new(kept(200));
    bench.take_the_directory_away(bench.at(0));
    bench.lines(13);
    let tally = bench.sink.tally();
    assert_eq!((tally.pending, tally.unwritten), (10, 3));
    assert_eq!((tally.pending_records, tally.unwritten_records), (20, 6));
    bench.bring_the_directory_back();
    bench.sink.flush(bench.at(100)).unwrap();
    assert!(bench.sink.is_failing(), "it was tried again too soon");
    assert_eq!(bench.sink.next_due(), Some(bench.start + RETRY));
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
fn what_is_given_up_is_in_one_place() {
    // A short line must not slip in behind a long one that had no room.
    let mut bench = Bench::new(kept(100));
    bench.take_the_directory_away(bench.at(0));
    bench.lines(4);
    bench.sink.lines.extend_from_slice(&[b'x'; 50]);
    let _is_much = bench.sink.wrote(1);
    bench.lines(1);
    assert_eq!(bench.sink.tally().unwritten, 2);
    bench.bring_the_directory_back();
    bench.sink.flush(bench.at(500)).unwrap();
    assert_eq!(numbers(&bench.file()), [0, 1, 2, 3]);
}

#[test]
fn whoever_waits_loses_nothing() {
    let mut bench = Bench::new(SinkConfig {
        waits: true,
        ..kept(100)
    });
    bench.take_the_directory_away(bench.at(0));
    bench.lines(4);
    assert!(!bench.sink.must_wait());
    bench.lines(2);
    assert!(bench.sink.must_wait() && bench.sink.is_waiting());
    bench.bring_the_directory_back();
    bench.sink.flush(bench.at(500)).unwrap();
    assert!(!bench.sink.must_wait());
    assert_eq!(numbers(&bench.file()), [0, 1, 2, 3, 4, 5]);
    assert_eq!(bench.sink.take_lost(), 0);
}

#[test]
fn what_cannot_be_written_in_the_end_is_counted() {
    let mut bench = Bench::new(kept(100));
    bench.take_the_directory_away(bench.at(0));
    bench.lines(8);
    let error = bench.sink.finish(bench.at(1)).unwrap_err().to_string();
    assert!(error.starts_with("cannot write 8 lines to "), "{error}");
    let tally = bench.sink.tally();
    assert_eq!((tally.unwritten, tally.unwritten_records), (8, 16));
    assert_eq!((tally.pending, tally.pending_bytes), (0, 0));
}

#[test]
fn a_file_that_cannot_be_replaced_is_written_to_until_it_can() {
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
    assert_eq!(bench.sink.next_due(), Some(bench.start + RETRY));
    bench.lines(1);
    bench.sink.flush(bench.at(500)).unwrap();
    assert_eq!(bench.sink.next_due(), None);
    assert_eq!(
        (numbers(&moved), numbers(&bench.file())),
        (vec![0, 1], vec![2])
    );
}

#[test]
fn a_file_that_was_removed_is_begun_anew_without_being_asked() {
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
    bench.bring_the_directory_back();
    bench.sink.flush(bench.at(502)).unwrap();
    assert_eq!(numbers(&bench.file()), [2]);
}

#[test]
fn no_file_is_larger_than_it_may_be_and_no_line_is_lost() {
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
fn a_line_that_fits_in_no_file_has_one_of_its_own() {
    let mut bench = Bench::new(rotated(50, 9));
    bench.lines(1);
    let long = [&[b'x'; 80][..], b"\n"].concat();
    bench.sink.lines.extend_from_slice(&long);
    let _is_much = bench.sink.wrote(1);
    bench.lines(1);
    bench.sink.flush(bench.at(0)).unwrap();
    let name = |number: u32| format!("{}.{number}", bench.file().display());
    assert_eq!(numbers(Path::new(&name(2))), [0]);
    assert_eq!(fs::read(name(1)).unwrap(), long);
    assert_eq!(numbers(&bench.file()), [1]);
}

#[test]
fn a_file_that_cannot_be_rotated_grows_until_it_can() {
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
fn a_file_that_somebody_else_has_moved_is_not_moved_again() {
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
fn the_disk_is_asked_as_often_as_was_said() {
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
fn a_quiet_output_is_synced_once_and_then_left_alone() {
    let mut bench = Bench::new(SinkConfig {
        fsync: Fsync::Interval,
        ..SinkConfig::default()
    });
    bench.lines(1);
    bench.sink.flush(bench.at(0)).unwrap();
    assert_eq!(bench.sink.next_due(), Some(bench.start + SYNC));
    bench.sink.flush(bench.at(1000)).unwrap();
    assert_eq!((bench.sink.tally().syncs, bench.sink.next_due()), (1, None));
}

#[test]
fn a_full_device_is_tried_again_and_nothing_of_a_line_is_left_on_it() {
    let mut sink = Sink::file(Path::new("/dev/full"), kept(100)).unwrap();
    let start = Instant::now();
    for attempt in 0..3 {
        sink.lines.extend_from_slice(b"{\"name\":\"x\"}\n");
        let _is_much = sink.wrote(1);
        sink.flush(start + attempt * RETRY).unwrap();
        assert!(sink.is_failing());
    }
    let tally = sink.tally();
    assert_eq!((tally.failures, tally.lines, tally.pending), (1, 0, 3));
    let error = sink.finish(start + 9 * RETRY).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot write 3 lines to /dev/full: No space left on device"
    );
}
