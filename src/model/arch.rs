//! Processor architectures, which determine the meaning of syscall numbers.
//!
//! The field `arch=` of a `SYSCALL` record is an `AUDIT_ARCH_*` value of
//! `linux/include/uapi/linux/audit.h`: the ELF machine number of `linux/elf-em.h`, with bit 31 set
//! for 64-bit processes and bit 30 for little-endian ones. One host may have several of them,
//! because a 64-bit kernel runs 32-bit programs too.

/// The bit that marks syscall numbers of the x32 ABI, which shares its `AUDIT_ARCH_*` value with
/// x86_64 (`__X32_SYSCALL_BIT` in `linux/arch/x86/include/uapi/asm/unistd.h`).
pub(crate) const X32_SYSCALL_BIT: u32 = 0x4000_0000;

const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
const AUDIT_ARCH_I386: u32 = 0x4000_0003;
const AUDIT_ARCH_AARCH64: u32 = 0xc000_00b7;
const AUDIT_ARCH_ARM: u32 = 0x4000_0028;
const AUDIT_ARCH_RISCV64: u32 = 0xc000_00f3;
const AUDIT_ARCH_PPC64: u32 = 0x8000_0015;
const AUDIT_ARCH_PPC64LE: u32 = 0xc000_0015;
const AUDIT_ARCH_S390X: u32 = 0x8000_0016;
const AUDIT_ARCH_LOONGARCH64: u32 = 0xc000_0102;
const AUDIT_ARCH_PPC: u32 = 0x0000_0014;
const AUDIT_ARCH_RISCV32: u32 = 0x4000_00f3;

/// An architecture whose syscall names are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    I386,
    /// 64-bit x86 with 32-bit pointers.
    X32,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit little-endian ARM.
    Arm,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit PowerPC, big-endian.
    Ppc64,
    /// 64-bit PowerPC, little-endian.
    Ppc64le,
    /// 64-bit S/390.
    S390x,
    /// 64-bit LoongArch.
    Loongarch64,
    /// 32-bit PowerPC, big-endian.
    Ppc,
    /// 32-bit RISC-V.
    Riscv32,
}

impl Arch {
    /// The architecture of an `AUDIT_ARCH_*` value and a syscall number; `None` if its syscalls are
    /// not known. The number matters only for x86_64, where one bit of it marks x32.
    pub fn of(audit_arch: u32, nr: u32) -> Option<Arch> {
        match audit_arch {
            AUDIT_ARCH_X86_64 if nr & X32_SYSCALL_BIT != 0 => Some(Arch::X32),
            AUDIT_ARCH_X86_64 => Some(Arch::X86_64),
            AUDIT_ARCH_I386 => Some(Arch::I386),
            AUDIT_ARCH_AARCH64 => Some(Arch::Aarch64),
            AUDIT_ARCH_ARM => Some(Arch::Arm),
            AUDIT_ARCH_RISCV64 => Some(Arch::Riscv64),
            AUDIT_ARCH_PPC64 => Some(Arch::Ppc64),
            AUDIT_ARCH_PPC64LE => Some(Arch::Ppc64le),
            AUDIT_ARCH_S390X => Some(Arch::S390x),
            AUDIT_ARCH_LOONGARCH64 => Some(Arch::Loongarch64),
            AUDIT_ARCH_PPC => Some(Arch::Ppc),
            AUDIT_ARCH_RISCV32 => Some(Arch::Riscv32),
            _ => None,
        }
    }

    /// The architecture that this program was built for: on its host, that of most records.
    pub fn host() -> Option<Arch> {
        if cfg!(all(target_arch = "x86_64", target_pointer_width = "32")) {
            Some(Arch::X32)
        } else if cfg!(target_arch = "x86_64") {
            Some(Arch::X86_64)
        } else if cfg!(target_arch = "x86") {
            Some(Arch::I386)
        } else if cfg!(target_arch = "aarch64") {
            Some(Arch::Aarch64)
        } else if cfg!(all(target_arch = "arm", target_endian = "little")) {
            Some(Arch::Arm)
        } else if cfg!(target_arch = "riscv64") {
            Some(Arch::Riscv64)
        } else if cfg!(all(target_arch = "powerpc64", target_endian = "little")) {
            Some(Arch::Ppc64le)
        } else if cfg!(target_arch = "powerpc64") {
            Some(Arch::Ppc64)
        } else if cfg!(target_arch = "s390x") {
            Some(Arch::S390x)
        } else if cfg!(target_arch = "loongarch64") {
            Some(Arch::Loongarch64)
        } else if cfg!(target_arch = "powerpc") {
            Some(Arch::Ppc)
        } else if cfg!(target_arch = "riscv32") {
            Some(Arch::Riscv32)
        } else {
            None
        }
    }

