//! Rows of showallkmods, showallkexts and showkmodaddr.
//!
//! lldb's macros print `kmod_info address size id refs [TEXT exec, size] version name`, showallkexts with a UUID
//! before it, showkmodaddr with the segment behind it; gdb's print the first form (xnu, `tools/lldbmacros/memory.py`,
//! `kgmacros`).

use kstack_model::{Address, ImageKind, LoadedImage, Placement, Uuid};

use crate::formats::numbers::{decimal, hex};

/// Whether a line is the head of such a table.
pub(super) fn is_head(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let first = words.next();
    let has = |wanted: &str| line.split_whitespace().any(|word| word == wanted);
    matches!(first, Some("kmod" | "kmod_info" | "UUID"))
        && has("address")
        && has("refs")
        && has("name")
}

/// Reads a row.
pub(super) fn row(line: &str) -> Option<LoadedImage> {
    let mut words = line.split_whitespace().peekable();
    let uuid = words.next_if(|word| word.len() == 36).map(Uuid::try_parse);
    let _info = hex(words.next()?)?;
    let address = Address(hex(words.next()?)?);
    let size = hex(words.next()?)?;
    let (_id, _refs) = (decimal(words.next()?)?, decimal(words.next()?)?);
    let code = match words.next_if(|word| word.starts_with("0x")) {
        Some(code) => {
            let _code_size = hex(words.next()?)?;
            Some(Address(hex(code)?))
        }
        None => None,
    };
    let first = words.next()?;
    let (version, name) = match words.next() {
        Some(name) => (Some(first), name),
        // A kext without a version.
        None => (None, first),
    };
    let mut image = LoadedImage::new(kind(name, size));
    image.name = Some(name.to_owned());
    image.version = version.map(str::to_owned);
    image.uuid = uuid.and_then(Result::ok);
    image.size = Some(size).filter(|size| *size > 0);
    if address.0 != 0 {
        image.placements.push(Placement::LoadedAt(address));
    }
    if let Some(code) = code.filter(|code| *code != address && code.0 != 0) {
        image.placements.push(Placement::SegmentAt {
            segment: "__TEXT_EXEC".to_owned(),
            address: code,
        });
    }
    Some(image)
}

fn kind(name: &str, size: u64) -> ImageKind {
    match name {
        "__kernel__" => ImageKind::Kernel,
        _ if size == 0 || name.starts_with("com.apple.kpi.") => ImageKind::PseudoKext,
        _ => ImageKind::Kext,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_and_the_newest_layout_are_read() {
        let old =
            row("0x00d29b20  0x00d21000  0x0000a000   75      0       1.0.5  org.openzfsonosx.zfs")
                .unwrap();
        assert_eq!(old.load_address(), Some(Address(0x00d2_1000)));
        assert_eq!(
            (old.size, old.version.as_deref()),
            (Some(0xa000), Some("1.0.5"))
        );
        let new = row("AABBCCDD-0000-3000-8000-001122334455 0xfffffe0027a3d0e8   0xfffffe0024c50000   0x0000010000 42    1     0xfffffe0025f31000   0x0000000004000 2.1.0           org.openzfsonosx.zfs  segment: __TEXT_EXEC offset = 0x1234").unwrap();
        assert_eq!(new.name.as_deref(), Some("org.openzfsonosx.zfs"));
        assert!(new.uuid.is_some());
        assert_eq!(
            new.placements,
            [
                Placement::LoadedAt(Address(0xffff_fe00_24c5_0000)),
                Placement::SegmentAt {
                    segment: "__TEXT_EXEC".to_owned(),
                    address: Address(0xffff_fe00_25f3_1000)
                }
            ]
        );
    }

    #[test]
    fn a_name_without_code_is_a_pseudo_kext() {
        let it = row("0xffffff8000a1 0x0 0x0 1 9 14.0.0 com.apple.kpi.bsd").unwrap();
        assert_eq!((it.kind, it.placements.len()), (ImageKind::PseudoKext, 0));
    }

    #[test]
    fn a_task_is_no_kext() {
        assert_eq!(
            row(
                "0xffffff80156d3718   0xffffff801145a5a0   0xffffff8016b157a8       7 D        647   0xffffff8014bb5960"
            ),
            None
        );
        assert!(is_head(
            "kmod        address     size        id    refs     version  name"
        ));
        assert!(!is_head("task  vm_map  ipc_space #acts pid proc command"));
    }
}
