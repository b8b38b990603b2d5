//! Checked reads of bytes that remember their offset.

use kstack_model::Position;

use crate::{ParseError, ParseErrorKind};

/// Byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

/// A cursor over bytes. A failed read moves nothing.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    endian: Endian,
    within: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], endian: Endian) -> Reader<'a> {
        Reader {
            bytes,
            at: 0,
            endian,
            within: "file",
        }
    }

    /// The same cursor, naming what is being read in its errors.
    pub(crate) fn within(&self, what: &'static str) -> Reader<'a> {
        Reader {
            within: what,
            ..self.clone()
        }
    }

    /// The same bytes at another offset; an offset past the end has nothing left.
    pub(crate) fn seek(&self, at: usize) -> Reader<'a> {
        Reader {
            at: at.min(self.bytes.len()),
            ..self.clone()
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn position(&self) -> Position {
        Position::Byte(self.at as u64)
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], ParseError> {
        let Some(taken) = self.rest().get(..count) else {
            return Err(ParseError {
                kind: ParseErrorKind::TooShort {
                    need: count,
                    left: self.left(),
                },
                position: Some(self.position()),
                within: Some(self.within),
            });
        };
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ParseError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ParseError> {
        let array = self.array()?;
        Ok(match self.endian {
            Endian::Little => u32::from_le_bytes(array),
            Endian::Big => u32::from_be_bytes(array),
        })
    }

    pub(crate) fn i32(&mut self) -> Result<i32, ParseError> {
        Ok(self.u32()?.cast_signed())
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ParseError> {
        let array = self.array()?;
        Ok(match self.endian {
            Endian::Little => u64::from_le_bytes(array),
            Endian::Big => u64::from_be_bytes(array),
        })
    }

    /// A fixed field of `count` bytes that holds a C string; what follows its NUL is dropped.
    pub(crate) fn c_string(&mut self, count: usize) -> Result<String, ParseError> {
        let field = self.bytes(count)?;
        let text = field.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}
