//! Where unwind information says that functions start.

use gimli::{BaseAddresses, CieOrFde, EhFrame, EndianSlice, LittleEndian, UnwindSection};
use scroll::{LE, Pread};

use crate::macho::Image;

/// Starts of functions in the `__eh_frame` and `__unwind_info` of an image.
pub(crate) fn starts(image: &Image, bytes: &[u8]) -> Vec<u64> {
    let mut starts = Vec::new();
    let sections = image.segments.iter().flat_map(|segment| &segment.sections);
    for section in sections {
        let (start, end) = (section.range.start.0, section.range.end.0);
        let size = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let Some(here) = image.bytes_at(start, bytes) else {
            continue;
        };
        let here = here.get(..size).unwrap_or(here);
        match section.name.as_str() {
            "__eh_frame" => from_eh_frame(start, here, &mut starts),
            "__unwind_info" => from_unwind_info(here, image.linked_at().0, &mut starts),
            _ => {}
        }
    }
    starts
}

fn from_eh_frame(address: u64, section: &[u8], starts: &mut Vec<u64>) {
    let frames = EhFrame::from(EndianSlice::new(section, LittleEndian));
    let bases = BaseAddresses::default().set_eh_frame(address);
    let mut entries = frames.entries(&bases);
    // Damage ends the list where it is.
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let frame = partial.parse(|section, bases, offset| section.cie_from_offset(bases, offset));
        if let Ok(frame) = frame {
            starts.push(frame.initial_address());
        }
    }
}

/// The pages of compact unwind information, whose offsets count from the Mach-O header
/// (cctools-1010.6, `mach-o/compact_unwind_encoding.h`).
fn from_unwind_info(section: &[u8], base: u64, starts: &mut Vec<u64>) {
    let word = |at: usize| section.pread_with::<u32>(at, LE).ok();
    let (Some(1), Some(index), Some(count)) = (word(0), word(20), word(24)) else {
        return;
    };
    let rows = section.get(to_usize(index)..).unwrap_or_default();
    // Pages may be shared by damaged rows; together they have no more entries than fit the section.
    let mut left = section.len() / 4;
    for row in rows.chunks_exact(12).take(to_usize(count)) {
        let first = row.pread_with::<u32>(0, LE).unwrap_or(0);
        let page = to_usize(row.pread_with::<u32>(4, LE).unwrap_or(0));
        starts.push(base.wrapping_add(u64::from(first)));
        let (Some(kind), Some(header)) = (word(page), page.checked_add(4)) else {
            continue;
        };
        let at: Option<u16> = section.pread_with(header, LE).ok();
        let entries: Option<u16> = section.pread_with(header.saturating_add(2), LE).ok();
        let (Some(at), Some(entries)) = (at, entries) else {
            continue;
        };
        let list = section.get(page.saturating_add(usize::from(at))..);
        let Some(unread) = left.checked_sub(usize::from(entries)) else {
            return;
        };
        left = unread;
        let list = list.unwrap_or_default();
        let (size, mask, from) = match kind {
            REGULAR => (8, u32::MAX, 0),
            COMPRESSED => (4, 0xff_ffff, first),
            _ => continue,
        };
        for entry in list.chunks_exact(size).take(usize::from(entries)) {
            let offset = entry.pread_with::<u32>(0, LE).unwrap_or(0) & mask;
            let offset = from.wrapping_add(offset);
            starts.push(base.wrapping_add(u64::from(offset)));
        }
    }
}

const REGULAR: u32 = 2;
const COMPRESSED: u32 = 3;

fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
