//! Names added to any text, which stays as it is otherwise.
//!
//! An address that lies in the code of an image, and `image + offset`, gets
//! what is there behind it, in brackets:
//!
//! ```text
//! waiting at 0xffffff7f80e52a76 [spl_cv_wait + 54 (net.lundman.spl) spl-condvar.c:26]
//! ```
//!
//! The text is bytes of any kind and length; what is in memory is bounded.
//! `places` knows where code lies, `names` what images are called, `scan`
//! finds the numbers, `stream` cuts the text into pieces.

mod answers;
mod digest;
mod names;

mod places;
mod scan;
mod stream;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read, Write};

use kstack_model::{FrameKind, Note, Report};
use kstack_symbols::SymbolSet;

use crate::resolve::{ResolveOptions, Session, TraceImage, UnusedFile};
use answers::{Answers, Found};
use names::ImageNames;
use places::Places;
use scan::Scan;
use stream::{Piece, Window};

/// How a text is annotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotateOptions {
    /// How files are matched with images.
    pub resolve: ResolveOptions,
    /// What the addresses of the text are. A text does not tell; return addresses are looked up at the call.
    pub kind: FrameKind,
    /// Colour what is added with ANSI styles.
    pub color: bool,
    /// Show names as the symbol files have them, not demangled.
    pub raw_names: bool,
    /// The command that makes the output, for a reader of the digest who wants to repeat it.
    pub command: Option<String>,
}

impl Default for AnnotateOptions {
    fn default() -> AnnotateOptions {
        AnnotateOptions {
            resolve: ResolveOptions::default(),
            kind: FrameKind::InstructionPointer,
            color: false,
            raw_names: false,
            command: None,
        }
    }
}

/// Adds names to texts.
///
/// # Examples
///
/// ```
/// use kstack::annotate::{AnnotateOptions, Annotator};
/// use kstack::model::{Address, Report};
/// use kstack::symbols::{Role, StatedPlace, SymbolSet};
/// # use kstack::model::Arch;
/// # use kstack_synth::macho::{Function, Program};
/// # let mut spl = Program::kext("spl", Arch::X86_64, 1).with(Function::new("spl_cv_wait", 64));
/// # spl.function_starts = true;
/// # let kext_file = spl.binary();
///
/// let mut symbols = SymbolSet::default();
/// let base = Address(0xffff_ff7f_80e5_0000);
/// let placed = StatedPlace { segment: None, address: base };
/// symbols.add_bytes(Role::Kext, "spl", Some(placed), kext_file);
///
/// // The report of the same boot, a list of its kexts, or nothing but what the user places.
/// let images = Report::default();
/// let mut annotator = Annotator::new(images, &symbols, AnnotateOptions::default());
/// let text = "woken by 0xffffff7f80e51024, spl + 4096\r\n";
/// let mut out = Vec::new();
/// annotator.copy(&mut text.as_bytes(), &mut out)?;
/// assert_eq!(
///     String::from_utf8(out)?,
///     "woken by 0xffffff7f80e51024 [spl_cv_wait + 36 (spl)], spl + 4096 [spl_cv_wait + 0 (spl)]\r\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Annotator<'a> {
    report: Report,
    places: Places,
    names: ImageNames,
    answers: Answers<'a>,
}

impl<'a> Annotator<'a> {
    /// Matches files with the images of the kernel's space of `report`, and places them, as
    /// [`resolve`](crate::resolve()) does. The threads of the report do not matter.
    #[must_use]
    pub fn new(report: Report, symbols: &'a SymbolSet, options: AnnotateOptions) -> Annotator<'a> {
        let report = Report {
            processes: Vec::new(),
            ..report
        };
        let session = Session::new(&report, symbols, &options.resolve);
        Annotator {
            places: Places::of(&session),
            names: ImageNames::of(&session),
            answers: Answers::new(session, options),
            report,
        }
    }

    /// Copies a text with names added.
    ///
    /// Whole lines are passed on and flushed as soon as they are read, so a text that grows can be
    /// followed. A line too long to hold is passed on in parts.
    ///
    /// # Errors
    ///
    /// When the input or the output fails.
    pub fn copy(&mut self, input: &mut dyn Read, out: &mut dyn Write) -> io::Result<()> {
        self.copy_to(input, |text, _| {
            out.write_all(text)?;
            out.flush()
        })
    }

    /// Writes a text as Markdown for an issue tracker: what was named and how often, the images,
    /// and the text with names folded below.
    ///
    /// # Errors
    ///
    /// When the input or the output fails.
    pub fn digest(mut self, input: &mut dyn Read, out: &mut dyn Write) -> io::Result<()> {
        self.answers.discolor();
        let mut digest = digest::Collector::default();
        self.copy_to(input, |text, found| {
            digest.add(text, found);
            Ok(())
        })?;
        digest.write(self.report, self.answers, out)
    }

    /// Whether there is no code to find: no file speaks for an image that lies somewhere.
    #[must_use]
    pub fn knows_no_code(&self) -> bool {
        self.places.is_empty()
    }

    /// The images of the kernel's space, with the files that speak for them and those that were refused.
    #[must_use]
    pub fn images(&self) -> &[TraceImage] {
        self.answers.session().images()
    }

    /// Files the user named that speak for no image.
    #[must_use]
    pub fn unused(&self) -> &[UnusedFile] {
        self.answers.session().unused()
    }

    /// What a reader should know: of the report, then of the matching.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.report
            .notes
            .iter()
            .chain(self.answers.session().notes())
    }

    /// What damage of the symbol files has cost the answers given so far.
    #[must_use]
    pub fn damage(&self) -> Vec<Note> {
        self.answers.session().damage()
    }

    fn copy_to(
        &mut self,
        input: &mut dyn Read,
        mut take: impl FnMut(&[u8], &[Found]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut window = Window::new();
        let mut out = Vec::new();
        let mut found = Vec::new();
        while let Some(piece) = window.read(input)? {
            if piece.from == piece.limit {
                continue;
            }
            let end = self.annotate(piece, &mut out, &mut found);
            take(&out, &found)?;
            window.passed(end);
            out.clear();
            found.clear();
        }
        Ok(())
    }

    /// Adds a piece with its names to `out`; returns where the next one starts.
    fn annotate(&mut self, piece: Piece<'_>, out: &mut Vec<u8>, found: &mut Vec<Found>) -> usize {
        let text = piece.text;
        let mut copied = piece.from;
        let mut scan = Scan::new(piece, &self.names);
        while let Some(candidate) = scan.next() {
            let Some(code) = self.places.code_at(candidate.at, self.answers.kind()) else {
                continue;
            };
            let Some(answer) = self.answers.at(code) else {
                continue;
            };
            found.push(answer.found);
            let end = candidate.end;
            let bracket = answer.bracket.as_bytes();
            let behind = text.get(end..).unwrap_or_default();
            // A text that was annotated before stays as it is.
            if behind.starts_with(bracket) {
                scan.skip_to(end + bracket.len());
                continue;
            }
            out.extend_from_slice(text.get(copied..end).unwrap_or_default());
            out.extend_from_slice(bracket);
            copied = end;
        }
        out.extend_from_slice(text.get(copied..scan.end()).unwrap_or_default());
        scan.end()
    }
}

impl fmt::Debug for Annotator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Annotator")
            .field("places", &self.places)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
