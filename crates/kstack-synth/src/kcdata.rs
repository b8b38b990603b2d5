//! Builds kcdata buffers: any item by itself, and the records of a stackshot.
//!
//! ```
//! use kstack_synth::kcdata::{self, Buffer};
//!
//! let bytes = Buffer::stackshot()
//!     .task(0, |task| {
//!         task.item(0x905, &kcdata::task_snapshot(0, 0, "kernel_task"))
//!             .array(0x31, &[kcdata::load_info(0xffff_ff80_0020_0000, [7; 16])])
//!             .thread(100, |thread| thread.array(0x914, &kcdata::words(&[0xffff_ff80_0020_1234])))
//!     })
//!     .end();
//! assert_eq!(bytes[..4], 0x59a2_5807_u32.to_le_bytes());
//! ```

const TASK: u32 = 0x903;
const THREAD: u32 = 0x904;
const END: u32 = 0xf191_58ed;

/// How the padding of items is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Era {
    /// With its size, as all kernels since 10.12 do.
    Recorded,
    /// Without, as those of 10.11 did; arrays are of the old kind.
    Unrecorded,
}

/// A buffer that grows item by item.
#[derive(Clone, Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    era: Era,
}

impl Buffer {
    /// A full stackshot.
    #[must_use]
    pub fn stackshot() -> Buffer {
        Buffer::begin(0x59a2_5807)
    }

    /// A full stackshot as 10.11 wrote it: padding not recorded, arrays of the old kind.
    #[must_use]
    pub fn old_stackshot() -> Buffer {
        Buffer {
            era: Era::Unrecorded,
            ..Buffer::stackshot()
        }
    }

    /// A delta stackshot.
    #[must_use]
    pub fn delta() -> Buffer {
        Buffer::begin(0xde17_a59a)
    }

    /// A buffer whose first item has this tag.
    #[must_use]
    pub fn begin(tag: u32) -> Buffer {
        let mut buffer = Buffer {
            bytes: Vec::new(),
            era: Era::Recorded,
        };
        buffer.header(tag, 0, 0);
        buffer
    }

    /// An item with a payload, padded to 16 bytes.
    #[must_use]
    pub fn item(mut self, tag: u32, payload: &[u8]) -> Buffer {
        let padding = payload.len().wrapping_neg() % 16;
        let flags = match self.era {
            Era::Recorded => 0x80 | padding as u64,
            Era::Unrecorded => 0,
        };
        self.header(tag, payload.len() + padding, flags);
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(self.bytes.len() + padding, 0);
        self
    }

    /// An item exactly as given: nothing is padded or counted.
    #[must_use]
    pub fn raw(mut self, tag: u32, size: u32, flags: u64, payload: &[u8]) -> Buffer {
        self.header(tag, size as usize, flags);
        self.bytes.extend_from_slice(payload);
        self
    }

    /// Bytes as they are.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Buffer {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A string item with its NUL.
    #[must_use]
    pub fn text(self, tag: u32, text: &str) -> Buffer {
        let mut payload = text.as_bytes().to_vec();
        payload.push(0);
        self.item(tag, &payload)
    }

    /// A number that carries its own name, 32 bits wide.
    #[must_use]
    pub fn named_u32(self, name: &str, value: u32) -> Buffer {
        self.item(
            0x2,
            &[fixed(name, 32), value.to_le_bytes().to_vec()].concat(),
        )
    }

    /// A number that carries its own name, 64 bits wide.
    #[must_use]
    pub fn named_u64(self, name: &str, value: u64) -> Buffer {
        self.item(
            0x3,
            &[fixed(name, 32), value.to_le_bytes().to_vec()].concat(),
        )
    }

    /// An array of elements of one size.
    #[must_use]
    pub fn array<E: AsRef<[u8]>>(mut self, element: u32, elements: &[E]) -> Buffer {
        let payload: Vec<u8> = elements
            .iter()
            .flat_map(|element| element.as_ref().to_vec())
            .collect();
        let padding = payload.len().wrapping_neg() % 16;
        let tag = match self.era {
            Era::Recorded => 0x20 + padding as u32,
            Era::Unrecorded => 0x11,
        };
        let flags = u64::from(element) << 32 | elements.len() as u64;
        self.header(tag, payload.len() + padding, flags);
        self.bytes.extend(payload);
        self.bytes.resize(self.bytes.len() + padding, 0);
        self
    }

