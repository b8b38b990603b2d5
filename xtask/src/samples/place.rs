//! Puts functions and calls where the layout wants them, by writing `.org` into compiled assembly.
//!
//! Between functions the filler is `int3`, before a pinned call it is `nop`:
//! the first is never run, the second runs through to the call.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};

use super::layout::{Callee, Image, Pin};

/// Where the linker puts the first page-aligned code: after the page with the load commands.
const FIRST_CODE: u64 = 0x1000;

const BETWEEN_FUNCTIONS: u8 = 0xcc;
const BEFORE_A_CALL: u8 = 0x90;

/// The assembly of one unit of an image, with every pinned function and call in its place.
pub(crate) fn place(assembly: &str, image: &Image, unit: usize) -> Result<String> {
    let begin = image.units[unit].begin;
    let end = image
        .units
        .get(unit + 1)
        .map_or(image.code_end, |next| next.begin);
    let mut pins = image.units[unit].pins.iter();
    let mut placed = String::new();
    let mut open: Option<&Pin> = None;
    let mut next = pins.next();
    let mut begun = false;

    for line in assembly.lines() {
        if line.contains(".subsections_via_symbols") {
            continue;
        }
        if let Some(pin) = next.filter(|pin| is_label_of(line, pin.function)) {
            ensure!(
                open.is_none(),
                "no pinned call in the function before {}",
                pin.function
            );
            let at = pin.start - image.load_address - begin;
            writeln!(placed, "\t.org Lunit_begin + {at:#x}, {BETWEEN_FUNCTIONS}")?;
            writeln!(placed, "{line}\nLpin_{}:", pin.function)?;
            (open, next) = (Some(pin), pins.next());
            continue;
        }
        if let Some(pin) = open.filter(|pin| is_call_to(line, &pin.callee)) {
            let at = pin.returns_to - length_of_call(line)?;
            writeln!(
                placed,
                "\t.org Lpin_{} + {at}, {BEFORE_A_CALL}",
                pin.function
            )?;
            open = None;
        }
        writeln!(placed, "{line}")?;
        if !begun && line.contains("__TEXT,__text") {
            let before = if unit == 0 { begin - FIRST_CODE } else { 0 };
            writeln!(placed, "\t.p2align 12, {BETWEEN_FUNCTIONS}")?;
            writeln!(
                placed,
                "\t.space {before:#x}, {BETWEEN_FUNCTIONS}\nLunit_begin:"
            )?;
            begun = true;
        }
    }
    if let Some(pin) = open.or(next) {
        bail!(
            "{} or its pinned call is not in {}",
            pin.function,
            image.units[unit].source
        );
    }
    writeln!(placed, "\t.section __TEXT,__text,regular,pure_instructions")?;
    writeln!(
        placed,
        "\t.org Lunit_begin + {:#x}, {BETWEEN_FUNCTIONS}",
        end - begin
    )?;
    Ok(placed)
}

fn is_label_of(line: &str, function: &str) -> bool {
    line.strip_prefix('_')
        .and_then(|rest| rest.strip_prefix(function))
        .is_some_and(|rest| rest.starts_with(':'))
}

fn is_call_to(line: &str, callee: &Callee) -> bool {
    match (call_operand(line), callee) {
        (Some(operand), Callee::Function(name)) => operand.strip_prefix('_') == Some(name),
        (Some(operand), Callee::Pointer) => operand.starts_with('*'),
        (None, _) => false,
    }
}

fn call_operand(line: &str) -> Option<&str> {
    line.trim()
        .strip_prefix("callq\t")?
        .split_whitespace()
        .next()
}

/// Bytes of a call instruction: `E8 rel32`, `FF /2` through a register, or `FF /2` through memory
/// with a one-byte or four-byte displacement.
fn length_of_call(line: &str) -> Result<u64> {
    let operand = call_operand(line).context("not a call")?;
    let Some(pointer) = operand.strip_prefix('*') else {
        return Ok(5);
    };
    let extended =
        u64::from(pointer.contains("%r8") || pointer.contains("%r9") || pointer.contains("%r1"));
    if pointer.starts_with('%') {
        return Ok(2 + extended);
    }
    let (displacement, base) = pointer
        .split_once('(')
        .context("an odd call through memory")?;
    ensure!(!base.contains(','), "cannot tell the length of `{operand}`");
    // A base of %rsp or %r12 needs one more byte, %rbp and %r13 always have a displacement.
    let wide = u64::from(base.contains("%rsp") || base.contains("%r12"));
    if base.contains("%rip") {
        return Ok(6);
    }
    let displacement = match displacement.parse::<i64>() {
        Err(_) if displacement.is_empty() && !(base.contains("%rbp") || base.contains("%r13")) => 0,
        Err(_) if displacement.is_empty() => 1,
        Ok(-128..=127) => 1,
        Ok(_) => 4,
        Err(_) => bail!("cannot tell the length of `{operand}`"),
    };
    Ok(2 + extended + wide + displacement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::layout::SPL;

    const CONDVAR: usize = 1;

    #[test]
    fn a_pinned_function_and_its_call_are_moved_to_their_places() {
        let assembly = "\t.section\t__TEXT,__text\n_spl_cv_wait:\n\tcallq\t_msleep\n.subsections_via_symbols\n";
        let placed = place(assembly, &SPL, CONDVAR).unwrap();
        let function =
            placed.find("\t.org Lunit_begin + 0xa40, 204\n_spl_cv_wait:\nLpin_spl_cv_wait:\n");
        let call = placed.find("\t.org Lpin_spl_cv_wait + 49, 144\n\tcallq\t_msleep\n");
        assert!(function.unwrap() < call.unwrap());
        assert!(placed.ends_with("\t.org Lunit_begin + 0x1000, 204\n"));
        assert!(!placed.contains("subsections_via_symbols"));
    }

    #[test]
    fn a_pinned_call_that_is_not_there_is_an_error() {
        let assembly = "\t.section\t__TEXT,__text\n_spl_cv_wait:\n\tcallq\t_wakeup\n";
        assert!(place(assembly, &SPL, CONDVAR).is_err());
    }

    #[test]
    fn calls_are_as_long_as_the_processor_encodes_them() {
        let calls = [
            ("_msleep", 5),
            ("*%rax", 2),
            ("*%r9", 3),
            ("*(%rax)", 2),
            ("*(%r8)", 3),
            ("*8(%r8)", 4),
            ("*112(%rax)", 3),
            ("*128(%rax)", 6),
            ("*(%rbp)", 3),
            ("*(%r12)", 4),
        ];
        for (operand, length) in calls {
            assert_eq!(
                length_of_call(&format!("\tcallq\t{operand}")).unwrap(),
                length,
                "{operand}"
            );
        }
    }
}
