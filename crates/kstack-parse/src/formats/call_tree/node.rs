//! One line of a call tree.
//!
//! `spindump(8)`: `  *101  name + 48 (image + 983568) [0xffffff80003cc210] (running) 1-37`.
//! `sample(1)`: `    + ! : 617 name  (in image) + 53  [0x103a1ac55]  file.c:12`.

use kstack_model::{Address, Said};

use crate::formats::numbers::{bare_hex, decimal, hex, leading_decimal};

/// One line of a call tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Where its count starts: the depth.
    pub(super) column: usize,
    /// How many samples passed through it.
    pub(super) samples: u64,
    /// Whether it is marked as a kernel frame.
    pub(super) kernel: bool,
    /// What it is.
    pub(super) content: Content,
}

/// What a line of a call tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A frame.
    Frame {
        /// Its address.
        address: Address,
        /// Everything printed beside it.
        said: Said,
        /// Which program writes its image that way.
        form: Form,
    },
    /// Words in place of frames that could not be read: `<truncated backtrace>`.
    Gap(String),
}

/// How a line names its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `(image + 123)`: spindump since 10.7.
    Offset,
    /// `(in image)`: sample, and spindump before.
    In,
    /// Not at all.
    Bare,
}

/// Count, column and mark of a line, and the text behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted<'a> {
    pub(super) column: usize,
    pub(super) samples: u64,
    pub(super) kernel: bool,
    pub(super) text: &'a str,
}

/// Reads the part that every line of a tree has. sample draws `+ ! : |` where spindump leaves blank.
pub(super) fn counted(line: &str) -> Option<Counted<'_>> {
    let (mut column, mut kernel, mut start) = (0, false, None);
    for (index, byte) in line.bytes().enumerate() {
        match byte {
            b' ' | b'+' | b'!' | b':' | b'|' => column += 1,
            b'\t' => column = (column / 8 + 1) * 8,
            b'*' => {
                column += 1;
                kernel = true;
            }
            b'0'..=b'9' => {
                start = Some(index);
                break;
            }
            _ => return None,
        }
    }
    let (samples, rest) = leading_decimal(line.get(start?..)?)?;
    let text = rest.trim_start();
    (text.len() < rest.len() && !text.is_empty()).then_some(Counted {
        column,
        samples,
        kernel,
        text,
    })
}

impl Node {
    /// Reads a line; `None` when it is none of a tree.
    pub(super) fn read(line: &str) -> Option<Node> {
        let Counted {
            column,
            samples,
            kernel,
            text,
        } = counted(line)?;
        Some(Node {
            column,
            samples,
            kernel,
            content: frame(text).or_else(|| gap(text))?,
        })
    }
}

/// `<truncated backtrace>`, `<patched truncated backtrace> 1-49`.
fn gap(text: &str) -> Option<Content> {
    let (words, behind) = text.strip_prefix('<')?.split_once('>')?;
    let behind = without_range(behind.trim());
    (behind.is_empty() && words.contains("backtrace")).then(|| Content::Gap(format!("<{words}>")))
}

fn frame(text: &str) -> Option<Content> {
    let bracket = text.rfind("[0x")?;
    let (left, addresses) = text.split_at_checked(bracket)?;
    let (addresses, behind) = addresses.strip_prefix("[0x")?.split_once(']')?;
    // sample merges the leaves of one function and lists all their addresses.
    let first = addresses.split(',').next()?;
    let address = Address(bare_hex(first)?);
    let (mut said, form) = described(left.trim_end());
    stands_behind(behind.trim(), &mut said);
    if let (Form::In, Some((_, others))) = (form, addresses.split_once(',')) {
        said.remark.get_or_insert_with(|| format!("also {others}"));
    }
    Some(Content::Frame {
        address,
        said,
        form,
    })
}

