//! Architectures and syscalls under the names of auditctl(8), which differ from the kernel's here
//! and there.

use crate::{
    model::{Arch, syscall_name, syscall_number, uring_op_name},
    rules::List,
};

/// `__AUDIT_ARCH_64BIT` of `linux/include/uapi/linux/audit.h`.
const IS_64_BIT: u32 = 0x8000_0000;

/// Names of machines, as uname(2) says them, and their `AUDIT_ARCH_*` values.
const MACHINES: &[(&str, u32)] = &[
    ("i386", 0x4000_0003),
    ("i486", 0x4000_0003),
    ("i586", 0x4000_0003),
    ("i686", 0x4000_0003),
    ("x86_64", 0xc000_003e),
    ("ppc64le", 0xc000_0015),
    ("ppc64", 0x8000_0015),
    ("ppc", 0x14),
    ("s390x", 0x8000_0016),
    ("s390", 0x16),
    ("armeb", 0x4000_0028),
    ("arm", 0x4000_0028),
    ("armv5tejl", 0x4000_0028),
    ("armv5tel", 0x4000_0028),
    ("armv6l", 0x4000_0028),
    ("armv7l", 0x4000_0028),
    ("aarch64", 0xc000_00b7),
    ("loongarch64", 0xc000_0102),
    ("riscv32", 0x4000_00f3),
    ("riscv64", 0xc000_00f3),
];

/// The `AUDIT_ARCH_*` values of the 64-bit programs of a host and of its 32-bit ones, as far as its
/// kernel can run them.
pub(crate) fn abis(host: Arch) -> (Option<u32>, Option<u32>) {
    let machine = |name: &str| {
        let row = MACHINES.iter().find(|(own, _)| *own == name);
        row.map(|(_, value)| *value)
    };
    let narrow = match host {
        Arch::X86_64 | Arch::X32 => "i386",
        Arch::Aarch64 => "arm",
        Arch::Ppc64 => "ppc",
        Arch::S390x => "s390",
        Arch::I386 | Arch::Arm | Arch::Ppc => return (None, machine(host.name())),
        _ => return (machine(host.name()), None),
    };
    let wide = if host == Arch::X32 {
        "x86_64"
    } else {
        host.name()
    };
    (machine(wide), machine(narrow))
}

/// The `AUDIT_ARCH_*` value of the programs of a host that auditctl(8) takes where a rule names no
/// architecture.
pub(crate) fn native(host: Arch) -> Option<u32> {
    let (wide, narrow) = abis(host);
    wide.or(narrow)
}

