//! LZSS as Apple's booters use it for kernel caches.
//!
//! A window of 4096 bytes that starts out filled with spaces up to its last
//! 18; a flag byte announces eight items, least bit first: 1 a literal, 0 a
//! copy of 3 to 18 bytes from the window, written as 12 bits of position and 4
//! of length.

const WINDOW: usize = 4096;
const LONGEST: usize = 18;
/// Copies are longer than this.
const THRESHOLD: usize = 2;
/// What a byte of input can become at most, for reserving memory by what is there, not by what is claimed.
const RATIO: usize = 9;

/// Unpacks at most `size` bytes. Input that ends early gives fewer.
pub(super) fn decode(input: &[u8], size: usize) -> Vec<u8> {
    let mut output = Vec::with_capacity(size.min(input.len().saturating_mul(RATIO)));
    let mut window = [b' '; WINDOW];
    let mut at = WINDOW - LONGEST;
    let mut input = input.iter().copied();
    let mut put = |byte: u8, window: &mut [u8; WINDOW], output: &mut Vec<u8>| {
        output.push(byte);
        if let Some(slot) = window.get_mut(at) {
            *slot = byte;
        }
        at = (at + 1) % WINDOW;
    };
    'items: while let Some(flags) = input.next() {
        for bit in 0..8 {
            if output.len() >= size {
                break 'items;
            }
            let Some(first) = input.next() else {
                break 'items;
            };
            if flags >> bit & 1 == 1 {
                put(first, &mut window, &mut output);
                continue;
            }
            let Some(second) = input.next() else {
                break 'items;
            };
            let from = usize::from(first) | usize::from(second & 0xf0) << 4;
            let length = usize::from(second & 0x0f) + THRESHOLD + 1;
            for step in 0..length.min(size - output.len()) {
                let byte = window.get((from + step) % WINDOW).copied();
                put(byte.unwrap_or_default(), &mut window, &mut output);
            }
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies_come_back() {
        // "abc", then six bytes from where "abc" was put in the window: 4078 = 0xfee.
        let input = [0b0000_0111, b'a', b'b', b'c', 0xee, 0xf3];
        assert_eq!(decode(&input, 9), b"abcabcabc");
    }

    #[test]
    fn the_window_starts_as_spaces() {
        assert_eq!(decode(&[0, 0, 0], 3), b"   ");
    }

    #[test]
    fn a_copy_past_the_stated_size_is_cut() {
        assert_eq!(decode(&[0, 0, 0x0f, 0, 0x0f], 5), b"     ");
    }
}
