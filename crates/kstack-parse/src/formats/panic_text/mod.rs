//! The panic log as the kernel prints it, on every processor and as people paste it.
//!
//! Followed are the printing functions of xnu-11417.101.15
//! (`osfmk/kern/debug.c`, `osfmk/i386/AT386/model_dep.c`,
//! `osfmk/arm/model_dep.c`, `libkern/c++/OSKext.cpp`) and, for what they no
//! longer print, of xnu-1228.5.20 (10.5).
//!
//! `flow` and `tail` know which line belongs to what, `panic` and `stacks` make
//! the report, and the other files know single lines.

mod backtrace;
mod flow;
mod heads;
mod kexts;
mod machine;
mod names;
mod panic;
mod registers;
mod scan;
mod slides;
mod stacks;
mod tail;

use kstack_model::Report;

use crate::pasted::pasted_lines;
use crate::pattern::{Pattern, compile};
use crate::{Content, Format, Limits, ParseError, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "panic-text",
    about: "panic log, as the kernel prints it",
    content: Content::Text,
    sniff,
    parse,
};

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    Ok(read(&String::from_utf8_lossy(bytes), FORMAT.name, limits))
}

/// The panics of a text, each as one report of the format named.
pub(super) fn read(text: &str, format: &'static str, limits: &Limits) -> Vec<Report> {
    let mut flow = flow::Flow::new(limits);
    for line in pasted_lines(text) {
        flow.line(&line);
    }
    let mut panics = flow.finish();
    share_tails(&mut panics);
    panics
        .into_iter()
        .map(|panic| panic.into_report(format))
        .collect()
}

/// Whether a text is all there is of a panic although nothing in it is a panic's: a message alone.
pub(super) fn message_alone(text: &str, format: &'static str) -> Option<Report> {
    let text = text.trim();
    // What the bridge writes when macOS did not panic.
    if text.is_empty() || text == "not yet set" {
        return None;
    }
    Some(panic::Panic::of_message(text).into_report(format))
}

/// Gives a panic that another one interrupted what only the last of them printed: machine, kernel, kexts.
fn share_tails(panics: &mut [panic::Panic]) {
    /// Each takes a copy of the kext table; more panics within panics are no log.
    const MOST_SHARING: usize = 16;
    let mut sharing = 0;
    for at in (1..panics.len()).rev() {
        let Some([first, second]) = panics.get_mut(at - 1..=at) else {
            continue;
        };
        sharing = if second.within_another {
            sharing + 1
        } else {
            0
        };
        if (1..=MOST_SHARING).contains(&sharing) {
            first.take_tail_of(second);
        }
    }
}

/// What only the lines of a panic log have, looked for at once.
static MARKS: Pattern = Pattern::new(|| {
    compile(
        r"(?x) Frame\ :\ Return\ Address
          | Kernel\ (?:Extensions|loadable\ modules)\ in\ backtrace
          | Panicked\ (?:thread:|task)\ 0x
          | \*\*\*\ Panic\ Report\ \*\*\*",
    )
});

fn sniff(bytes: &[u8]) -> Sniff {
    let text = String::from_utf8_lossy(bytes);
    let mut frames = 0;
    let mut has_slide = false;
    for line in pasted_lines(&text) {
        let line = &*line.text;
        if MARKS.is_match(line) || heads::panic_line(line).is_some() {
            return Sniff::Yes;
        }
        let is_frame = backtrace::frame_line(line).is_some() || backtrace::is_nameless_frame(line);
        frames += u32::from(is_frame);
        if frames == 2 {
            return Sniff::Yes;
        }
        has_slide |= line.starts_with("Kernel slide:") || line.starts_with("Kernel text base:");
    }
    if has_slide {
        Sniff::Unsure("it states a kernel slide and has no panic line and no backtrace")
    } else {
        Sniff::No
    }
}
