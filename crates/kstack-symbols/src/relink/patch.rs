//! Edits of a copy of a file.

/// A file being changed in place. Edits outside of it are dropped: they belong to damaged tables.
#[derive(Debug)]
pub(super) struct Patch {
    bytes: Vec<u8>,
}

impl Patch {
    pub(super) fn of(file: &[u8]) -> Patch {
        Patch {
            bytes: file.to_vec(),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn add_u64(&mut self, at: usize, delta: u64) {
        if let Some(field) = self.field(at) {
            *field = u64::from_le_bytes(*field).wrapping_add(delta).to_le_bytes();
        }
    }

    pub(super) fn set_u64(&mut self, at: usize, value: u64) {
        if let Some(field) = self.field(at) {
            *field = value.to_le_bytes();
        }
    }

    pub(super) fn set_u32(&mut self, at: usize, value: u32) {
        if let Some(field) = self.field(at) {
            *field = value.to_le_bytes();
        }
    }

    fn field<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        self.bytes.get_mut(at..)?.first_chunk_mut()
    }
}
