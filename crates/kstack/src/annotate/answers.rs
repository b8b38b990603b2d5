//! What is added behind each address, made once.

use std::collections::hash_map::{Entry, HashMap};

use kstack_model::FrameKind;

use super::AnnotateOptions;
use super::places::Code;
use super::stream::LONGEST_BRACKET;
use crate::render::{Bracket, RenderOptions};
use crate::resolve::{Resolution, Session};

/// Bytes of brackets that are kept. A text with more different addresses pays for them again.
const MOST_KEPT: usize = 16 << 20;

/// What a kept bracket costs beside its text.
const COST: usize = 64;

/// What was found at one place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it is.
    pub(super) code: Code,
    /// Index of the image it lies in.
    pub(super) image: usize,
}

/// What is added behind an address.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) found: Found,
    /// With the blank before it.
    pub(super) bracket: Box<str>,
}

const OPEN: &str = " [";
const CLOSE: &str = "]";

impl Answer {
    /// What stands in the bracket.
    pub(super) fn what(&self) -> &str {
        let inside = self.bracket.strip_prefix(OPEN).unwrap_or(&self.bracket);
        inside.strip_suffix(CLOSE).unwrap_or(inside)
    }
}

/// Answers and brackets of a run.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    session: Session<'a>,
    options: AnnotateOptions,
    /// `None` where nothing can be said.
    kept: HashMap<Code, Option<Answer>>,
    bytes_kept: usize,
}

impl<'a> Answers<'a> {
    pub(super) fn new(session: Session<'a>, options: AnnotateOptions) -> Answers<'a> {
        Answers {
            session,
            options,
            kept: HashMap::new(),
            bytes_kept: 0,
        }
    }

    pub(super) fn session(&self) -> &Session<'a> {
        &self.session
    }

    pub(super) fn into_session(self) -> Session<'a> {
        self.session
    }

    /// The command that makes the output.
    pub(super) fn command(&self) -> Option<&str> {
        self.options.command.as_deref()
    }

    /// From here on without colours.
    pub(super) fn discolor(&mut self) {
        self.options.color = false;
        self.forget();
    }

    fn forget(&mut self) {
        self.kept.clear();
        self.bytes_kept = 0;
    }

    pub(super) fn kind(&self) -> FrameKind {
        self.options.kind
    }

    /// What to add behind an address of code; `None` where two images lie over each other.
    pub(super) fn at(&mut self, code: Code) -> Option<&Answer> {
        if self.bytes_kept > MOST_KEPT {
            self.forget();
        }
        match self.kept.entry(code) {
            Entry::Occupied(kept) => kept.into_mut().as_ref(),
            Entry::Vacant(slot) => {
                let answer = answer(&mut self.session, code, &self.options);
                let length = answer.as_ref().map_or(0, |answer| answer.bracket.len());
                self.bytes_kept += length + COST;
                slot.insert(answer).as_ref()
            }
        }
    }
}

fn answer(session: &mut Session<'_>, code: Code, options: &AnnotateOptions) -> Option<Answer> {
    let resolution = session.resolve(code.at, options.kind);
    let (Resolution::Named { image, .. } | Resolution::ImageOnly { image, .. }) = resolution else {
        return None;
    };
    let render = RenderOptions {
        color: options.color,
        raw_names: options.raw_names,
        ..RenderOptions::default()
    };
    let phrase = Bracket {
        resolution: &resolution,
        image: session.images().get(image)?,
        bare: code.was_signed.then_some(code.at),
    };
    let longest = LONGEST_BRACKET - OPEN.len() - CLOSE.len();
    let text = format!("{OPEN}{}{CLOSE}", phrase.shown(&render, longest));
    Some(Answer {
        found: Found { code, image },
        bracket: text.into_boxed_str(),
    })
}
