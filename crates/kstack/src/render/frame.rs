//! What one frame shows: its name, where it lies, and how far that can be trusted.

use std::borrow::Cow;

use kstack_model::{Address, At, Frame, ImageOffset, Said};
use kstack_symbols::{Certainty, Excerpt, Made, Named, SourceFrame, Virtual, demangled};

use super::RenderOptions;
use super::document::Document;
use crate::resolve::{Contradiction, Resolution, SpaceId, TraceImage, Why};

/// One line of a stack.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    /// A function inlined into the one whose line follows.
    Inlined(Inlined<'a>),
    /// The frame itself.
    Frame(FrameLine<'a>),
}

/// A function that was inlined.
#[derive(Debug)]
pub(crate) struct Inlined<'a> {
    pub(crate) function: Option<&'a str>,
    /// What it was inlined into.
    pub(crate) into: &'a str,
    pub(crate) image: Option<&'a str>,
    pub(crate) source: Option<SourcePlace<'a>>,
    pub(crate) marks: Marks<'a>,
}

/// A frame.
#[derive(Debug)]
pub(crate) struct FrameLine<'a> {
    pub(crate) title: Title<'a>,
    pub(crate) at: Place<'a>,
    pub(crate) source: Option<SourcePlace<'a>>,
    pub(crate) marks: Marks<'a>,
}

/// What a frame is called.
#[derive(Debug)]
pub(crate) enum Title<'a> {
    /// A function.
    Function {
        name: Cow<'a, str>,
        image: Option<&'a str>,
        offset: Option<u64>,
    },
    /// Somewhere after a symbol, perhaps past the end of its function.
    After {
        image: &'a str,
        offset_in_image: ImageOffset,
        name: &'a str,
        offset: u64,
    },
    /// Somewhere in an image.
    InImage {
        image: &'a str,
        offset_in_image: ImageOffset,
    },
    /// Nothing but its place.
    Nothing,
}

/// Where a frame lies.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    /// At an address.
    Address(Address),
    /// At an offset in an image that lies nowhere; the image's name where it has one.
    Offset(Option<&'a str>, ImageOffset),
    /// The artefact gives only a name.
    NotStated,
}

/// A place in a source file.
#[derive(Debug)]
pub(crate) struct SourcePlace<'a> {
    /// The file's own name, without its folders.
    pub(crate) file: &'a str,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    /// The line is that of another instruction of the function: this one has none.
    pub(crate) nearby: bool,
    /// The lines around it.
    pub(crate) excerpt: Option<&'a Excerpt>,
}

/// What a reader should know before trusting a line.
#[derive(Debug, Default)]
pub(crate) struct Marks<'a> {
    /// The start of the function is known, its name is not.
    pub(crate) start_only: bool,
    /// The name is the artefact's own and nothing confirms it.
    pub(crate) unverified: bool,
    /// Why there is no name, or why the name may be wrong.
    pub(crate) why: Option<Why>,
    /// The name is from a symbol file of another build.
    pub(crate) other_build: bool,
    /// What is wrong with it, if its image lies where it was placed.
    pub(crate) contradicts: Option<Contradiction>,
    /// What the artefact says instead.
    pub(crate) said: Option<&'a Said>,
    /// The address as printed, before bits were removed from it.
    pub(crate) printed_as: Option<Address>,
    /// What the compiler made of the function.
    pub(crate) made: Option<Made>,
    /// The function that was called and is not in the stack.
    pub(crate) entered: Option<&'a str>,
    /// Functions one of which jumped to this one in place of a call.
    pub(crate) tail_callers: Vec<&'a str>,
    /// What a frame without a sure name probably is.
    pub(crate) guess: Option<&'a Virtual>,
    /// What the artefact remarks about the frame: "running".
    pub(crate) remark: Option<&'a str>,
}

/// The lines of one frame, those of inlined functions first.
pub(crate) fn lines<'a>(
    document: &'a Document<'_>,
    space: SpaceId,
    frame: &'a Frame,
    outer: Option<&Frame>,
    lines: &mut Vec<Line<'a>>,
) {
    let said = frame.said.as_deref();
    let printed_as = said.and_then(|said| said.raw);
    let entered = outer.and_then(|outer| document.trace.entered(space, frame, outer));
    let raw_names = document.options.raw_names;
    let tail_callers = entered.map_or(&[] as &[_], |entered| &entered.tail_callers);
    let tail_callers = tail_callers.iter().map(|caller| match raw_names {
        true => caller.raw.as_str(),
        false => caller.name.as_str(),
    });
    let found = Found {
        document,
        at: place(document, space, frame),
        said,
        marks: Marks {
            printed_as,
            remark: said.and_then(|said| said.remark.as_deref()),
            contradicts: document.trace.contradiction(space, frame),
            entered: entered.map(|entered| match raw_names {
                true => entered.raw.as_str(),
                false => entered.name.as_str(),
            }),
            tail_callers: tail_callers.collect(),
            guess: document.trace.guess(space, frame),
            ..Marks::default()
        },
    };
    match document.trace.resolution(space, frame) {
        Resolution::Named {
            image,
            offset_in_image,
            offset,
            named,
            ..
        } => found.named(*image, *offset_in_image, *offset, named, lines),
        Resolution::ImageOnly {
            image,
            offset_in_image,
            why,
        } => found.unnamed(Some((*image, *offset_in_image)), *why, lines),
        Resolution::Nowhere { why } => found.unnamed(None, *why, lines),
    }
}

