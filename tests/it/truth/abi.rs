//! Calls of another architecture on the same machine: a 64-bit process may make 32-bit calls, with
//! other numbers, which a rule for 64-bit calls does not see.
#![expect(
    unsafe_code,
    reason = "32-bit calls are made by an instruction of their own"
)]

use std::{arch::asm, fs, path::Path};

use auditrd::model::{Arch, syscall_number};
use libc::{AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY};

use super::{
    FILES, hold_with, rule,
    workload::{Said, Workload},
};
use crate::live::{audit::skip, os};

/// The calls that are made here, as i386 has them.
const CALLS: &str = "open creat openat rename renameat2 link symlink unlink unlinkat rmdir mkdir \
    chmod fchmod ftruncate ftruncate64 truncate64 lchown32 fchown32 fchownat";

/// An argument of a 32-bit call.
enum Arg<'a> {
    Number(i32),
    Text(&'a str),
}

impl From<i32> for Arg<'_> {
    fn from(number: i32) -> Self {
        Arg::Number(number)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Arg::Number(i32::try_from(number).expect("a descriptor"))
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Arg::Text(text)
    }
}

/// Texts where 32 bits can point to them.
struct LowMemory(*mut u8);

impl LowMemory {
    const SIZE: usize = 4096;

    fn new() -> LowMemory {
        let access = i64::from(libc::PROT_READ | libc::PROT_WRITE);
        let flags = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT);
        // SAFETY: a new mapping at a place of the kernel's choice overlaps nothing.
        let at =
            unsafe { os::syscall(libc::SYS_mmap, [0, Self::SIZE as i64, access, flags, -1, 0]) };
        assert!(at > 0, "there is low memory");
        LowMemory(at as *mut u8)
    }

    /// Makes a 32-bit call.
    fn call(&self, number: u32, args: &[Arg]) -> i64 {
        let mut used = 0;
        let mut values = [0u32; 5];
        for (value, arg) in values.iter_mut().zip(args) {
            *value = match arg {
                Arg::Number(number) => number.cast_unsigned(),
                Arg::Text(text) => {
                    assert!(used + text.len() < Self::SIZE, "the texts are short");
                    // SAFETY: there is room, as was just seen, in memory that is ours alone.
                    let at = unsafe { self.0.add(used) };
                    // SAFETY: as above; the byte behind the text ends it.
                    unsafe {
                        at.copy_from_nonoverlapping(text.as_ptr(), text.len());
                        at.add(text.len()).write(0);
                    }
                    used += text.len() + 1;
                    u32::try_from(at as usize).expect("low memory")
                }
            };
        }
        let [first, second, third, fourth, fifth] = values;
        let result: i32;
        // SAFETY: the calls here read texts that end with a NUL, and write no memory of ours. The
        // first argument belongs in a register that the compiler keeps for itself, so it is put
        // there and back.
        unsafe {
            asm!(
                "xchg {first:r}, rbx",
                "int 0x80",
                "mov rbx, {first:r}",
                first = inout(reg) u64::from(first) => _,
                inlateout("eax") number => result,
                in("ecx") second,
                in("edx") third,
                in("esi") fourth,
                in("edi") fifth,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        result.into()
    }

    /// Makes a 32-bit call that must succeed, and says so.
    fn does<'w>(&self, w: &'w mut Workload, name: &str, args: &[Arg]) -> Said<'w> {
        let number = syscall_number(Arch::I386, name).expect("i386 has it");
        let result = self.call(number, args);
        assert!(result >= 0, "{name} fails: {result}");
        w.say(name, result).arch("i386")
    }
}

macro_rules! call32 {
    ($low:ident, $w:ident, $name:ident($($arg:expr),* $(,)?)) => {
        $low.does($w, stringify!($name), &[$(Arg::from($arg)),*])
    };
}

#[test]
fn calls_of_32_bits_are_told_by_their_own_numbers() {
    const GETPID: u32 = 20;
    // A kernel that does not take them ends the process.
    let probe = os::fork(|| assert!(LowMemory::new().call(GETPID, &[]) > 0));
    if !os::wait(probe) {
        return skip("needs a kernel that takes 32-bit calls");
    }
    let prepare = |root: &Path| {
        fs::create_dir(root.join("d")).expect("a directory");
        fs::write(root.join("old"), "old").expect("a file");
    };
    let numbers = CALLS.split_whitespace().map(|name| {
        let number = syscall_number(Arch::I386, name).expect("i386 has it");
        number.to_string()
    });
    let numbers: Vec<String> = numbers.collect();
    let add = |audit: &mut super::Audit, login: u32| {
        audit.try_rule(&rule("arch=b32", &numbers, &format!("auid={login}")))
    };
    hold_with(&[FILES], add, prepare, |w| {
        let low = LowMemory::new();
        let make = O_CREAT | O_WRONLY;
        let f = call32!(low, w, creat("f", 0o600))
            .at("f")
            .action("created")
            .fd();
        call32!(low, w, ftruncate(f, 3)).at("f").action("modified");
        call32!(low, w, ftruncate64(f, 3, 0))
            .at("f")
            .action("modified");
        call32!(low, w, fchmod(f, 0o640)).at("f");
        call32!(low, w, fchown32(f, 1, 1)).at("f");
        let d = call32!(low, w, open("d", O_RDONLY | O_DIRECTORY))
            .at("d")
            .fd();
        call32!(low, w, openat(d, "g", make, 0o600))
            .at("d/g")
            .action("created");
        call32!(low, w, openat(AT_FDCWD, "d/../h", make, 0o600)).at("h");
        call32!(low, w, rename("old", "d/old"))
            .at("old")
            .to("d/old");
        call32!(low, w, renameat2(d, "old", AT_FDCWD, "f", 2))
            .at("d/old")
            .to("f");
        call32!(low, w, fchmod(f, 0o600)).at("d/old");
        call32!(low, w, truncate64("f", 1, 0)).at("f");
        call32!(low, w, link("h", "d/h")).at("h").to("d/h");
        call32!(low, w, symlink("any", "s")).path("any").to("s");
        call32!(low, w, lchown32("s", 1, 1)).at("s");
        call32!(low, w, fchownat(d, "h", 1, 1, 0)).at("d/h");
        call32!(low, w, chmod("d", 0o700)).at("d");
        call32!(low, w, mkdir("d/e", 0o755)).at("d/e");
        call32!(low, w, unlinkat(d, "h", 0)).at("d/h");
        call32!(low, w, unlink("s")).at("s");
        call32!(low, w, rmdir("d/e")).at("d/e").action("deleted");
    });
}
