//! Rows of "Binary Images:".
//!
//! `   *0xffffff800344b000 - 0xffffff80035edfff  org.name.kext 1.0 (12.3) <UUID>__TEXT  /path/of/executable`

use kstack_model::{Address, ImageKind, LoadedImage, Placement, Uuid};

use crate::formats::numbers::{hex, is_arm64_kernel};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageRow {
    /// Whether it is marked as the kernel's.
    pub(super) kernel: bool,
    /// Where it starts.
    pub(super) start: Address,
    /// The image; a segment named behind the UUID is in its placement.
    pub(super) image: LoadedImage,
}

impl ImageRow {
    /// Reads a row; `None` when the line is none.
    pub(super) fn read(line: &str) -> Option<ImageRow> {
        let line = line.trim();
        let (kernel, line) = match line.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (start, rest) = line.split_once(" - ")?;
        let start = Address(hex(start.trim())?);
        let (end, rest) = rest.trim_start().split_once(' ')?;
        let identity = Identity::read(rest);
        let segment = identity.segment.map(str::to_owned);
        let mut image = LoadedImage::new(kind(kernel, &identity));
        let executable = identity.path.and_then(|path| path.rsplit('/').next());
        image.executable = executable
            .filter(|name| identity.name != Some(*name))
            .map(str::to_owned);
        image.name = identity.name.map(str::to_owned);
        image.version = identity.version;
        image.uuid = identity.uuid;
        image.path = identity.path.map(str::to_owned);
        image.placements = vec![placement(kernel, start, segment)];
        image.size = hex(end)
            .and_then(|end| end.checked_sub(start.0))
            .and_then(|size| size.checked_add(1));
        Some(ImageRow {
            kernel,
            start,
            image,
        })
    }
}

/// What a row says beside the addresses.
struct Identity<'a> {
    name: Option<&'a str>,
    version: Option<String>,
    uuid: Option<Uuid>,
    segment: Option<&'a str>,
    path: Option<&'a str>,
}

impl<'a> Identity<'a> {
    fn read(text: &'a str) -> Identity<'a> {
        let (before, uuid, behind) = match split_at_uuid(text) {
            Some((before, uuid, behind)) => (before, Some(uuid), behind),
            None => (text, None, ""),
        };
        // sample marks the main executable with `+`.
        let (name, version) = name_and_version(before.trim().trim_start_matches('+'));
        let (segment, path) = match behind.split_once(char::is_whitespace) {
            Some((segment, path)) => (segment, path.trim()),
            None => (behind, ""),
        };
        Identity {
            name: Some(name).filter(|name| !name.is_empty() && *name != "???"),
            version,
            uuid,
            segment: Some(segment).filter(|segment| segment.starts_with("__")),
            // Kexts of a collection have their bundle identifier again where others have a path.
            path: Some(path).filter(|path| path.starts_with('/')),
        }
    }
}

fn split_at_uuid(text: &str) -> Option<(&str, Uuid, &str)> {
    let (before, rest) = text.rsplit_once('<')?;
    let (uuid, behind) = rest.split_once('>')?;
    Some((before, Uuid::try_parse(uuid).ok()?, behind))
}

/// "name", "name (12.3)", "name 1.0 (12.3)"; names can have blanks and brackets of their own.
///
/// The version is the one in brackets, the bundle version that `kextstat` and panic logs print.
fn name_and_version(text: &str) -> (&str, Option<String>) {
    let Some((rest, build)) = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once(" ("))
        .filter(|(_, build)| is_version(build))
    else {
        return (text, None);
    };
    match rest.rsplit_once(' ') {
        Some((name, short)) if is_version(short) => (name.trim_end(), Some(build.to_owned())),
        _ => (rest.trim_end(), Some(build.to_owned())),
    }
}

fn is_version(word: &str) -> bool {
    word == "???" || word.starts_with(|first: char| first.is_ascii_digit())
}

fn kind(kernel: bool, identity: &Identity<'_>) -> ImageKind {
    let named = identity.name.unwrap_or("");
    let in_kernels = identity.path.is_some_and(|path| path.contains("/Kernels/"));
    let is_kernel =
        in_kernels || named == "kernel" || named == "mach_kernel" || named.starts_with("kernel.");
    match (kernel, is_kernel) {
        (false, _) => ImageKind::User,
        (true, true) => ImageKind::Kernel,
        (true, false) => ImageKind::Kext,
    }
}

