//! Tables of `lockstat(1)`: the caller is code, the lock is not.

use kstack_model::{At, Frame, FrameKind, Said};

use super::frame;
use crate::formats::numbers::{decimal, hex, leading_decimal};

/// The title of a table: `Adaptive mutex spin: 41411 events in 5.011 seconds (8263 events/sec)`.
pub(super) fn title(line: &str) -> Option<&str> {
    let (title, rest) = line.trim().split_once(": ")?;
    (leading_decimal(rest)?.1.starts_with(" events in ") && !title.is_empty()).then_some(title)
}

/// Whether a line is the head of a table whose rows end with a caller.
pub(super) fn is_head(line: &str) -> bool {
    if !line.trim_end().ends_with("Caller") {
        return false;
    }
    let words: Vec<&str> = line.split_whitespace().take(8).collect();
    let counted = matches!(words.first(), Some(&"Count" | &"ops/s" | &"Hottest"));
    counted && words.contains(&"Lock") && words.last() == Some(&"Caller")
}

/// Reads a row: how often, and from where.
pub(super) fn row(line: &str) -> Option<(u64, Frame)> {
    let (count, rest) = leading_decimal(line.trim())?;
    let mut words = rest.split_whitespace();
    let measured = words.by_ref().take(4).all(is_measure);
    let rest: Vec<&str> = words.collect();
    let (caller, lock) = rest.split_last()?;
    if !measured || lock.is_empty() {
        return None;
    }
    let mut frame = caller_frame(caller)?;
    frame.kind = FrameKind::ReturnAddress;
    let mut said = frame.said.as_deref().cloned().unwrap_or_default();
    said.remark = Some(format!("lock {}", lock.join(" ")));
    Some((count, frame.saying(said)))
}

/// A percentage, a mean, a count.
fn is_measure(word: &str) -> bool {
    let digits = word.trim_end_matches('%');
    decimal(digits).is_some() || digits.parse::<f64>().is_ok()
}

fn caller_frame(word: &str) -> Option<Frame> {
    if let Some(traced) = frame::read(word) {
        return Some(traced.frame);
    }
    let (name, offset) = match word.rsplit_once('+') {
        Some((name, offset)) => (name, Some(hex(offset)?)),
        None => (word, None),
    };
    let is_name = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    let said = Said {
        symbol: Some(name.to_owned()),
        offset,
        ..Said::default()
    };
    is_name.then(|| Frame {
        at: At::Unknown,
        ..Frame::unplaced(said, FrameKind::ReturnAddress)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kstack_model::Address;

    #[test]
    fn the_lock_is_kept_as_a_remark_and_never_as_code() {
        let (count, frame) =
            row(" 618   1%  84% 0.00       31 0xffffff8000cd83a88   zfs`zio_wait+0x37").unwrap();
        assert_eq!((count, frame.at), (618, At::Unknown));
        let said = frame.said.unwrap();
        assert_eq!(said.symbol.as_deref(), Some("zio_wait"));
        assert_eq!(said.remark.as_deref(), Some("lock 0xffffff8000cd83a88"));
        let (_, frame) = row("4 6% 84% 0.00 31 spa lock 0xffffff7f81001024").unwrap();
        assert_eq!(frame.at, At::Absolute(Address(0xffff_ff7f_8100_1024)));
    }

    #[test]
    fn titles_and_heads_are_known() {
        assert_eq!(
            title("Adaptive mutex spin: 41411 events in 5.011 seconds (8263 events/sec)"),
            Some("Adaptive mutex spin")
        );
        assert!(is_head(
            "Count indv cuml rcnt     nsec Lock                   Caller"
        ));
        assert!(!is_head("Count the Lock of a Caller today"));
        assert_eq!(row("-----"), None);
    }
}
