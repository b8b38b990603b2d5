//! CPU architectures, as Mach-O files and artefacts name them.

use std::fmt;
use std::str::FromStr;

/// A CPU architecture.
///
/// The numbers are those of Mach-O headers (`mach/machine.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// 32-bit Intel.
    I386,
    /// 64-bit Intel.
    X86_64,
    /// 64-bit Intel, Haswell and later.
    X86_64H,
    /// 64-bit ARM.
    Arm64,
    /// 64-bit ARM with pointer authentication.
    Arm64e,
    /// 32-bit ARM, any version.
    Arm,
    /// 32-bit PowerPC.
    Ppc,
    /// 64-bit PowerPC.
    Ppc64,
    /// A CPU type and subtype kstack has no name for.
    Other(u32, u32),
}

const CPU_TYPE_I386: u32 = 7;
const CPU_TYPE_X86_64: u32 = 0x0100_0007;
const CPU_TYPE_ARM: u32 = 12;
const CPU_TYPE_ARM64: u32 = 0x0100_000c;
const CPU_TYPE_PPC: u32 = 18;
const CPU_TYPE_PPC64: u32 = 0x0100_0012;
/// The high byte of a subtype holds capability bits.
const SUBTYPE_MASK: u32 = 0x00ff_ffff;

impl Arch {
    /// The architecture of a Mach-O header's CPU type and subtype.
    #[must_use]
    pub fn from_macho(cpu_type: u32, cpu_subtype: u32) -> Arch {
        match (cpu_type, cpu_subtype & SUBTYPE_MASK) {
            (CPU_TYPE_I386, _) => Arch::I386,
            (CPU_TYPE_X86_64, 8) => Arch::X86_64H,
            (CPU_TYPE_X86_64, _) => Arch::X86_64,
            (CPU_TYPE_ARM64, 2) => Arch::Arm64e,
            (CPU_TYPE_ARM64, _) => Arch::Arm64,
            (CPU_TYPE_ARM, _) => Arch::Arm,
            (CPU_TYPE_PPC, _) => Arch::Ppc,
            (CPU_TYPE_PPC64, _) => Arch::Ppc64,
            (other, subtype) => Arch::Other(other, subtype),
        }
    }

    /// The Mach-O CPU type.
    #[must_use]
    pub fn cpu_type(self) -> u32 {
        match self {
            Arch::I386 => CPU_TYPE_I386,
            Arch::X86_64 | Arch::X86_64H => CPU_TYPE_X86_64,
            Arch::Arm64 | Arch::Arm64e => CPU_TYPE_ARM64,
            Arch::Arm => CPU_TYPE_ARM,
            Arch::Ppc => CPU_TYPE_PPC,
            Arch::Ppc64 => CPU_TYPE_PPC64,
            Arch::Other(cpu_type, _) => cpu_type,
        }
    }

    /// Whether code of one can run where the other is the machine's: the CPU type is the same.
    #[must_use]
    pub fn is_kin_of(self, other: Arch) -> bool {
        self.cpu_type() == other.cpu_type()
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arch::I386 => "i386",
            Arch::X86_64 => "x86_64",
            Arch::X86_64H => "x86_64h",
            Arch::Arm64 => "arm64",
            Arch::Arm64e => "arm64e",
            Arch::Arm => "arm",
            Arch::Ppc => "ppc",
            Arch::Ppc64 => "ppc64",
            Arch::Other(cpu_type, subtype) => {
                return write!(f, "cpu {cpu_type:#x} subtype {subtype:#x}");
            }
        })
    }
}

/// A word that is not the name of an architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownArch(pub String);

impl fmt::Display for UnknownArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is not an architecture; it is one of i386, x86_64, x86_64h, arm64, arm64e, arm, ppc, ppc64",
            self.0.escape_default()
        )
    }
}

impl std::error::Error for UnknownArch {}

impl FromStr for Arch {
    type Err = UnknownArch;
    fn from_str(word: &str) -> Result<Arch, UnknownArch> {
        Ok(match word {
            "i386" => Arch::I386,
            "x86_64" => Arch::X86_64,
            "x86_64h" => Arch::X86_64H,
            "arm64" => Arch::Arm64,
            "arm64e" => Arch::Arm64e,
            "arm" | "armv6" | "armv7" | "armv7s" | "armv7k" => Arch::Arm,
            "ppc" => Arch::Ppc,
            "ppc64" => Arch::Ppc64,
            other => return Err(UnknownArch(other.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_architecture_reads_its_own_name() {
        for arch in [
            Arch::I386,
            Arch::X86_64,
            Arch::X86_64H,
            Arch::Arm64,
            Arch::Arm64e,
            Arch::Arm,
            Arch::Ppc,
            Arch::Ppc64,
        ] {
            assert_eq!(arch.to_string().parse(), Ok(arch));
        }
    }

    #[test]
    fn capability_bits_do_not_hide_arm64e() {
        assert_eq!(Arch::from_macho(0x0100_000c, 0xc000_0002), Arch::Arm64e);
    }

    #[test]
    fn an_unknown_cpu_keeps_its_numbers() {
        assert_eq!(Arch::from_macho(99, 1), Arch::Other(99, 1));
    }
}