fn place<'a>(document: &'a Document<'_>, space: SpaceId, frame: &Frame) -> Place<'a> {
    if let Some(address) = document.trace.address(space, frame) {
        return Place::Address(address);
    }
    match frame.at {
        At::Absolute(address) => Place::Address(address),
        At::Unknown => Place::NotStated,
        At::InImage { offset, .. } => {
            let image = match document.trace.resolution(space, frame) {
                Resolution::Named { image, .. } | Resolution::ImageOnly { image, .. } => {
                    Some(document.image_name(*image))
                }
                Resolution::Nowhere { .. } => None,
            };
            Place::Offset(image, offset)
        }
    }
}

struct Found<'a, 'd> {
    document: &'a Document<'d>,
    at: Place<'a>,
    said: Option<&'a Said>,
    marks: Marks<'a>,
}

impl<'a> Found<'a, '_> {
    fn named(
        self,
        image: usize,
        offset_in_image: ImageOffset,
        offset: u64,
        named: &'a Named,
        lines: &mut Vec<Line<'a>>,
    ) {
        let start_only = named.certainty == Certainty::Unnamed;
        // The artefact's name for a function whose start is known: it fits when
        // both count from the same start, and then it is the only name there is.
        let fits = |said: &&Said| said.symbol.is_some() && said.offset == Some(offset);
        if let Some(said) = self.said.filter(fits).filter(|_| start_only) {
            return self.said_only(said, Some(image), lines);
        }
        let raw = self.document.options.raw_names;
        let name: &str = if raw { &named.raw } else { &named.name };
        let found_in = self.document.trace.image(image);
        let used = found_in.and_then(|image| image.used.as_ref());
        let other_build = used.is_some_and(|used| used.mismatched);
        // Used against the evidence, because the user allowed it.
        let contradicted = found_in.is_some_and(TraceImage::is_contradicted);
        let why = contradicted.then_some(Why::Contradicted);
        let image_name = self.document.image_name(image);
        let (own, inlined) = match named.frames.split_last() {
            Some((own, inlined)) => (Some(own), inlined),
            None => (None, [].as_slice()),
        };
        for (index, function) in inlined.iter().enumerate() {
            let outer = inlined
                .get(index + 1)
                .and_then(|outer| shown_name(outer, raw));
            lines.push(Line::Inlined(Inlined {
                function: shown_name(function, raw),
                into: outer.unwrap_or(name),
                image: Some(image_name),
                source: found_place(function),
                marks: Marks {
                    other_build,
                    why,
                    ..Marks::default()
                },
            }));
        }
        let disputed = |said: &&Said| !agree(said, self.document, image, offset, named);
        lines.push(Line::Frame(FrameLine {
            title: match named.certainty {
                Certainty::Nearest => Title::After {
                    image: image_name,
                    offset_in_image,
                    name,
                    offset,
                },
                Certainty::Inside | Certainty::Unnamed => Title::Function {
                    name: name.into(),
                    image: Some(image_name),
                    offset: Some(offset),
                },
            },
            at: self.at,
            source: own.and_then(found_place),
            marks: Marks {
                start_only,
                made: match named.certainty {
                    Certainty::Inside => Made::of(&named.raw),
                    Certainty::Nearest | Certainty::Unnamed => None,
                },
                other_build,
                why,
                said: self.said.filter(disputed),
                ..self.marks
            },
        }));
    }

    fn unnamed(mut self, image: Option<(usize, ImageOffset)>, why: Why, lines: &mut Vec<Line<'a>>) {
        if let Some(said) = self.said.filter(|said| said.symbol.is_some()) {
            // That a name is the report's own says enough; a damaged or refused file does not follow from it.
            if !matches!(
                why,
                Why::NoSymbolFile | Why::NearestImageBelow | Why::NoImageThere | Why::NotStated
            ) {
                self.marks.why = Some(why);
            }
            let sure = image.filter(|_| why != Why::NearestImageBelow);
            return self.said_only(said, sure.map(|(image, _)| image), lines);
        }
        let image = image.map(|(image, offset)| (self.document.image_name(image), offset));
        let as_read = self.document.options.as_read;
        self.marks.why = Some(why).filter(|why| !as_read || *why == Why::NearestImageBelow);
        self.marks.said = self.said.filter(|said| {
            said.image
                .as_deref()
                .is_some_and(|said| image.is_none_or(|(found, _)| !same_image(said, found)))
        });
        lines.push(Line::Frame(FrameLine {
            title: match image {
                Some((image, offset_in_image)) => Title::InImage {
                    image,
                    offset_in_image,
                },
                None => Title::Nothing,
            },
            at: self.at,
            source: None,
            marks: self.marks,
        }));
    }

    /// The artefact's own name, where nothing better is known.
    fn said_only(self, said: &'a Said, image: Option<usize>, lines: &mut Vec<Line<'a>>) {
        let found = image.map(|image| self.document.image_name(image));
        let image = said.image.as_deref().or(found);
        let name = said.symbol.as_deref().unwrap_or_default();
        for (index, function) in said.inlined.iter().enumerate() {
            let outer = said.inlined.get(index + 1);
            let outer = outer.and_then(|outer| outer.symbol.as_deref());
            lines.push(Line::Inlined(Inlined {
                function: function.symbol.as_deref(),
                into: outer.unwrap_or(name),
                image,
                source: source_place(function.file.as_deref(), function.line, None),
                marks: Marks {
                    unverified: !self.document.options.as_read,
                    ..Marks::default()
                },
            }));
        }
        lines.push(Line::Frame(FrameLine {
            title: Title::Function {
                name: as_written(name, self.document.options),
                image,
                offset: said.offset,
            },
            at: self.at,
            source: source_place(said.file.as_deref(), said.line, None),
            marks: Marks {
                unverified: !self.document.options.as_read,
                ..self.marks
            },
        }));
    }
}