/// What stands before the address: name and image.
fn described(text: &str) -> (Said, Form) {
    if let Some((name, group)) = trailing_group(text) {
        if let Some(image) = image_and_offset(group) {
            return (offset_form(name, image), Form::Offset);
        }
        if let Some(image) = group.strip_prefix("in ") {
            return (in_form(name, image, ""), Form::In);
        }
    }
    if let Some((name, rest)) = text.rsplit_once(" (in ")
        && let Some((image, behind)) = rest.split_once(')')
    {
        return (in_form(name, image, behind), Form::In);
    }
    let (symbol, offset) = name_and_offset(text);
    let said = Said {
        symbol,
        offset,
        ..Said::default()
    };
    (said, Form::Bare)
}

/// The text inside the brackets that end a text, and the text before them.
fn trailing_group(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_suffix(')')?;
    let mut depth = 0_usize;
    // Names of images have brackets too: "(Pool Helper (Renderer) + 24)".
    for (index, byte) in inner.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' if depth == 0 => return Some((inner.get(..index)?, inner.get(index + 1..)?)),
            b'(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `image` of "image + 123".
fn image_and_offset(group: &str) -> Option<&str> {
    let (image, offset) = group.rsplit_once(" + ")?;
    decimal(offset)?;
    Some(image)
}

fn offset_form(name: &str, image: &str) -> Said {
    let (symbol, offset) = name_and_offset(name);
    let (source, image) = match image.rsplit_once(" in ") {
        Some((source, image)) if source.contains('.') => (Some(source), image),
        _ => (None, image),
    };
    let (file, line) = source.map_or((None, None), file_and_line);
    Said {
        image: known(without_angles(image)),
        symbol,
        offset,
        file,
        line,
        ..Said::default()
    }
}

/// An image without a name is printed as its UUID in angle brackets.
fn without_angles(image: &str) -> &str {
    let inner = image.strip_prefix('<').and_then(|it| it.strip_suffix('>'));
    inner.unwrap_or(image)
}

/// `behind` is "+ 53", or "load address 0x1000 + 0x34" where there is no name.
fn in_form(name: &str, image: &str, behind: &str) -> Said {
    let (symbol, offset) = name_and_offset(name);
    let behind = behind.trim().strip_prefix("+ ").unwrap_or("");
    let first = behind.split(',').next().unwrap_or("");
    Said {
        image: known(image),
        symbol,
        offset: offset.or_else(|| decimal(first)),
        ..Said::default()
    }
}

fn name_and_offset(text: &str) -> (Option<String>, Option<u64>) {
    let text = text.trim();
    match text.rsplit_once(" + ") {
        Some((name, offset)) => match decimal(offset) {
            Some(offset) => (known(name), Some(offset)),
            None => (known(text), None),
        },
        None => (known(text), None),
    }
}

/// A name, unless it says that there is none.
fn known(name: &str) -> Option<String> {
    let name = name.trim();
    let nothing = name.is_empty() || name == "???" || hex(name).is_some();
    (!nothing).then(|| name.to_owned())
}

/// "file.c", "file.c:12", "file.c:12,3".
fn file_and_line(source: &str) -> (Option<String>, Option<u32>) {
    let Some((file, place)) = source.rsplit_once(':') else {
        return (Some(source.to_owned()), None);
    };
    let line = place.split(',').next().and_then(|line| line.parse().ok());
    match line {
        Some(line) => (Some(file.to_owned()), Some(line)),
        None => (Some(source.to_owned()), None),
    }
}

/// A remark of spindump, or a place in the source by sample.
fn stands_behind(text: &str, said: &mut Said) {
    let text = without_range(text);
    if let Some(words) = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
    {
        said.remark = Some(words.to_owned());
    } else if let (Some(file), Some(line)) = file_and_line(text)
        && said.file.is_none()
    {
        (said.file, said.line) = (Some(file), Some(line));
    } else if !text.is_empty() {
        said.remark = Some(text.to_owned());
    }
}

/// Takes the range of samples off that a timeline puts behind each line: "1-37", or "4".
fn without_range(text: &str) -> &str {
    let start = text.rfind(' ').map_or(0, |space| space + 1);
    let Some((before, word)) = text.split_at_checked(start) else {
        return text;
    };
    let is_range = match word.split_once('-') {
        Some((first, last)) => decimal(first).is_some() && decimal(last).is_some(),
        None => decimal(word).is_some(),
    };
    if is_range { before.trim_end() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Said {
        match Node::read(line).unwrap().content {
            Content::Frame { said, .. } => said,
            Content::Gap(words) => panic!("a gap: {words}"),
        }
    }

    #[test]
    fn a_kernel_line_has_its_mark_left_of_the_count() {
        let node =
            Node::read("   *7    zio_wait + 44 (zfs + 503493) [0xffffff7f8100aec5]").unwrap();
        assert_eq!((node.column, node.samples, node.kernel), (4, 7, true));
        let Content::Frame {
            address,
            said,
            form,
        } = node.content
        else {
            panic!("not a frame");
        };
        assert_eq!((address.0, form), (0xffff_ff7f_8100_aec5, Form::Offset));
        assert_eq!(said.symbol.as_deref(), Some("zio_wait"));
        assert_eq!(said.image.as_deref(), Some("zfs"));
        assert_eq!(said.offset, Some(44));
    }

    #[test]
    fn a_remark_loses_its_brackets_and_a_range_is_taken_off() {
        let line = " *3  ??? (kernel + 16) [0xffffff8000200010] (blocked by krwlock owned by pool [9]) 4-6";
        let said = said(line);
        assert_eq!(
            said.remark.as_deref(),
            Some("blocked by krwlock owned by pool [9]")
        );
        assert_eq!(said.symbol, None);
        assert_eq!(
            Node::read("  1  <truncated backtrace> 1-49")
                .unwrap()
                .content,
            Content::Gap("<truncated backtrace>".to_owned())
        );
    }

    #[test]
    fn brackets_in_names_of_images_and_functions_stay() {
        let said = said("  2  -[Pool scrub:(int)] + 9 (Pool Helper (Scrub) + 24) [0x100000018]");
        assert_eq!(said.symbol.as_deref(), Some("-[Pool scrub:(int)]"));
        assert_eq!(said.image.as_deref(), Some("Pool Helper (Scrub)"));
    }

    #[test]
    fn an_image_without_a_name_is_known_by_its_uuid() {
        let said = said("  2  ??? (<3E193DFC-8C5D-3075-899E-03A2B1186880> + 24) [0x100000018]");
        assert_eq!(
            said.image.as_deref(),
            Some("3E193DFC-8C5D-3075-899E-03A2B1186880")
        );
    }

    #[test]
    fn a_place_in_the_source_stands_before_the_image() {
        let said = said("  2  main + 9 (Pool.swift:31,4 in poold + 24) [0x100000018]");
        assert_eq!(
            (said.file.as_deref(), said.line),
            (Some("Pool.swift"), Some(31))
        );
        assert_eq!(said.image.as_deref(), Some("poold"));
    }

    #[test]
    fn sample_draws_its_columns() {
        let node = Node::read("    +   ! : 617 scrub  (in poold) + 53  [0x103a1ac55]  scrub.c:12")
            .unwrap();
        assert_eq!((node.column, node.samples), (12, 617));
        let said = said("    +   ! : 617 scrub  (in poold) + 53  [0x103a1ac55]  scrub.c:12");
        assert_eq!(
            (said.symbol.as_deref(), said.offset),
            (Some("scrub"), Some(53))
        );
        assert_eq!(
            (said.file.as_deref(), said.line),
            (Some("scrub.c"), Some(12))
        );
    }

    #[test]
    fn merged_leaves_keep_the_other_addresses() {
        let said = said("  73 __close  (in libpool.dylib) + 10,20  [0x7fff0011d6,0x7fff0011e0]");
        assert_eq!(said.offset, Some(10));
        assert_eq!(said.remark.as_deref(), Some("also 0x7fff0011e0"));
    }

    #[test]
    fn prose_is_not_a_node() {
        for line in ["", "12", "  3 kexts unloaded", "Thread 0x1", "* 3 [0xzz]"] {
            assert_eq!(Node::read(line), None, "{line}");
        }
    }
}
