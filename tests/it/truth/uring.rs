//! Operations of io_uring, which have rules of their own, and records without arguments or results.
#![expect(
    unsafe_code,
    reason = "the rings are memory that is shared with the kernel"
)]

use std::{
    ffi::CString,
    fs,
    path::Path,
    ptr,
    sync::atomic::{AtomicU32, Ordering},
};

use libc::{AT_FDCWD, AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY};

use super::{
    FILES, hold_with,
    workload::{Said, Workload, call},
};
use crate::live::{
    audit::{Audit, skip},
    os,
};

/// The operations here, by their names and opcodes (`enum io_uring_op`).
const OPERATIONS: [(&str, u8); 7] = [
    ("openat", 18),
    ("openat2", 28),
    ("renameat", 35),
    ("unlinkat", 36),
    ("mkdirat", 37),
    ("symlinkat", 38),
    ("linkat", 39),
];

/// Where things lie in `struct io_uring_params`, in words of 32 bits.
const SQ_OFF: usize = 10;
const CQ_OFF: usize = 20;
/// What mmap(2) wants to be asked for (linux/io_uring.h).
const OFF_SQ_RING: i64 = 0;
const OFF_SQES: i64 = 0x1000_0000;
const GETEVENTS: i64 = 1;

/// A ring for one operation at a time.
struct Ring {
    fd: i64,
    /// The memory that both queues share, and the entry to be filled.
    rings: *mut u8,
    entry: *mut [u8; 64],
    params: [u32; 30],
}

/// One operation, as the fields that they use of `struct io_uring_sqe`.
#[derive(Default)]
struct Operation<'a> {
    fd: i32,
    first: &'a str,
    second: &'a str,
    length: i32,
    flags: i32,
}

impl Ring {
    /// A ring, where the kernel lets processes have one.
    fn new() -> Option<Ring> {
        let mut params = [0u32; 30];
        let fd = os_call(
            libc::SYS_io_uring_setup,
            [1, params.as_mut_ptr() as i64, 0, 0, 0, 0],
        );
        let fd = u32::try_from(fd).ok()?.into();
        let map = |offset| {
            let flags = i64::from(libc::MAP_SHARED | libc::MAP_POPULATE);
            let access = i64::from(libc::PROT_READ | libc::PROT_WRITE);
            let at = os_call(libc::SYS_mmap, [0, 4096, access, flags, fd, offset]);
            assert!(at > 0, "the rings can be mapped");
            at as *mut u8
        };
        Some(Ring {
            fd,
            rings: map(OFF_SQ_RING),
            entry: map(OFF_SQES).cast(),
            params,
        })
    }

    /// The word at an offset that the kernel gave.
    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the kernel says that there is an aligned word at this place of the mapped rings,
        // which are never unmapped.
        unsafe { AtomicU32::from_ptr(self.rings.add(self.params[offset] as usize).cast()) }
    }

    /// Has one operation done, and returns its result.
    fn run(&self, code: u8, operation: &Operation) -> i64 {
        let texts =
            [operation.second, operation.first].map(|text| CString::new(text).expect("no NUL"));
        // What is not there must be zero, not empty.
        let addresses = [0, 1].map(|text: usize| match texts[text].is_empty() {
            true => 0,
            false => texts[text].as_ptr() as u64,
        });
        let mut entry = [0u8; 64];
        entry[0] = code;
        entry[4..8].copy_from_slice(&operation.fd.to_ne_bytes());
        entry[8..16].copy_from_slice(&addresses[0].to_ne_bytes());
        entry[16..24].copy_from_slice(&addresses[1].to_ne_bytes());
        entry[24..28].copy_from_slice(&operation.length.to_ne_bytes());
        entry[28..32].copy_from_slice(&operation.flags.to_ne_bytes());
        // SAFETY: the entry is mapped, and ours until the kernel is told of it below.
        unsafe { ptr::write_volatile(self.entry, entry) };
        self.word(SQ_OFF + 6).store(0, Ordering::Relaxed);
        let _ = self.word(SQ_OFF + 1).fetch_add(1, Ordering::Release);
        let done = os_call(libc::SYS_io_uring_enter, [self.fd, 1, 1, GETEVENTS, 0, 0]);
        assert_eq!(done, 1, "one operation is taken");
        let head = self.word(CQ_OFF).load(Ordering::Acquire);
        let mask = self.word(CQ_OFF + 2).load(Ordering::Relaxed);
        let result = self.params[CQ_OFF + 5] as usize + 16 * (head & mask) as usize + 8;
        // SAFETY: the kernel has put a completion of 16 bytes there, whose result is its third
        // word.
        let result = unsafe { ptr::read_volatile(self.rings.add(result).cast::<i32>()) };
        self.word(CQ_OFF).store(head + 1, Ordering::Release);
        result.into()
    }

    /// Has an operation done that must succeed, and says so.
    fn call<'w>(&self, w: &'w mut Workload, name: &str, operation: Operation) -> Said<'w> {
        let code = OPERATIONS.iter().find(|(known, _)| *known == name);
        let result = self.run(code.expect("it is known").1, &operation);
        assert!(result >= 0, "{name} fails: {result}");
        // What its record calls `exit` is that it was done at once, and not what came of it.
        w.say(name, 0)
    }
}

