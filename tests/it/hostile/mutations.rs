//! Every prefix of a record, and every change of one byte in it.

use super::survive;

/// The records of a few realistic events, with every kind of value.
const EVENTS: [&[&str]; 5] = [
    &[
        "type=SYSCALL msg=audit(1700000000.123:77): arch=c000003e syscall=82 success=yes exit=0 \
         a0=7ffc a1=7ffd a2=0 a3=8 items=4 ppid=900 pid=1000 auid=1000 uid=0 gid=0 euid=0 suid=0 \
         fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"mv\" exe=\"/usr/bin/mv\" \
         subj=unconfined key=6B31016B32\x1dARCH=x86_64 SYSCALL=rename UID=\"root\"",
        "type=CWD msg=audit(1700000000.123:77): cwd=\"/home/a\"",
        "type=PATH msg=audit(1700000000.123:77): item=0 name=\"/home/a\" inode=2 dev=fe:01 \
         mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=PARENT cap_fp=0",
        "type=PATH msg=audit(1700000000.123:77): item=1 name=\"../b/\" inode=3 dev=fe:01 \
         mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=PARENT cap_fp=0",
        "type=PATH msg=audit(1700000000.123:77): item=2 name=6F6C64206E616D65 inode=4 dev=fe:01 \
         mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=DELETE cap_fp=0",
        "type=PATH msg=audit(1700000000.123:77): item=3 name=\"../b/new\" inode=4 dev=fe:01 \
         mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE cap_fp=0",
        "type=PROCTITLE msg=audit(1700000000.123:77): proctitle=6D76006F6C64",
        "type=EOE msg=audit(1700000000.123:77): ",
    ],
    &[
        "node=h1 type=SYSCALL msg=audit(1700000000.123:78): arch=40000003 syscall=11 success=yes \
         exit=0 items=1 ppid=900 pid=1001 auid=1000 uid=0 tty=(none) ses=3 comm=\"id\" \
         exe=\"/usr/bin/id\" key=(null)",
        "node=h1 type=EXECVE msg=audit(1700000000.123:78): argc=3 a0=\"id\" a1_len=12 \
         a1[0]=616263 a1[1]=646566 a2=\"-u\"",
        "node=h1 type=PATH msg=audit(1700000000.123:78): item=0 name=\"/usr/bin/id\" inode=9 \
         dev=fe:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL",
        "node=h1 type=EOE msg=audit(1700000000.123:78): ",
    ],
    &[
        "type=SYSCALL msg=audit(1700000000.123:79): arch=c000003e syscall=437 success=no exit=-2 \
         a0=5 a1=7ffd a2=7ffe a3=18 items=1 ppid=900 pid=1002 auid=1000 uid=0 comm=\"x\" \
         exe=\"/usr/bin/x\"",
        "type=OPENAT2 msg=audit(1700000000.123:79): oflag=0100102 mode=0600 resolve=0x8",
        "type=PATH msg=audit(1700000000.123:79): item=0 name=\"sub/file\" nametype=UNKNOWN",
        "type=MMAP msg=audit(1700000000.123:79): fd=3 flags=0x2",
        "type=EOE msg=audit(1700000000.123:79): ",
    ],
    &[
        "type=USER_AUTH msg=audit(1700000000.123:80): pid=70 uid=0 auid=1000 ses=4 subj==unconfined \
       msg='op=PAM:authentication grantors=? acct=726F6F742078 exe=\"/usr/sbin/sshd\" \
       hostname=? addr=::1 terminal=ssh res=failed'\x1dUID=\"root\" AUID=\"alice\"",
    ],
    &[
        "type=URINGOP msg=audit(1700000000.123:81): uring_op=18 success=yes exit=5 items=1 \
         ppid=900 pid=1003 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 key=(null)",
        "type=LOGIN msg=audit(1700000000.123:81): pid=77 uid=0 old-auid=4294967295 auid=1000 \
         tty=(none) old-ses=4294967295 ses=7 res=1",
        "type=EOE msg=audit(1700000000.123:81): ",
    ],
];

/// The bytes that replace each byte in turn.
const BYTES: [u8; 9] = [0, b' ', b'"', b'=', 0xff, b')', b'9', b'\'', 0x1d];

/// The event with one record replaced.
fn with(event: &[&str], index: usize, record: &[u8]) -> Vec<u8> {
    let (before, after) = (&event[..index], &event[index + 1..]);
    let all = before.iter().map(|text| text.as_bytes()).chain([record]);
    let all: Vec<&[u8]> = all
        .chain(after.iter().map(|text| text.as_bytes()))
        .collect();
    all.join(&b'\n')
}

#[test]
fn no_prefix_of_a_record_affects_other_events() {
    for event in EVENTS {
        let cases = event.iter().enumerate().flat_map(|(index, record)| {
            (0..record.len()).map(move |end| with(event, index, &record.as_bytes()[..end]))
        });
        // If the cut record is not the one that makes the event, there is still an event.
        assert!(!survive(cases, &[]).is_empty());
    }
}

#[test]
fn no_changed_byte_of_a_record_affects_other_events() {
    for event in EVENTS {
        for (index, record) in event.iter().enumerate() {
            let cases = (0..record.len()).flat_map(|at| {
                BYTES.iter().map(move |byte| {
                    let mut record = record.as_bytes().to_vec();
                    record[at] = *byte;
                    with(event, index, &record)
                })
            });
            assert!(!survive(cases, &[]).is_empty());
        }
    }
}

#[test]
fn no_missing_or_repeated_record_affects_other_events() {
    for event in EVENTS {
        let missing = (0..event.len()).map(|index| [&event[..index], &event[index + 1..]].concat());
        let twice = (0..event.len()).map(|index| [&event[..=index], &event[index..]].concat());
        let reversed = [event.iter().rev().copied().collect()];
        let cases = missing.chain(twice).chain(reversed);
        assert!(!survive(cases.map(|case| case.join("\n")), &[]).is_empty());
    }
}
