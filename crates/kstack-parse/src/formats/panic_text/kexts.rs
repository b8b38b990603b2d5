//! Kext tables, lists of loaded kexts, and the last one started.

use std::collections::{BTreeMap, BTreeSet};

use kstack_model::{Address, Arch, ImageKind, LoadedImage, Placement, Uuid};

use super::names::expanded;
use super::scan::size;
use crate::formats::numbers::leading_hex;

/// The kexts of one panic in the order printed.
#[derive(Clone, Debug, Default)]
pub(super) struct Kexts {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
enum Row {
    /// Of the table "Kernel Extensions in backtrace".
    Ranged(Ranged),
    /// "last started kext at …".
    Started(Started),
    /// Of "loaded kexts:".
    Listed { name: String, version: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ranged {
    name: String,
    version: Option<String>,
    uuid: Option<Uuid>,
    start: u64,
    /// The last byte.
    end: Option<u64>,
}

/// A kext of a "last … kext at" line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Started {
    name: String,
    version: Option<String>,
    address: u64,
    size: Option<u64>,
}

/// What a line of the table is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TableLine {
    /// A whole row, now taken.
    Taken,
    /// A row whose range was wrapped to the next line.
    WantsRange,
    /// Something else.
    Other,
}

impl Kexts {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether a table of ranges was printed.
    pub(super) fn has_table(&self) -> bool {
        self.rows.iter().any(|row| matches!(row, Row::Ranged(_)))
    }

    /// Takes `name(version)[UUID]@0xA->0xB`, with or without `dependency:` before it.
    pub(super) fn table_line(&mut self, line: &str) -> TableLine {
        match ranged(line) {
            Some(Ok(row)) => {
                self.rows.push(Row::Ranged(row));
                TableLine::Taken
            }
            Some(Err(NoRange)) => TableLine::WantsRange,
            None => TableLine::Other,
        }
    }

    /// Takes `name version` of a list of loaded kexts.
    pub(super) fn list_line(&mut self, line: &str) -> bool {
        let Some((name, version)) = listed(line) else {
            return false;
        };
        self.rows.push(Row::Listed { name, version });
        true
    }

    pub(super) fn started(&mut self, kext: Started) {
        self.rows.push(Row::Started(kext));
    }

    /// The images, each kext once; `named` are those that the frames name.
    ///
    /// `@0xA->0xB` is the kext's load address on Intel and the start of its
    /// `__TEXT_EXEC` on arm64 (xnu-11417.101.15, `libkern/c++/OSKext.cpp`);
    /// "last started kext" prints the load address on both, so one kext can
    /// have two placements.
    pub(super) fn into_images(
        self,
        arch: Option<Arch>,
        named: BTreeSet<String>,
    ) -> Vec<LoadedImage> {
        let mut images = Images::default();
        for row in self.rows {
            match row {
                Row::Ranged(row) => {
                    let placement = match arch {
                        Some(Arch::Arm64 | Arch::Arm64e) => Placement::SegmentAt {
                            segment: "__TEXT_EXEC".to_owned(),
                            address: Address(row.start),
                        },
                        _ => Placement::LoadedAt(Address(row.start)),
                    };
                    let image = images.named(&row.name, row.uuid, row.version);
                    // The size of the range is that of the first placement.
                    image.placements.retain(|known| *known != placement);
                    image.placements.insert(0, placement);
                    let last = row.end.and_then(|end| end.checked_sub(row.start));
                    image.size = last.and_then(|last| last.checked_add(1));
                }
                Row::Started(kext) => {
                    let image = images.named(&kext.name, None, kext.version);
                    if image.placements.is_empty() {
                        image.size = kext.size;
                    }
                    place(image, Placement::LoadedAt(Address(kext.address)));
                }
                Row::Listed { name, version } => {
                    images.named(&name, None, Some(version));
                }
            }
        }
        for name in named {
            images.named(&name, None, None);
        }
        images.images
    }
}

fn place(image: &mut LoadedImage, placement: Placement) {
    /// The table, the last kext started, and one to spare.
    const MOST_PLACEMENTS: usize = 4;
    if image.placements.len() < MOST_PLACEMENTS && !image.placements.contains(&placement) {
        image.placements.push(placement);
    }
}

#[derive(Default)]
struct Images {
    images: Vec<LoadedImage>,
    by_name: BTreeMap<String, usize>,
}

impl Images {
    /// The image of this name, new or known; two builds of one name stay two images.
    fn named(
        &mut self,
        printed: &str,
        uuid: Option<Uuid>,
        version: Option<String>,
    ) -> &mut LoadedImage {
        let full = expanded(printed);
        let name = full.as_deref().unwrap_or(printed).to_owned();
        let known = self.by_name.get(&name).copied().filter(|at| {
            let own = self.images.get(*at).and_then(|image| image.uuid);
            own.is_none() || uuid.is_none() || own == uuid
        });
        let at = known.unwrap_or(self.images.len());
        if known.is_none() {
            let kind = if name.starts_with("com.apple.kpi.") {
                ImageKind::PseudoKext
            } else {
                ImageKind::Kext
            };
            let mut image = LoadedImage::new(kind);
            image.said_name = full.is_some().then(|| printed.to_owned());
            image.name = Some(name.clone());
            self.by_name.insert(name, at);
            self.images.push(image);
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the image was found or pushed just above"
        )]
        let image = &mut self.images[at];
        image.uuid = image.uuid.or(uuid);
        image.version = image.version.take().or(version);
        image
    }
}