    /// A container and what is in it.
    #[must_use]
    pub fn container(self, tag: u32, id: u64, content: impl FnOnce(Buffer) -> Buffer) -> Buffer {
        content(self.open(tag, id)).close(id)
    }

    /// Only the beginning of a container.
    #[must_use]
    pub fn open(mut self, tag: u32, id: u64) -> Buffer {
        self.header(0x13, 16, id);
        self.bytes.extend(tag.to_le_bytes());
        self.bytes.extend([0; 12]);
        self
    }

    /// Only the end of a container.
    #[must_use]
    pub fn close(mut self, id: u64) -> Buffer {
        self.header(0x14, 0, id);
        self
    }

    /// A task and what is in it; the kernel task has the unique id 0.
    #[must_use]
    pub fn task(self, unique_id: u64, content: impl FnOnce(Buffer) -> Buffer) -> Buffer {
        self.container(TASK, unique_id, content)
    }

    /// A thread and what is in it.
    #[must_use]
    pub fn thread(self, id: u64, content: impl FnOnce(Buffer) -> Buffer) -> Buffer {
        self.container(THREAD, id, content)
    }

    /// A whole buffer inside this one.
    #[must_use]
    pub fn nested(mut self, inner: &[u8]) -> Buffer {
        self.header(0x38, inner.len(), 0);
        self.bytes.extend_from_slice(inner);
        self
    }

    /// The definition of a type: its tag, its name, and for each field name, flags, unit, offset, size and count.
    #[must_use]
    pub fn type_definition(self, tag: u32, name: &str, fields: &[TypeField<'_>]) -> Buffer {
        let mut payload = [tag.to_le_bytes(), (fields.len() as u32).to_le_bytes()].concat();
        payload.extend(fixed(name, 32));
        for field in fields {
            payload.extend([field.flags, field.unit]);
            payload.extend(field.offset.to_le_bytes());
            payload.extend(field.size.to_le_bytes());
            payload.extend(field.count.to_le_bytes());
            payload.extend(fixed(field.name, 32));
        }
        self.item(0x12, &payload)
    }

    /// The buffer with its end item.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        self.header(END, 0, 0);
        self.bytes
    }

    /// The buffer without an end item, as a capture that was cut short leaves it.
    #[must_use]
    pub fn cut(self) -> Vec<u8> {
        self.bytes
    }

    /// The buffer as a compressed one, its items in stored blocks of a zlib stream.
    #[must_use]
    pub fn compressed(self) -> Vec<u8> {
        let (begin, items) = self.bytes.split_at(16);
        let stream = zlib_stored(items);
        Buffer::begin(0x434f_4d50)
            .named_u64("kcd_c_type", 1)
            .named_u64("kcd_c_totalout", stream.len() as u64)
            .named_u64("kcd_c_totalin", items.len() as u64)
            .bytes(begin)
            .bytes(&stream)
            .cut()
    }

    fn header(&mut self, tag: u32, size: usize, flags: u64) {
        self.bytes.extend(tag.to_le_bytes());
        self.bytes.extend((size as u32).to_le_bytes());
        self.bytes.extend(flags.to_le_bytes());
    }
}

/// A field of a type definition.
#[derive(Clone, Copy, Debug)]
pub struct TypeField<'a> {
    /// Its name.
    pub name: &'a str,
    /// 1 array, 2 force a struct, 4 merge into the parent.
    pub flags: u8,
    /// 1 char, 2 and 3 signed and unsigned byte, … 8 and 9 signed and unsigned 64 bits.
    pub unit: u8,
    /// Where it lies in the struct.
    pub offset: u16,
    /// Bytes of it, or of an element.
    pub size: u16,
    /// Elements, for an array.
    pub count: u16,
}

/// The record of a task: 120 bytes.
#[must_use]
pub fn task_snapshot(unique_id: u64, pid: i32, name: &str) -> Vec<u8> {
    let mut record = vec![0; 120];
    record[..8].copy_from_slice(&unique_id.to_le_bytes());
    record[8..16].copy_from_slice(&1_u64.to_le_bytes());
    record[84..88].copy_from_slice(&pid.to_le_bytes());
    record[88..].copy_from_slice(&fixed(name, 32));
    record
}