fn os_call(number: i64, args: [i64; 6]) -> i64 {
    // SAFETY: the arguments are numbers, or point to what outlives the call.
    unsafe { os::syscall(number, args) }
}

/// A rule for these operations on the list of io_uring, which older versions of auditctl do not
/// know: `struct audit_rule_data` (linux/audit.h), as the words that it is made of.
fn rule(login: u32) -> Vec<u32> {
    const URING_EXIT: u32 = 7;
    const ALWAYS: u32 = 2;
    const LOGINUID: u32 = 9;
    const EQUAL: u32 = 0x4000_0000;
    let mut mask = [0u32; 64];
    for (_, code) in OPERATIONS {
        mask[usize::from(code) / 32] |= 1 << (code % 32);
    }
    let one = |value| {
        let mut field = [0u32; 64];
        field[0] = value;
        field
    };
    let fields = [mask, one(LOGINUID), one(login), one(EQUAL)].concat();
    [&[URING_EXIT, ALWAYS, 1][..], &fields, &[0]].concat()
}

#[test]
fn operations_of_a_ring_are_told_like_calls() {
    if Ring::new().is_none() {
        return skip("needs io_uring");
    }
    if os::kernel() < (6, 12) {
        return skip("needs a kernel that records an operation once; see docs/kernels.md");
    }
    let prepare = |root: &Path| {
        fs::create_dir_all(root.join("d/e")).expect("directories");
        fs::write(root.join("d/old"), "old").expect("a file");
    };
    let add = |audit: &mut Audit, login: u32| audit.raw_rule(&rule(login));
    hold_with(&[FILES], add, prepare, |w| {
        let ring = Ring::new().expect("there was one before");
        let here = |first| Operation {
            fd: AT_FDCWD,
            first,
            ..Operation::default()
        };
        let make = O_CREAT | O_WRONLY;
        // Some kernels leave all names out of these records, and no record says what a name is
        // relative to. The directory, at least, can be known.
        let f = Operation {
            length: 0o600,
            flags: make,
            ..here("f")
        };
        ring.call(w, "openat", f)
            .at("f")
            .action("created")
            .or_unresolved();
        let root = w.root.clone();
        let path = format!("{root}/d/abs");
        let g = Operation {
            length: 0o600,
            flags: make,
            ..here(&path)
        };
        ring.call(w, "openat", g)
            .at("d/abs")
            .action("created")
            .or_unresolved();
        let d = call!(w, openat(AT_FDCWD, "d", O_RDONLY | O_DIRECTORY))
            .at("d")
            .fd();
        let d = i32::try_from(d).expect("a descriptor");
        let sub = Operation {
            fd: d,
            first: "sub",
            length: 0o755,
            ..Operation::default()
        };
        ring.call(w, "mkdirat", sub)
            .at("d/sub")
            .action("created")
            .or_unresolved();
        let gone = Operation {
            flags: AT_REMOVEDIR,
            ..here("d/sub")
        };
        ring.call(w, "unlinkat", gone)
            .at("d/sub")
            .action("deleted")
            .or_unresolved();
        let moved = Operation {
            fd: d,
            first: "old",
            length: d,
            second: "new",
            flags: 0,
        };
        ring.call(w, "renameat", moved)
            .at("d/old")
            .to("d/new")
            .or_unresolved();
        let linked = Operation {
            fd: d,
            first: "new",
            length: AT_FDCWD,
            second: "e2",
            flags: 0,
        };
        ring.call(w, "linkat", linked)
            .at("d/new")
            .to("e2")
            .or_unresolved();
        let text = Operation {
            fd: d,
            first: "any/text",
            second: "sym",
            ..Operation::default()
        };
        ring.call(w, "symlinkat", text)
            .path("any/text")
            .to("d/sym")
            .or_unresolved();
        let removed = Operation {
            fd: d,
            first: "sym",
            ..Operation::default()
        };
        ring.call(w, "unlinkat", removed)
            .at("d/sym")
            .or_unresolved();
        let (from, to) = (format!("{root}/d/new"), format!("{root}/d/e/new"));
        let moved = Operation {
            length: AT_FDCWD,
            second: &to,
            ..here(&from)
        };
        ring.call(w, "renameat", moved)
            .at("d/new")
            .to("d/e/new")
            .or_unresolved();
        let opened = Operation {
            flags: O_RDONLY,
            ..here("d/e/new")
        };
        ring.call(w, "openat", opened)
            .at("d/e/new")
            .action("opened")
            .or_unresolved();
    });
}
