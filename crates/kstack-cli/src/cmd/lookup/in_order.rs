//! Answers in the order of the questions, found in the order of addresses.
//!
//! Addresses of a list jump about, and each would find nothing of what it needs near what the last one needed. Asked
//! in ascending order, and written to memory at once, a million addresses take less than two thirds of the time.

use std::io::Write;

use kstack::model::Address;
use kstack::render::lookup::Texts;

/// Addresses that are looked up together.
const TOGETHER: usize = 0x800;

/// Looks addresses up.
pub(super) type LookUp<'a> = dyn FnMut(&[Address], &mut Texts) -> anyhow::Result<()> + 'a;

/// Writes the answer to each address, in the order given. `most` is how many bytes of answers are held, or one
/// answer where that is more.
pub(super) fn answer(
    asked: &[Address],
    most: usize,
    look_up: &mut LookUp<'_>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (distinct, places) = sorted(asked);
    let mut texts = Texts::default();
    for addresses in distinct.chunks(TOGETHER) {
        look_up(addresses, &mut texts)?;
        if texts.size() > most
            && let (first @ [_, ..], last) = asked.split_at(asked.len() / 2)
        {
            drop(texts);
            answer(first, most, look_up, out)?;
            return answer(last, most, look_up, out);
        }
    }
    for place in places {
        out.write_all(texts.get(place).unwrap_or_default())?;
    }
    Ok(())
}

/// The distinct addresses in ascending order, and at which place among them each address is.
fn sorted(asked: &[Address]) -> (Vec<Address>, Vec<usize>) {
    let mut ascending: Vec<(Address, usize)> = asked.iter().copied().zip(0..).collect();
    ascending.sort_unstable();
    let mut distinct = Vec::with_capacity(asked.len());
    let mut places = vec![0; asked.len()];
    for (address, index) in ascending {
        if distinct.last() != Some(&address) {
            distinct.push(address);
        }
        if let Some(place) = places.get_mut(index) {
            *place = distinct.len() - 1;
        }
    }
    (distinct, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written, and how many addresses were looked up at a time.
    fn written(asked: &[u64], most: usize) -> (String, Vec<usize>) {
        let asked: Vec<Address> = asked.iter().copied().map(Address).collect();
        let mut looked_up = Vec::new();
        let mut out = Vec::new();
        let mut look_up = |addresses: &[Address], texts: &mut Texts| {
            assert!(addresses.is_sorted());
            looked_up.push(addresses.len());
            for address in addresses {
                texts.add(|text| writeln!(text, "{}", address.0))?;
            }
            Ok(())
        };
        answer(&asked, most, &mut look_up, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), looked_up)
    }

    #[test]
    fn answers_come_in_the_order_asked_and_each_address_is_looked_up_once() {
        let (text, looked_up) = written(&[30, 10, 30, 20, 10], 1000);
        assert_eq!(text, "30\n10\n30\n20\n10\n");
        assert_eq!(looked_up, [3]);
        assert_eq!(written(&[], 1000).0, "");
    }

    #[test]
    fn answers_that_are_too_long_together_are_found_in_parts() {
        let asked: Vec<u64> = (10..99).rev().collect();
        let (text, looked_up) = written(&asked, 30);
        let wanted: Vec<String> = asked.iter().map(|number| format!("{number}\n")).collect();
        assert_eq!(text, wanted.concat());
        assert!(looked_up.last().is_some_and(|&last| last <= 10));
        assert_eq!(written(&[7, 6], 0).0, "7\n6\n");
    }
}