/// The `AUDIT_ARCH_*` value of `b64`, `b32`, a machine or a number.
pub(crate) fn parse_arch(text: &str, host: Option<Arch>) -> Result<u32, String> {
    let (wide, narrow) = host.map_or((None, None), abis);
    if text.eq_ignore_ascii_case("b64") {
        return wide.ok_or_else(|| "this host runs no 64-bit programs".to_owned());
    }
    if text.eq_ignore_ascii_case("b32") {
        return narrow.ok_or_else(|| "this host runs no 32-bit programs".to_owned());
    }
    let machine = MACHINES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some((_, value)) = machine {
        return Ok(*value);
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u32::from_str_radix(digits, 16)
        .ok()
        .filter(|value| Arch::name_of(*value, 0).is_some())
        .ok_or_else(|| {
            format!("there is no architecture {text}; b64 and b32 are those of the host")
        })
}

/// An `AUDIT_ARCH_*` value as auditctl(8) lists it.
pub(crate) fn arch_name(value: u32) -> String {
    match Arch::name_of(value, 0) {
        Some(_) if value & IS_64_BIT != 0 => "b64".to_owned(),
        Some(_) => "b32".to_owned(),
        None => format!("0x{value:X}"),
    }
}

/// The kernel's names and those under which auditctl(8) lists the same syscalls.
fn spelling(arch: Arch, name: &'static str) -> &'static str {
    match (arch, name) {
        (Arch::Arm | Arch::I386 | Arch::X32 | Arch::Riscv64, "pread64" | "pwrite64") => name,
        (_, "pread64") => "pread",
        (_, "pwrite64") => "pwrite",
        (Arch::I386, "kexec_load") => "sys_kexec_load",
        (Arch::I386 | Arch::Arm, "sched_rr_get_interval_time64") => "sched_rr_get_interval64",
        (Arch::Ppc64 | Arch::Ppc64le, "newfstatat") => "fstatat64",
        (Arch::Ppc | Arch::Ppc64 | Arch::Ppc64le, "timerfd_create") => "timerfd",
        (Arch::Ppc | Arch::Ppc64 | Arch::Ppc64le, "perf_event_open") => "perf_counter_open",
        (Arch::Arm, "_llseek") => "llseek",
        (Arch::Arm, "_newselect") => "newselect",
        (Arch::Arm, "_sysctl") => "sysctl",
        (Arch::Arm, "arm_fadvise64_64") => "fadvise64_64",
        (Arch::Arm, "arm_sync_file_range") => "sync_file_range",
        (Arch::Aarch64, "getdents64") => "getdents",
        (Arch::Aarch64, "fstat") => "newfstat",
        _ => name,
    }
}

/// The name of a syscall of an `AUDIT_ARCH_*` value, or of an operation of io_uring, as auditctl(8)
/// lists it.
pub(crate) fn call_name(list: List, arch: Option<u32>, number: u32) -> Option<&'static str> {
    if list == List::IO_URING {
        return uring_op_name(number);
    }
    let arch = Arch::of(arch?, 0)?;
    Some(spelling(arch, syscall_name(arch, number)?))
}

/// The number of a syscall by its name. Upper and lower case are the same to auditctl(8).
pub(crate) fn call_number(list: List, arch: Option<u32>, name: &str) -> Option<u32> {
    let name = name.to_ascii_lowercase();
    if list == List::IO_URING {
        return (0..u32::from(u8::MAX)).find(|op| uring_op_name(*op) == Some(&*name));
    }
    let arch = Arch::of(arch?, 0)?;
    syscall_number(arch, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_are_those_of_the_host_or_named() {
        let parse = |text, host| parse_arch(text, Some(host)).ok();
        assert_eq!(parse("b64", Arch::X86_64), Some(0xc000_003e));
        assert_eq!(parse("B32", Arch::X86_64), Some(0x4000_0003));
        assert_eq!(parse("b32", Arch::Aarch64), Some(0x4000_0028));
        assert_eq!(parse("b64", Arch::I386), None);
        assert_eq!(parse("b32", Arch::Riscv64), None);
        assert_eq!(parse("i686", Arch::Aarch64), Some(0x4000_0003));
        assert_eq!(parse("0xc000003e", Arch::Aarch64), Some(0xc000_003e));
        assert_eq!(parse("c000003e", Arch::Aarch64), Some(0xc000_003e));
        assert_eq!(parse("vax", Arch::X86_64), None);
        assert_eq!(parse("5", Arch::X86_64), None);
    }

    #[test]
    fn every_listed_name_is_understood() {
        for (_, value) in MACHINES {
            for number in 0..1024 {
                let name = call_name(List::EXIT, Some(*value), number);
                let Some(name) = name else { continue };
                let found = call_number(List::EXIT, Some(*value), name);
                assert_eq!(found, Some(number), "{name} of {value:x}");
            }
        }
        for op in 0..100 {
            if let Some(name) = call_name(List::IO_URING, None, op) {
                assert_eq!(call_number(List::IO_URING, None, name), Some(op));
            }
        }
    }

    #[test]
    fn names_are_those_of_the_architecture() {
        let (wide, narrow) = abis(Arch::X86_64);
        assert_eq!(call_name(List::EXIT, wide, 17), Some("pread"));
        assert_eq!(call_name(List::EXIT, narrow, 180), Some("pread64"));
        assert_eq!(call_number(List::EXIT, wide, "PREAD64"), Some(17));
        assert_eq!(call_number(List::EXIT, Some(0x16), "open"), None);
        assert_eq!(call_number(List::IO_URING, wide, "openat"), Some(18));
    }
}
