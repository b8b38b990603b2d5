//! Items: the 16-byte headers of a kcdata buffer and what follows each.
//!
//! Facts are those of `osfmk/kern/kcdata.h` (xnu-11417.121.6) and, for the
//! older ways to write padding and arrays, of xnu-3248 and xnu-3789.

use std::slice::ChunksExact;

use super::layout::{Scalar, Type, Unit};
use super::wire;

/// Tags with a meaning in every kcdata buffer.
pub(crate) mod tag {
    pub(crate) const STRING_DESC: u32 = 0x1;
    pub(crate) const U32_DESC: u32 = 0x2;
    pub(crate) const U64_DESC: u32 = 0x3;
    pub(crate) const I32_DESC: u32 = 0x4;
    pub(crate) const I64_DESC: u32 = 0x5;
    pub(crate) const DATA_DESC: u32 = 0x6;
    pub(crate) const OLD_ARRAY: u32 = 0x11;
    pub(crate) const TYPE_DEFINITION: u32 = 0x12;
    pub(crate) const CONTAINER_BEGIN: u32 = 0x13;
    pub(crate) const CONTAINER_END: u32 = 0x14;
    pub(crate) const ARRAY_FIRST: u32 = 0x20;
    pub(crate) const ARRAY_LAST: u32 = 0x2f;
    pub(crate) const NESTED: u32 = 0x38;
    pub(crate) const END: u32 = 0xf191_58ed;
}

/// Bytes of an item header.
pub(crate) const HEADER: usize = 16;
/// Bytes of the name in front of a described value.
const DESCRIPTION: usize = 32;

/// One item. What `flags` means depends on the kind of item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) tag: u32,
    pub(crate) flags: u64,
    /// What follows the header, padding included.
    pub(crate) payload: &'a [u8],
    /// Of the header, from the start of the bytes that hold it.
    pub(crate) offset: usize,
}

/// Why no item can be read at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The bytes end exactly where an item could begin.
    AtItem,
    /// The bytes end within a header.
    InHeader,
    /// The item's size leads past the end.
    InPayload { tag: u32, size: u32, left: usize },
}

impl<'a> Item<'a> {
    /// Reads the item at `offset`.
    pub(crate) fn read(bytes: &'a [u8], offset: usize) -> Result<Item<'a>, Cut> {
        let rest = bytes.get(offset..).unwrap_or_default();
        let Some((header, rest)) = rest.split_at_checked(HEADER) else {
            return Err(if rest.is_empty() {
                Cut::AtItem
            } else {
                Cut::InHeader
            });
        };
        let (tag, size) = (u32_at(header, 0), u32_at(header, 4));
        let flags = u64::from(u32_at(header, 8)) | u64::from(u32_at(header, 12)) << 32;
        let payload = usize::try_from(size).ok().and_then(|size| rest.get(..size));
        let payload = payload.ok_or(Cut::InPayload {
            tag,
            size,
            left: rest.len(),
        })?;
        Ok(Item {
            tag,
            flags,
            payload,
            offset,
        })
    }

    /// Where the next item begins.
    pub(crate) fn next_offset(&self) -> usize {
        self.offset + HEADER + self.payload.len()
    }

    /// The payload of a plain item without its padding.
    ///
    /// xnu-3247 and 3248 did not record padding. Two of their structs later
    /// grew into the bytes that were padding then, so for these the old size
    /// is restored.
    pub(crate) fn data(&self) -> &'a [u8] {
        const THREAD_SNAPSHOT: u32 = 0x906;
        const SHAREDCACHE_LOADINFO: u32 = 0x908;
        let size = self.payload.len();
        let size = match (self.tag, self.flags & 0x8f, size) {
            (THREAD_SNAPSHOT, 0, 112) => 104,
            (SHAREDCACHE_LOADINFO, 0, 32) => 24,
            _ => size.saturating_sub(low_bits(self.flags)),
        };
        self.payload.get(..size).unwrap_or_default()
    }

    /// What an item that begins a container contains, as a tag; a payload too short for one gives 0.
    pub(crate) fn container_tag(&self) -> u32 {
        u32_at(self.payload, 0)
    }

    /// Name and value of a described item; `None` if it is no such item or too short for a name.
    pub(crate) fn described(&self) -> Option<(&'a [u8], Scalar<'a>)> {
        if !(tag::STRING_DESC..=tag::DATA_DESC).contains(&self.tag) {
            return None;
        }
        let (name, value) = self.data().split_at_checked(DESCRIPTION)?;
        let unit = match self.tag {
            tag::STRING_DESC => return Some((until_nul(name), Scalar::Text(until_nul(value)))),
            tag::U32_DESC => Unit::U32,
            tag::U64_DESC => Unit::U64,
            tag::I32_DESC => Unit::I32,
            tag::I64_DESC => Unit::I64,
            _ => return Some((until_nul(name), Scalar::Bytes(value))),
        };
        let number = value.get(..unit.width());
        let value = number.map_or(Scalar::Bytes(value), |number| unit.read(number));
        Some((until_nul(name), value))
    }

    pub(crate) fn is_array(&self) -> bool {
        self.tag == tag::OLD_ARRAY || (tag::ARRAY_FIRST..=tag::ARRAY_LAST).contains(&self.tag)
    }

