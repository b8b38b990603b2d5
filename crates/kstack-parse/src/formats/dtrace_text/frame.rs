//! One frame of dtrace: ``module`function+0x12``, ``module`0xfunction+0x12``, or a bare address.

use kstack_model::{Address, Frame, FrameKind, Said};

use crate::formats::numbers::{LOWEST_KERNEL, hex};

/// A frame and what it tells of its side.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Traced {
    /// The frame, as a return address.
    pub(super) frame: Frame,
    /// `true` for the kernel's, `false` for a process's; `None` where it does not show.
    pub(super) kernel: Option<bool>,
}

/// Reads a line that is a frame and nothing else.
pub(super) fn read(line: &str) -> Option<Traced> {
    let text = line.trim();
    match text.split_once('`') {
        Some((module, function)) => in_module(module, function),
        None => {
            let address = hex(text)?;
            Some(Traced {
                frame: Frame::new(Address(address), FrameKind::ReturnAddress),
                kernel: side_of(address),
            })
        }
    }
}

fn in_module(module: &str, function: &str) -> Option<Traced> {
    let is_module = module.len() > 1
        && module
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "._-+".contains(it));
    let is_function = function.starts_with(|it: char| it.is_alphanumeric() || "_~<$-+:(".contains(it))
        && !function.contains(char::is_control)
        // A title of lldb's disassembly ends with a colon.
        && !function.ends_with([':', '`']);
    if !is_module || !is_function {
        return None;
    }
    let (name, offset) = match function.rsplit_once('+') {
        Some((name, offset)) => match hex(offset) {
            Some(offset) => (name, Some(offset)),
            None => (function, None),
        },
        None => (function, None),
    };
    let image = Some(module.to_owned());
    // A function without a name is given by where it starts.
    if let Some(start) = hex(name) {
        let address = start.wrapping_add(offset.unwrap_or(0));
        let said = Said {
            image,
            ..Said::default()
        };
        return Some(Traced {
            frame: Frame::new(Address(address), FrameKind::ReturnAddress).saying(said),
            kernel: side_of(address).or_else(|| side_of_module(module)),
        });
    }
    let said = Said {
        image,
        symbol: Some(name.to_owned()),
        offset: offset.or(Some(0)),
        ..Said::default()
    };
    Some(Traced {
        frame: Frame::unplaced(said, FrameKind::ReturnAddress),
        kernel: side_of_module(module),
    })
}

fn side_of(address: u64) -> Option<bool> {
    if address >= LOWEST_KERNEL {
        Some(true)
    } else if address > u64::from(u32::MAX) {
        Some(false)
    } else {
        None
    }
}

/// Modules are kexts by bundle identifier, libraries by file name.
fn side_of_module(module: &str) -> Option<bool> {
    let library = module.ends_with(".dylib") || module.ends_with(".so") || module.contains(".so.");
    let kernel = matches!(module, "kernel" | "mach_kernel" | "unix" | "genunix")
        || module.starts_with("kernel.")
        || module.starts_with("com.");
    match (library, kernel) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kstack_model::At;

    #[test]
    fn a_function_without_a_name_has_an_address() {
        let it = read("   org.openzfsonosx.zfs`0xffffff7f81001000+0x24").unwrap();
        assert_eq!(it.frame.at, At::Absolute(Address(0xffff_ff7f_8100_1024)));
        assert_eq!(it.kernel, Some(true));
        assert_eq!(
            it.frame.said.unwrap().image.as_deref(),
            Some("org.openzfsonosx.zfs")
        );
    }

    #[test]
    fn a_name_without_an_address_is_kept_as_said() {
        let it = read("  zfs`zio_wait+0x1e").unwrap();
        assert_eq!(it.frame.at, At::Unknown);
        let said = it.frame.said.unwrap();
        assert_eq!(
            (said.symbol.as_deref(), said.offset),
            (Some("zio_wait"), Some(0x1e))
        );
        let it = read("  libpool.1.dylib`Pool<int>::scrub(int, char const*)+0xa").unwrap();
        assert_eq!(it.kernel, Some(false));
        assert_eq!(
            it.frame.said.unwrap().symbol.as_deref(),
            Some("Pool<int>::scrub(int, char const*)")
        );
    }

    #[test]
    fn titles_of_disassembly_and_prose_are_no_frames() {
        for line in [
            "zfs`zio_wait:",
            "zfs`zio_wait + 115:",
            "run `zpool`",
            "`x",
            "a b`c+0x1",
            "",
            "12",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
