//! Pages of the kernel's memory, as panics of 11.0 and later print some: `0xffffff86ba56c000: 0AAAAOoAAAAK…`.

use std::borrow::Cow;

/// Characters that no word and no name has without a break.
const SHORTEST: usize = 64;

/// A text without the bytes of memory in it; where they were stays.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = 0;
    for (at, colon) in text.match_indices(": ") {
        let start = at + colon.len();
        let bytes = bytes_at(text, start);
        if start < rest || bytes < SHORTEST || !ends_in_address(text.get(..at).unwrap_or_default())
        {
            continue;
        }
        shown.push_str(text.get(rest..start).unwrap_or_default());
        shown.push_str(&format!("(redacted, {bytes} characters)"));
        rest = start + bytes;
    }
    match rest {
        0 => Cow::Borrowed(text),
        _ => Cow::Owned(shown + text.get(rest..).unwrap_or_default()),
    }
}

/// How many characters of base64 there are.
fn bytes_at(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes().iter().skip(start);
    let is_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    bytes.take_while(is_base64).count()
}

fn ends_in_address(text: &str) -> bool {
    let before = text.trim_end_matches(|c: char| c.is_ascii_hexdigit());
    before.ends_with("0x") && before.len() < text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_and_its_address_and_all_other_words_stay() {
        let bytes = "QUJD".repeat(16);
        let text = format!(
            "panic, prev (0x1: 0xff, 0xffffff86ba56c000: {bytes}\n0x10: short\nCR0: {bytes}"
        );
        assert_eq!(
            without(&text),
            format!(
                "panic, prev (0x1: 0xff, 0xffffff86ba56c000: (redacted, 64 characters)\n0x10: short\nCR0: {bytes}"
            )
        );
    }
}