    /// The elements of an array item; `None` if its numbers do not fit together.
    pub(crate) fn array(&self) -> Option<Elements<'a>> {
        let element = u32::try_from(self.flags >> 32).ok()?;
        let count = usize::try_from(self.flags & 0xffff_ffff).ok()?;
        let size = self.payload.len();
        if count == 0 {
            return (size == 0).then_some(Elements::new(element, 0, &[]));
        }
        let stride = if self.tag == tag::OLD_ARRAY {
            let stride = old_stride(element)?;
            let used = stride.checked_mul(count)?;
            (used <= size && size % count < 16).then_some(stride)?
        } else {
            let used = size.checked_sub(low_bits(self.tag.into()))?;
            (used > 0 && used % count == 0).then_some(used / count)?
        };
        let bytes = self.payload.get(..stride.checked_mul(count)?)?;
        Some(Elements::new(element, stride, bytes))
    }

    /// The elements of an array, or the one that a plain item is; `None` for an array whose numbers do not fit together.
    pub(crate) fn elements(&self) -> Option<Elements<'a>> {
        if self.is_array() {
            return self.array();
        }
        let data = self.data();
        Some(Elements::new(self.tag, data.len(), data))
    }
}

/// Elements of one type and size.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    /// Tag of their type.
    pub(crate) tag: u32,
    stride: usize,
    chunks: ChunksExact<'a, u8>,
}

impl<'a> Elements<'a> {
    fn new(tag: u32, stride: usize, bytes: &'a [u8]) -> Elements<'a> {
        Elements {
            tag,
            stride,
            chunks: bytes.chunks_exact(stride.max(1)),
        }
    }

    /// Bytes of an element.
    pub(crate) fn size(&self) -> usize {
        self.stride
    }

    /// What is known of their type.
    pub(crate) fn known(&self) -> Option<&'static Type<'static>> {
        wire::find(self.tag, self.stride)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.chunks.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.chunks.size_hint()
    }
}

impl ExactSizeIterator for Elements<'_> {}

/// Arrays of xnu-3247 and 3248 do not tell where their padding begins, so the size of an element is fixed by its type.
fn old_stride(element: u32) -> Option<usize> {
    Some(match element {
        0x907 => 4,
        0x81a | 0x90a | 0x90c => 8,
        0x90b | 0x90d => 16,
        0x30 => 20,
        0x31 => 24,
        0x941 => 48,
        _ => return None,
    })
}

/// The text before the first NUL.
pub(crate) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Four bits that count padding.
fn low_bits(word: u64) -> usize {
    usize::from((word & 0xf) as u8)
}

/// A little-endian word; bytes that are missing are zero.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    let found = bytes.get(offset..).unwrap_or_default();
    word.iter_mut()
        .zip(found)
        .for_each(|(to, from)| *to = *from);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(tag: u32, flags: u64, payload: &[u8]) -> Item<'_> {
        Item {
            tag,
            flags,
            payload,
            offset: 0,
        }
    }

    #[test]
    fn recorded_padding_is_taken_off() {
        assert_eq!(item(0x34, 0x84, &[7; 16]).data().len(), 12);
        assert_eq!(item(0x34, 0x0f, &[7; 8]).data().len(), 0);
    }

    #[test]
    fn two_structs_of_the_first_kernels_end_before_their_unrecorded_padding() {
        assert_eq!(item(0x906, 0, &[0; 112]).data().len(), 104);
        assert_eq!(item(0x906, 0x80, &[0; 112]).data().len(), 112);
        assert_eq!(item(0x908, 0, &[0; 32]).data().len(), 24);
        assert_eq!(item(0x905, 0, &[0; 112]).data().len(), 112);
    }

    #[test]
    fn a_new_array_divides_exactly_or_is_refused() {
        let three = item(0x24, 0x916 << 32 | 3, &[0; 28]).array().unwrap();
        assert_eq!((three.tag, three.len()), (0x916, 3));
        assert!(item(0x24, 0x916 << 32 | 3, &[0; 29]).array().is_none());
        assert!(item(0x20, 0x916 << 32, &[0; 16]).array().is_none());
        assert_eq!(item(0x20, 0x916 << 32, &[]).array().unwrap().len(), 0);
    }

    #[test]
    fn an_old_array_has_the_element_size_of_its_type() {
        let images = item(0x11, 0x31 << 32 | 2, &[0; 48]).array().unwrap();
        assert_eq!(images.map(<[u8]>::len).collect::<Vec<_>>(), [24, 24]);
        assert!(item(0x11, 0x999 << 32 | 2, &[0; 48]).array().is_none());
    }

    #[test]
    fn a_count_beyond_the_payload_is_refused() {
        let huge = 0x31 << 32 | 0xffff_ffff;
        assert!(item(0x11, huge, &[0; 48]).array().is_none());
        assert!(item(0x20, huge, &[0; 48]).array().is_none());
    }

    #[test]
    fn a_size_past_the_end_is_a_cut_payload() {
        let bytes = [
            0x31, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let cut = Cut::InPayload {
            tag: 0x31,
            size: u32::MAX,
            left: 0,
        };
        assert_eq!(Item::read(&bytes, 0).unwrap_err(), cut);
        assert_eq!(Item::read(&bytes, 16).unwrap_err(), Cut::AtItem);
        assert_eq!(Item::read(&bytes, 9).unwrap_err(), Cut::InHeader);
    }
}