/// A row whose range stands on the next line, or nowhere.
struct NoRange;

fn ranged(line: &str) -> Option<Result<Ranged, NoRange>> {
    let row = line
        .strip_prefix("dependency:")
        .map_or(line, str::trim_start);
    let (name, rest) = row.split_once('(')?;
    if !is_identifier(name) {
        return None;
    }
    let (version, rest) = rest.split_once(')')?;
    let rest = rest.trim_start();
    let (uuid, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // A UUID that was blacked out is no UUID, and the row is still a row.
        Some((uuid, rest)) => (Uuid::parse_str(uuid.trim()).ok(), rest.trim_start()),
        None => (None, rest),
    };
    let Some(range) = rest.strip_prefix('@') else {
        let is_row = row.ends_with(']') && rest.is_empty();
        return is_row.then_some(Err(NoRange));
    };
    let start = leading_hex(range)?;
    let end = start
        .rest
        .trim_start()
        .strip_prefix("->")
        .and_then(leading_hex);
    Some(Ok(Ranged {
        name: name.to_owned(),
        version: (!version.is_empty()).then(|| version.to_owned()),
        uuid,
        start: start.value,
        end: end.map(|end| end.value),
    }))
}

/// A bundle identifier: dotted, without white space.
fn is_identifier(word: &str) -> bool {
    word.contains('.')
        && word
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "._-".contains(character))
}

fn listed(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next()?;
    let is_abbreviated = name.starts_with(['>', '|', '$', '@', '!']);
    let is_name = is_identifier(name) || is_abbreviated;
    // Before 10.7 the list says "- last loaded N" of its first row.
    let ends = matches!(words.next(), None | Some("-"));
    (is_name && ends && version.starts_with(|first: char| first.is_ascii_digit()))
        .then(|| (name.to_owned(), version.to_owned()))
}

