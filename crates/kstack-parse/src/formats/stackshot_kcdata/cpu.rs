//! The architecture of the kernel, from whatever in the stackshot tells it.

use kstack_model::Arch;

use super::item::{tag, until_nul};
use super::layout::little_endian;
use super::tree::Node;
use super::wire::containers;

const THREAD_SNAPSHOT: u32 = 0x906;
const KERN_STACKFRAME64: u32 = 0x90b;
const OSVERSION: u32 = 0x90f;
const KERN_STACKLR64: u32 = 0x914;
const TASK_CPU_ARCHITECTURE: u32 = 0x92a;
/// Bytes before the continuation in a thread's record.
const CONTINUATION: usize = 16;

/// The kernel's architecture: its version line names it; a delta has none, so then the CPU of its tasks or the
/// shape of its addresses. `None` if nothing tells.
pub(crate) fn of_kernel(nodes: &[Node<'_>]) -> Option<Arch> {
    let mut shape = None;
    let mut tasks = None;
    let mut in_kernel_task = false;
    for Node { item, .. } in nodes {
        match item.tag {
            tag::CONTAINER_BEGIN if item.container_tag() == containers::TASK => {
                in_kernel_task = item.flags == 0
            }
            OSVERSION => {
                if let Some(arch) = named(until_nul(item.data())) {
                    return Some(arch);
                }
            }
            TASK_CPU_ARCHITECTURE => {
                let arch = of_task(item.data());
                // An Intel kernel runs no ARM task, but Rosetta runs Intel tasks on ARM.
                let tells = in_kernel_task || matches!(arch, Some(Arch::Arm64 | Arch::Arm64e));
                tasks = tasks.or(arch.filter(|_| tells));
            }
            THREAD_SNAPSHOT if shape.is_none() => {
                let continuation = item.data().get(CONTINUATION..).unwrap_or_default();
                shape = of_address(little_endian(continuation));
            }
            _ if shape.is_none() && item.is_array() => {
                let frames = item
                    .array()
                    .filter(|all| matches!(all.tag, KERN_STACKFRAME64 | KERN_STACKLR64));
                let mut frames = frames.into_iter().flatten();
                shape = frames.find_map(|frame| of_address(little_endian(frame)));
            }
            _ => {}
        }
    }
    tasks.or(shape)
}

/// The architecture in a line such as `Darwin Kernel Version …; root:xnu-…/RELEASE_ARM64_T6000`.
fn named(version: &[u8]) -> Option<Arch> {
    const NAMES: [(&str, Arch); 4] = [
        ("_X86_64", Arch::X86_64),
        ("_ARM64", Arch::Arm64),
        ("_I386", Arch::I386),
        ("_ARM_", Arch::Arm),
    ];
    let version = String::from_utf8_lossy(version);
    let (_, kernel) = version.rsplit_once('/')?;
    NAMES
        .iter()
        .find(|(name, _)| kernel.contains(name))
        .map(|(_, arch)| *arch)
}

fn of_task(data: &[u8]) -> Option<Arch> {
    let (cpu_type, subtype) = data.split_first_chunk::<4>()?;
    let cpu_type = u32::from_le_bytes(*cpu_type);
    let subtype = subtype
        .first_chunk::<4>()
        .map_or(0, |subtype| u32::from_le_bytes(*subtype));
    (cpu_type != 0).then(|| Arch::from_macho(cpu_type, subtype))
}

/// Where kernels and kexts are linked: x86-64 in the last 2 GB but one and around, arm64 far below.
pub(crate) fn of_address(address: u64) -> Option<Arch> {
    match address {
        0xffff_ff7f_0000_0000..=0xffff_ff80_ffff_ffff => Some(Arch::X86_64),
        0xffff_fe00_0000_0000..=0xffff_fe7f_ffff_ffff
        | 0xffff_fff0_0000_0000..=0xffff_fff4_ffff_ffff => Some(Arch::Arm64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_line_names_the_architecture() {
        let named = |kernel: &str| {
            named(format!("Darwin Kernel Version 99.0: root:xnu-1~1/{kernel}").as_bytes())
        };
        assert_eq!(named("RELEASE_X86_64"), Some(Arch::X86_64));
        assert_eq!(named("RELEASE_ARM64_T9999"), Some(Arch::Arm64));
        assert_eq!(named("RELEASE_VAX"), None);
    }

    #[test]
    fn addresses_of_kernels_have_a_shape() {
        assert_eq!(of_address(0xffff_ff80_0020_1234), Some(Arch::X86_64));
        assert_eq!(of_address(0xffff_ff7f_8123_4567), Some(Arch::X86_64));
        assert_eq!(of_address(0xffff_fe00_0712_3456), Some(Arch::Arm64));
        assert_eq!(of_address(0xffff_fff0_0712_3456), Some(Arch::Arm64));
        assert_eq!(of_address(0x1000), None);
    }
}