/// A name that the artefact prints, for a reader: C++ as it was written, unless the artefact is shown as it is.
fn as_written<'a>(name: &'a str, options: &RenderOptions) -> Cow<'a, str> {
    let written = match options.raw_names || options.as_read {
        true => None,
        false => demangled(name),
    };
    written.map_or(Cow::Borrowed(name), Cow::Owned)
}

/// The name of a function in the source.
pub(super) fn shown_name(function: &SourceFrame, raw: bool) -> Option<&str> {
    let demangled = function.function.as_deref();
    if raw {
        function.raw.as_deref().or(demangled)
    } else {
        demangled
    }
}

/// Where the code is in the source, or the nearest place that has a line.
pub(super) fn found_place(function: &SourceFrame) -> Option<SourcePlace<'_>> {
    let place = source_place(function.file.as_deref(), function.line, function.column)?;
    Some(SourcePlace {
        nearby: function.nearby,
        excerpt: function.excerpt.as_ref(),
        ..place
    })
}

/// A place in a source file without its folders.
fn source_place(
    file: Option<&str>,
    line: Option<u32>,
    column: Option<u32>,
) -> Option<SourcePlace<'_>> {
    let path = file?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty());
    Some(SourcePlace {
        file: name.unwrap_or(path),
        line,
        column,
        nearby: false,
        excerpt: None,
    })
}

/// Whether what the artefact printed is what was found, as far as it printed anything.
fn agree(said: &Said, document: &Document<'_>, image: usize, offset: u64, named: &Named) -> bool {
    let executable = document.trace.image(image);
    let executable = executable.and_then(|image| image.image.executable.as_deref());
    let image_agrees = said.image.as_deref().is_none_or(|said| {
        same_image(said, document.image_name(image)) || executable == Some(said)
    });
    let symbol_agrees = said.symbol.as_deref().is_none_or(|symbol| {
        let own = same_function(symbol, &named.raw) || same_function(symbol, &named.name);
        let inlined = || {
            named
                .frames
                .iter()
                .filter_map(|frame| frame.function.as_deref())
        };
        own && said.offset.is_none_or(|said| said == offset)
            || said.offset.is_none() && inlined().any(|name| same_function(symbol, name))
    });
    image_agrees && symbol_agrees
}

/// `zfs` and `net.lundman.zfs` are one: debuggers print the executable, panics the identifier.
fn same_image(said: &str, found: &str) -> bool {
    let ends_with = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    ends_with(found, said) || ends_with(said, found)
}

/// `_bar`, `bar` and `bar(int)` are one: tools differ in the underscore and in the parameters.
fn same_function(said: &str, found: &str) -> bool {
    fn bare(name: &str) -> &str {
        name.split('(').next().unwrap_or(name)
    }
    let said = [said, said.strip_prefix('_').unwrap_or(said)];
    said.iter()
        .any(|said| *said == found || bare(said) == bare(found) && !bare(found).is_empty())
}
