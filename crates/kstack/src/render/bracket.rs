//! What is at an address, in brackets behind it in somebody's text.

use std::fmt::{self, Display};

use kstack_model::Address;
use kstack_symbols::{Certainty, Named, SourceFrame};

use super::RenderOptions;
use super::escape::Visible;
use super::frame::{found_place, shown_name};
use super::stacks::{COLORS, PLAIN, Palette};
use crate::resolve::{Resolution, TraceImage};

/// What is at an address, as one phrase.
#[derive(Debug)]
pub(crate) struct Bracket<'a> {
    /// What was found there.
    pub(crate) resolution: &'a Resolution,
    /// The image it lies in.
    pub(crate) image: &'a TraceImage,
    /// The address, where the text has it with a signature.
    pub(crate) bare: Option<Address>,
}

impl Bracket<'_> {
    /// The phrase, without the brackets, in at most `longest` bytes.
    pub(crate) fn shown(&self, options: &RenderOptions, longest: usize) -> String {
        const CUT: &str = "…";
        let style = if options.color { COLORS } else { PLAIN };
        let shown = self.phrase(options, style);
        if shown.len() <= longest {
            return shown;
        }
        // Without colours, so that no style stays on behind the cut.
        let mut shown = self.phrase(options, PLAIN);
        if shown.len() > longest {
            shown.truncate(shown.floor_char_boundary(longest.saturating_sub(CUT.len())));
            shown.push_str(CUT);
        }
        shown
    }

    fn phrase(&self, options: &RenderOptions, style: Palette) -> String {
        Phrase {
            bracket: self,
            raw_names: options.raw_names,
            style,
        }
        .to_string()
    }
}

struct Phrase<'a> {
    bracket: &'a Bracket<'a>,
    raw_names: bool,
    style: Palette,
}

impl Display for Phrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = self.bracket.image;
        let mark = self.style.mark;
        match self.bracket.resolution {
            Resolution::Named { named, offset, .. } => self.write_named(named, *offset, f)?,
            Resolution::ImageOnly { why, .. } => {
                write!(f, "in {}, {mark}{why}{mark:#}", Visible(&image.name()))?;
            }
            Resolution::Nowhere { why } => write!(f, "{mark}{why}{mark:#}")?,
        }
        if image.used.as_ref().is_some_and(|used| used.mismatched) {
            write!(f, ", {mark}from another build: the UUIDs differ{mark:#}")?;
        }
        match self.bracket.bare {
            Some(bare) => write!(f, ", {mark}{bare} without its signature{mark:#}"),
            None => Ok(()),
        }
    }
}

impl Phrase<'_> {
    fn write_named(&self, named: &Named, offset: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bold, mark) = (self.style.name, self.style.mark);
        let (own, inlined) = match named.frames.split_last() {
            Some((own, inlined)) => (Some(own), inlined),
            None => (None, [].as_slice()),
        };
        for function in inlined {
            match shown_name(function, self.raw_names) {
                Some(name) => write!(f, "{bold}{}{bold:#}", Visible(name))?,
                None => f.write_str("(function without a name)")?,
            }
            write_place(function, f)?;
            f.write_str(", inlined in ")?;
        }
        let name = Visible(if self.raw_names {
            &named.raw
        } else {
            &named.name
        });
        if named.certainty == Certainty::Nearest {
            f.write_str("after ")?;
        }
        let image = self.bracket.image.name();
        write!(f, "{bold}{name}{bold:#} + {offset} ({})", Visible(&image))?;
        if let Some(own) = own {
            write_place(own, f)?;
        }
        match named.certainty {
            Certainty::Unnamed => write!(f, ", {mark}no name: function start only{mark:#}"),
            Certainty::Inside | Certainty::Nearest => Ok(()),
        }
    }
}

fn write_place(function: &SourceFrame, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(place) = found_place(function) else {
        return Ok(());
    };
    write!(f, " {}", Visible(place.file))?;
    match place.line {
        Some(line) if place.nearby => write!(f, ":{line} (nearest line)"),
        Some(line) => write!(f, ":{line}"),
        None => Ok(()),
    }
}
