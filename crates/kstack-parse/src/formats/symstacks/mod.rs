//! The text that `symstacks.rb` prints, as people paste it.
//!
//! `symstacks.rb` names a binary stackshot with one set of symbol files, so a
//! hang is often described by several runs of it over the same stackshot, each
//! naming what the others left as addresses. Runs of one trace are read as one.
//!
//! The layout is that of published output of Mac OS X 10.8 and of the man page
//! `stackshot(1)`. Nothing here leans on indentation: tabs, quoting and trackers destroy it.
//! Kernel addresses are those of the stackshot, without the kernel's slide.

mod frame;
mod line;
mod piece;
mod read;
mod runs;
#[cfg(test)]
mod tests;

use kstack_model::Report;

use crate::lines::{self, lines};
use crate::{Content, Format, Limits, ParseError, Sniff};

use line::{Kind, OfThread, Word};
use read::Reader;

pub(crate) const FORMAT: Format = Format {
    name: "symstacks",
    about: "text of symstacks.rb, one or several runs over the same stackshot",
    content: Content::Text,
    sniff,
    parse,
};

/// Lines that follow each other tell the format: a stack heading and a frame, a PID and something
/// about a thread, or two things about a thread.
fn sniff(bytes: &[u8]) -> Sniff {
    #[derive(Clone, Copy)]
    enum Before {
        Nothing,
        Pid,
        PidAndName,
        Thread(OfThread),
        Heading,
    }
    let mut before = Before::Nothing;
    let mut answer = Sniff::No;
    for text in lines::texts(bytes) {
        before = match (before, Kind::of(text)) {
            (before, Kind::Blank | Kind::Attribute(Word::Unknown(_), _)) => before,
            (Before::Heading, Kind::Frame(_)) => return Sniff::Yes,
            (Before::Thread(_), Kind::Frame(frame)) if frame.is_certain() => return Sniff::Yes,
            (Before::Pid | Before::PidAndName, Kind::Attribute(Word::Thread(_), _)) => {
                return Sniff::Yes;
            }
            (Before::Thread(one), Kind::Attribute(Word::Thread(other), _)) if one != other => {
                return Sniff::Yes;
            }
            (_, Kind::Attribute(Word::Thread(of), _)) => Before::Thread(of),
            (_, Kind::Attribute(Word::Pid, _)) => Before::Pid,
            (Before::Pid, Kind::Attribute(Word::Process, _)) => Before::PidAndName,
            (_, Kind::Heading(_)) => {
                if answer == Sniff::No {
                    answer = Sniff::Unsure("the heading of a stack is there, no frame follows it");
                }
                Before::Heading
            }
            (_, Kind::Frame(frame)) if frame.is_certain() => {
                answer = Sniff::Unsure(
                    "frames are there without the line \"Kernel stack:\" or \"User stack:\" before them",
                );
                Before::Nothing
            }
            _ => Before::Nothing,
        };
    }
    answer
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::new(*limits);
    for line in lines(&text) {
        if !reader.line(line) {
            break;
        }
    }
    Ok(runs::reports(reader.pieces()))
}