/// Reads `name version (addr 0x…, size N)` of the "last … kext at" lines and of "unloaded kexts:".
pub(super) fn started(text: &str) -> Option<Started> {
    let (_, address) = text.split_once("(addr ")?;
    let address = leading_hex(address)?;
    let mut words = text.split_whitespace();
    let name = words.next()?;
    let version = words.next().filter(|word| !word.starts_with('('));
    Some(Started {
        name: name.to_owned(),
        version: version.map(str::to_owned),
        address: address.value,
        size: text
            .split_once("size ")
            .and_then(|(_, number)| size(number)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "11111111-2222-3333-4444-555555555555";

    fn images(arch: Arch, rows: &[&str]) -> Vec<LoadedImage> {
        let mut kexts = Kexts::default();
        for row in rows {
            assert_eq!(kexts.table_line(row), TableLine::Taken, "{row}");
        }
        kexts.into_images(Some(arch), BTreeSet::new())
    }

    #[test]
    fn an_intel_range_is_a_load_address_and_a_size() {
        let images = images(
            Arch::X86_64,
            &[&format!(
                "org.example.zfs(2.1)[{UUID}]@0xffffff7f80001000->0xffffff7f80001fff"
            )],
        );
        assert_eq!(
            images[0].load_address(),
            Some(Address(0xffff_ff7f_8000_1000))
        );
        assert_eq!(images[0].size, Some(0x1000));
        assert_eq!(images[0].uuid.unwrap().to_string(), UUID);
    }

    #[test]
    fn an_arm64_range_is_the_code_segment_and_not_the_header() {
        let images = images(
            Arch::Arm64,
            &["org.example.zfs(2.1)@0xfffffe0010001040->0xfffffe0010001fff"],
        );
        assert_eq!(images[0].load_address(), None);
        assert_eq!(
            images[0].placements,
            [Placement::SegmentAt {
                segment: "__TEXT_EXEC".to_owned(),
                address: Address(0xffff_fe00_1000_1040)
            }]
        );
    }

    #[test]
    fn a_dependency_listed_twice_is_one_image() {
        let images = images(
            Arch::X86_64,
            &[
                "dependency: com.apple.iokit.IOStorageFamily(2.1)@0xffffff7f80001000",
                "com.apple.iokit.IOStorageFamily(2.1)[REDACTED]@0xffffff7f80001000->0xffffff7f80001fff",
            ],
        );
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].placements.len(), 1);
        assert_eq!(images[0].size, Some(0x1000));
        assert_eq!(images[0].uuid, None);
    }

    #[test]
    fn the_last_started_kext_gives_a_second_placement_on_arm64() {
        let mut kexts = Kexts::default();
        kexts.table_line("org.example.zfs(2.1)@0xfffffe0010001040->0xfffffe0010001fff");
        kexts
            .started(started("org.example.zfs\t2.1 (addr 0xfffffe0008001040, size 2644)").unwrap());
        let images = kexts.into_images(Some(Arch::Arm64), BTreeSet::new());
        assert_eq!(images[0].placements.len(), 2);
        assert_eq!(
            images[0].load_address(),
            Some(Address(0xffff_fe00_0800_1040))
        );
        assert_eq!(images[0].size, Some(0xfc0));
    }

    #[test]
    fn a_listed_kext_keeps_its_printed_name() {
        let mut kexts = Kexts::default();
        assert!(kexts.list_line(">usb.!UHub\t1.2"));
        assert!(kexts.list_line("com.apple.kpi.bsd 19.6.0"));
        assert!(!kexts.list_line("Thanks for reading"));
        assert!(!kexts.list_line("see example.org 5 times"));
        let images = kexts.into_images(None, BTreeSet::new());
        assert_eq!(
            images[0].name.as_deref(),
            Some("com.apple.driver.usb.AppleUSBHub")
        );
        assert_eq!(images[0].said_name.as_deref(), Some(">usb.!UHub"));
        assert_eq!(images[1].kind, ImageKind::PseudoKext);
    }

    #[test]
    fn a_row_cut_before_its_range_asks_for_the_next_line() {
        let mut kexts = Kexts::default();
        assert_eq!(
            kexts.table_line(&format!("org.example.zfs(2.1)[{UUID}]")),
            TableLine::WantsRange
        );
        assert_eq!(kexts.table_line("see foo.bar(2)"), TableLine::Other);
    }
}
