//! Pieces of a valid file that an input overwrites, so that it reaches what lies behind the headers.

/// What an input has of a piece before its bytes: part, place, length.
const HEAD: usize = 5;

/// A piece that an input overwrites.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Which of several things it is for, as the target sees it.
    pub part: u8,
    /// Where it goes.
    pub at: usize,
    /// What it puts there.
    pub with: &'a [u8],
}

impl Piece<'_> {
    /// Writes it over what is there; never past the end.
    pub fn put(&self, over: &mut [u8]) {
        let at = self.at % over.len().max(1);
        for (byte, new) in over.iter_mut().skip(at).zip(self.with) {
            *byte = *new;
        }
    }

    /// Writes it over a file, or cuts the file there when it has no bytes.
    pub fn put_or_cut(&self, file: &mut Vec<u8>) {
        match self.with {
            [] => file.truncate(self.at),
            _ => self.put(file),
        }
    }
}

/// The pieces of an input, one after the other; the last may be cut.
pub fn pieces(input: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = input;
    std::iter::from_fn(move || {
        let (&[part, at @ .., low, high], behind) = rest.split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        let (with, behind) = behind.split_at(length.min(behind.len()));
        rest = behind;
        let at = usize::from(u16::from_le_bytes(at));
        Some(Piece { part, at, with })
    })
}