/// The record of a thread, in any of its sizes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thread {
    /// Thread id.
    pub id: u64,
    /// State bits.
    pub state: u32,
    /// Flags.
    pub flags: u64,
    /// What it waits for.
    pub wait_event: u64,
    /// Where it continues.
    pub continuation: u64,
    /// Base priority.
    pub priority: i16,
}

impl Thread {
    /// The newest form, 128 bytes; `[..112]` and `[..104]` of it are the older ones.
    #[must_use]
    pub fn record(&self) -> Vec<u8> {
        let mut record = vec![0; 128];
        record[..8].copy_from_slice(&self.id.to_le_bytes());
        record[8..16].copy_from_slice(&self.wait_event.to_le_bytes());
        record[16..24].copy_from_slice(&self.continuation.to_le_bytes());
        record[64..72].copy_from_slice(&self.flags.to_le_bytes());
        record[88..92].copy_from_slice(&self.state.to_le_bytes());
        record[96..98].copy_from_slice(&self.priority.to_le_bytes());
        record[104..112].copy_from_slice(&0xfeed_u64.to_le_bytes());
        record[112..120].copy_from_slice(&0x11_u64.to_le_bytes());
        record
    }

    /// An element of a list of unchanged threads, 64 bytes; `[..48]` of it is the older form.
    #[must_use]
    pub fn delta_record(&self) -> Vec<u8> {
        let mut record = vec![0; 64];
        record[..8].copy_from_slice(&self.id.to_le_bytes());
        record[16..24].copy_from_slice(&self.flags.to_le_bytes());
        record[32..36].copy_from_slice(&self.state.to_le_bytes());
        record[40..42].copy_from_slice(&self.priority.to_le_bytes());
        record
    }
}

/// An entry of 64-bit load information: 24 bytes.
#[must_use]
pub fn load_info(address: u64, uuid: [u8; 16]) -> Vec<u8> {
    [&address.to_le_bytes()[..], &uuid].concat()
}

/// Addresses as 64-bit elements.
#[must_use]
pub fn words(addresses: &[u64]) -> Vec<[u8; 8]> {
    addresses
        .iter()
        .map(|address| address.to_le_bytes())
        .collect()
}

/// Addresses as 32-bit elements.
#[must_use]
pub fn half_words(addresses: &[u32]) -> Vec<[u8; 4]> {
    addresses
        .iter()
        .map(|address| address.to_le_bytes())
        .collect()
}

/// Addresses with frame pointers as 64-bit pairs.
#[must_use]
pub fn pairs(frames: &[(u64, u64)]) -> Vec<Vec<u8>> {
    let pair =
        |(address, pointer): &(u64, u64)| [address.to_le_bytes(), pointer.to_le_bytes()].concat();
    frames.iter().map(pair).collect()
}

/// What a thread waits for: 31 bytes; `[..25]` of it is the older form.
#[must_use]
pub fn wait_info(waiter: u64, wait_type: u8, owner: u64, port_label: i16) -> Vec<u8> {
    let mut record = [
        owner.to_le_bytes(),
        waiter.to_le_bytes(),
        0xc0de_u64.to_le_bytes(),
    ]
    .concat();
    record.push(wait_type);
    record.extend(port_label.to_le_bytes());
    record.extend([0; 4]);
    record
}

/// Where a thread's priority inheritance ends: 28 bytes; `[..26]` of it is the older form.
#[must_use]
pub fn turnstile(waiter: u64, context: u64, flags: u64, hops: u8) -> Vec<u8> {
    let mut record = [waiter.to_le_bytes(), context.to_le_bytes()].concat();
    record.extend([31, hops]);
    record.extend(flags.to_le_bytes());
    record.extend([0; 2]);
    record
}

/// A text in a field of fixed size.
fn fixed(text: &str, size: usize) -> Vec<u8> {
    let mut field = text.as_bytes().to_vec();
    field.resize(size, 0);
    field
}

/// A zlib stream (RFC 1950) of stored blocks (RFC 1951).
fn zlib_stored(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    for block in content.chunks(0xffff) {
        let size = block.len() as u16;
        stream.push(0);
        stream.extend(size.to_le_bytes());
        stream.extend((!size).to_le_bytes());
        stream.extend_from_slice(block);
    }
    stream.extend([1, 0, 0, 0xff, 0xff]);
    let (a, b) = content.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}