/// Where the kernel of Apple silicon is linked: Macs, then phones.
const ARM64_KERNEL_TEXT: [u64; 2] = [0xffff_fe00_0700_4000, 0xffff_fff0_0700_4000];

/// On Apple silicon the stackshot behind a spindump gives the start of
/// `__TEXT_EXEC` for kernel and kexts (xnu-11417.101.15, `osfmk/kern/kern_stackshot.c`),
/// everywhere else that of the Mach-O header.
fn placement(kernel: bool, start: Address, segment: Option<String>) -> Placement {
    let header = !kernel || !is_arm64_kernel(start.0) || ARM64_KERNEL_TEXT.contains(&start.0);
    match segment {
        Some(segment) if segment != "__TEXT" => Placement::SegmentAt {
            segment,
            address: start,
        },
        None if !header => Placement::SegmentAt {
            segment: "__TEXT_EXEC".to_owned(),
            address: start,
        },
        _ => Placement::LoadedAt(start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kext_has_two_names() {
        let row = ImageRow::read("   *0xffffff7f81000000 - 0xffffff7f811fffff  org.openzfsonosx.zfs 1.3.1 (1.3.1r2) <AABBCCDD-0000-3000-8000-001122334455>  /Library/Extensions/zfs.kext/Contents/MacOS/zfs").unwrap();
        assert!(row.kernel);
        assert_eq!(row.image.name.as_deref(), Some("org.openzfsonosx.zfs"));
        assert_eq!(row.image.executable.as_deref(), Some("zfs"));
        assert_eq!(row.image.version.as_deref(), Some("1.3.1r2"));
        assert_eq!(row.image.size, Some(0x20_0000));
        assert_eq!(row.image.kind, ImageKind::Kext);
        assert_eq!(row.image.placements, [Placement::LoadedAt(row.start)]);
    }

    #[test]
    fn a_segment_glued_to_the_uuid_is_what_lies_there() {
        let row = ImageRow::read("*0xffffff8000100000 - 0xffffff800019efff  kernel (8792.1) <AABBCCDD-0000-3000-8000-001122334455>__HIB   /System/Library/Kernels/kernel").unwrap();
        assert_eq!(row.image.kind, ImageKind::Kernel);
        assert_eq!(
            row.image.placements,
            [Placement::SegmentAt {
                segment: "__HIB".to_owned(),
                address: row.start
            }]
        );
    }

    #[test]
    fn the_mark_of_the_executable_is_no_part_of_its_name() {
        let row = ImageRow::read("0x10a410000 - 0x10a42dfff +zpool (1) <AABBCCDD-0000-3000-8000-001122334455> /usr/sbin/zpool").unwrap();
        assert_eq!(row.image.name.as_deref(), Some("zpool"));
        assert_eq!(row.image.executable, None);
    }

    #[test]
    fn an_image_may_have_no_name_and_no_end() {
        let row = ImageRow::read(
            "  0x109d00000 - ???  ???   <AABBCCDD-0000-3000-8000-001122334455>      ",
        )
        .unwrap();
        assert_eq!((row.image.name, row.image.size), (None, None));
        assert_eq!(row.image.kind, ImageKind::User);
    }

    #[test]
    fn brackets_that_are_no_version_belong_to_the_name() {
        let row = ImageRow::read(
            "0x1000 - 0x1fff  Pool Helper (Scrub) <AABBCCDD-0000-3000-8000-001122334455> /x",
        )
        .unwrap();
        assert_eq!(row.image.name.as_deref(), Some("Pool Helper (Scrub)"));
        assert_eq!(row.image.version, None);
    }

    #[test]
    fn on_apple_silicon_the_code_segment_is_what_is_placed() {
        let row = ImageRow::read("*0xfffffe0007b34000 - 0xfffffe000826ffff  kernel.release.t0000 (1.2) <AABBCCDD-0000-3000-8000-001122334455>  /System/Library/Kernels/kernel.release.t0000").unwrap();
        assert!(
            matches!(&row.image.placements[..], [Placement::SegmentAt { segment, .. }] if segment == "__TEXT_EXEC")
        );
    }

    #[test]
    fn other_lines_are_no_rows() {
        for line in ["", "0x1 -", "a - b c", "Binary Images:", "0x1 - 0x2"] {
            assert_eq!(ImageRow::read(line), None, "{line}");
        }
    }
}