    /// The name, such as `x86_64`: the one that auditd writes as `ARCH=`, if it has one.
    pub fn name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::I386 => "i386",
            Arch::X32 => "x32",
            Arch::Aarch64 => "aarch64",
            Arch::Arm => "arm",
            Arch::Riscv64 => "riscv64",
            Arch::Ppc64 => "ppc64",
            Arch::Ppc64le => "ppc64le",
            Arch::S390x => "s390x",
            Arch::Loongarch64 => "loongarch64",
            Arch::Ppc => "ppc",
            Arch::Riscv32 => "riscv32",
        }
    }

    /// The name for an `AUDIT_ARCH_*` value and a syscall number. For architectures whose syscalls
    /// are not known, it is the name of the kernel's constant in lower case.
    pub fn name_of(audit_arch: u32, nr: u32) -> Option<&'static str> {
        if let Some(arch) = Arch::of(audit_arch, nr) {
            return Some(arch.name());
        }
        match audit_arch {
            0x0000_0002 => Some("sparc"),
            0x0000_0004 => Some("m68k"),
            0x0000_0008 => Some("mips"),
            0x4000_0008 => Some("mipsel"),
            0x8000_0008 => Some("mips64"),
            0xc000_0008 => Some("mipsel64"),
            // Bit 29 marks the n32 ABI.
            0xa000_0008 => Some("mips64n32"),
            0xe000_0008 => Some("mipsel64n32"),
            0x0000_000f => Some("parisc"),
            0x8000_000f => Some("parisc64"),
            0x0000_0016 => Some("s390"),
            0x0000_0028 => Some("armeb"),
            0x0000_002a => Some("sh"),
            0x4000_002a => Some("shel"),
            0x8000_002b => Some("sparc64"),
            0xc000_0032 => Some("ia64"),
            0x0000_005c => Some("openrisc"),
            0x0000_005e => Some("xtensa"),
            0x4000_0071 => Some("nios2"),
            0x0000_00a4 => Some("hexagon"),
            0x0000_00bd => Some("microblaze"),
            0x4000_00c3 => Some("arcv2"),
            0x0000_00c3 => Some("arcv2be"),
            0x4000_00fc => Some("csky"),
            0x4000_0102 => Some("loongarch32"),
            0xc000_9026 => Some("alpha"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_arch_values_map_to_architectures() {
        for (value, name) in [
            (0xc000_003e, "x86_64"),
            (0x4000_0003, "i386"),
            (0xc000_00b7, "aarch64"),
            (0x4000_0028, "arm"),
            (0xc000_00f3, "riscv64"),
            (0x8000_0015, "ppc64"),
            (0xc000_0015, "ppc64le"),
            (0x8000_0016, "s390x"),
            (0xc000_0102, "loongarch64"),
            (0x0000_0014, "ppc"),
            (0x4000_00f3, "riscv32"),
        ] {
            assert_eq!(Arch::of(value, 59).map(Arch::name), Some(name));
            assert_eq!(Arch::name_of(value, 59), Some(name));
        }
    }

    #[test]
    fn x32_is_recognized_by_a_bit_of_the_number() {
        assert_eq!(Arch::of(0xc000_003e, 0x4000_0208), Some(Arch::X32));
        assert_eq!(Arch::of(0xc000_003e, 520), Some(Arch::X86_64));
        // The bit has no meaning for other architectures.
        assert_eq!(Arch::of(0xc000_00b7, 0x4000_0208), Some(Arch::Aarch64));
        assert_eq!(Arch::name_of(0xc000_003e, 0x4000_0208), Some("x32"));
    }

    #[test]
    fn architectures_with_unknown_syscalls_have_names() {
        assert_eq!(Arch::of(0x16, 1), None);
        assert_eq!(Arch::name_of(0x16, 1), Some("s390"));
        assert_eq!(Arch::name_of(0x4000_0102, 1), Some("loongarch32"));
        assert_eq!(Arch::name_of(0, 0), None);
        assert_eq!(Arch::name_of(u32::MAX, 0), None);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_host_is_the_build_target() {
        assert!(matches!(Arch::host(), Some(Arch::X86_64 | Arch::X32)));
    }
}
