//! The lines that begin something: a report, a panic, a backtrace.

use super::scan::hex_after;
use crate::formats::numbers::{leading_decimal, leading_hex};
use crate::pattern::{Pattern, compile};

/// "panic(cpu 0 caller 0x…): message".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PanicLine<'a> {
    pub(super) cpu: Option<u64>,
    pub(super) caller: Option<u64>,
    pub(super) message: &'a str,
}

/// What each form of a panic line has in it, looked for at once.
static BEGINNINGS: Pattern =
    Pattern::new(|| compile(r"nresolved kernel trap|Nested panic detected|\(cpu "));

/// Reads a panic line. Its first letters are often lost on the way: "anic(cpu 8 …", "(cpu 0 caller …".
pub(super) fn panic_line(line: &str) -> Option<PanicLine<'_>> {
    if !BEGINNINGS.is_match(line) {
        return None;
    }
    if line.contains("nresolved kernel trap") {
        return Some(PanicLine {
            cpu: None,
            caller: None,
            message: line,
        });
    }
    // Newer kernels announce a panic within a panic in words of their own (xnu-11417.101.15).
    if line.starts_with("Nested panic detected") {
        return Some(PanicLine {
            cpu: None,
            caller: hex_after(line, "panic_caller: "),
            message: line,
        });
    }
    let (before, rest) = line.split_once("(cpu ")?;
    let (cpu, rest) = leading_decimal(rest)?;
    if let Some(caller) = rest.strip_prefix(" caller ") {
        let caller = leading_hex(caller)?;
        let message = caller.rest.trim_start_matches([')', ':']).trim();
        return Some(PanicLine {
            cpu: Some(cpu),
            caller: Some(caller.value),
            message,
        });
    }
    // Before 10.4 no caller was printed.
    let message = rest
        .strip_prefix("):")
        .filter(|_| before.ends_with("panic"))?;
    Some(PanicLine {
        cpu: Some(cpu),
        caller: None,
        message: message.trim(),
    })
}

/// What stands at the top of a saved report.
pub(super) fn is_report_head(line: &str) -> bool {
    const HEADS: &[&str] = &[
        "*** Panic Report ***",
        "Anonymous UUID:",
        "Interval Since Last Panic Report:",
    ];
    HEADS.iter().any(|head| line.starts_with(head))
}

/// What follows the head of a backtrace on its line; `None` when the line is no such head.
///
/// A bare "Backtrace:" is one only inside a panic: debuggers print it too.
pub(super) fn backtrace_head(line: &str, inside: bool) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("Backtrace") {
        if rest.starts_with(" (CPU ") || rest.contains("Frame : Return Address") {
            return Some("");
        }
        return rest.strip_prefix(':').filter(|_| inside);
    }
    // Half of the line may be lost, as that of the panic.
    let is_rest = line.ends_with("Frame : Return Address")
        || line.starts_with("Latest stack backtrace for cpu");
    is_rest.then_some("")
}

/// A line cut where another message begins in the middle of it: two processors print at once.
pub(super) fn parts(line: &str) -> impl Iterator<Item = &str> {
    /// Looking for a seam reads the rest of the line, so a hostile line gets only so many.
    const MOST_SEAMS: usize = 8;
    let mut rest = Some(line);
    let mut seams = 0..MOST_SEAMS;
    std::iter::from_fn(move || {
        let line = rest?;
        let at = seams.next().and_then(|_| seam(line));
        rest = at.and_then(|at| line.get(at..));
        Some(
            line.get(..at.unwrap_or(line.len()))
                .unwrap_or_default()
                .trim_end(),
        )
    })
}

/// Where the next message begins inside a line.
fn seam(line: &str) -> Option<usize> {
    const SEAMS: &[&str] = &[
        "panic(cpu ",
        "Backtrace (CPU ",
        "Nested panic detected",
        "Backtrace terminated-",
        "Backtrace continues",
    ];
    SEAMS
        .iter()
        .flat_map(|seam| line.match_indices(seam).take(2))
        .map(|(at, _)| at)
        .filter(|at| *at > 0)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_line_is_known_without_its_first_letters() {
        for line in [
            "panic(cpu 8 caller 0x10): \"x\"@y:1",
            "anic(cpu 8 caller 0x10): \"x\"@y:1",
            "(cpu 8 caller 0x10): \"x\"@y:1",
        ] {
            assert_eq!(
                panic_line(line),
                Some(PanicLine {
                    cpu: Some(8),
                    caller: Some(0x10),
                    message: "\"x\"@y:1"
                })
            );
        }
    }

    #[test]
    fn the_format_string_of_panic_is_no_panic() {
        assert_eq!(panic_line("panic(\"(cpu %d caller 0x%llx): \")"), None);
    }

    #[test]
    fn a_message_glued_to_a_half_printed_line_is_a_part_of_its_own() {
        let line = "0xffffff80001000 : 0xffffff80Backtrace (CPU 1), Frame : Return Address";
        assert_eq!(
            parts(line).collect::<Vec<_>>(),
            [
                "0xffffff80001000 : 0xffffff80",
                "Backtrace (CPU 1), Frame : Return Address"
            ]
        );
        assert_eq!(parts("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn a_bare_backtrace_head_counts_only_inside_a_panic() {
        assert_eq!(backtrace_head("Backtrace:", false), None);
        assert_eq!(
            backtrace_head("Backtrace: 0x10 0x20", true),
            Some(" 0x10 0x20")
        );
    }
}
