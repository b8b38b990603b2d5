//! Each distinct address once, sources in parallel.

use std::collections::BTreeMap;

use foldhash::HashMap;
use kstack_model::{Address, At, Frame, FrameKind, ImageOffset, Note, Report, Side, VmAddr};
use kstack_symbols::{Named, Names, SymbolError, SymbolSource};
use rayon::prelude::*;

use super::matching::{Matched, SourceId};
use super::place::header_place;
use super::space::{Found, Spaces};
use super::{Resolution, SpaceId, Trace, Why};

/// One distinct thing to look up.
pub(super) type Key = (SpaceId, At, FrameKind);

/// A key whose image has a symbol source.
pub(super) struct Query {
    key: Key,
    image: usize,
    offset_in_image: ImageOffset,
    /// What to ask the source for.
    pub(super) look_up: VmAddr,
    /// What the offset into the function counts from: the shown address, not the call before it.
    shown: VmAddr,
}

/// Fewer questions to one file than this are not worth another thread.
const PART: usize = 4096;

/// Answers every frame and continuation of the report; with notes about what damage has cost.
pub(super) fn resolutions(
    report: &Report,
    matched: &Matched<'_>,
    spaces: &Spaces,
) -> (HashMap<Key, Resolution>, Vec<Note>) {
    let mut answers = HashMap::default();
    let mut queries: BTreeMap<SourceId, Vec<Query>> = BTreeMap::new();
    for key in distinct(report) {
        match locate(key, matched, spaces) {
            Ok((source, query)) => queries.entry(source).or_default().push(query),
            Err(resolution) => {
                answers.insert(key, resolution);
            }
        }
    }
    let mut parts = Vec::new();
    for (source, queries) in &mut queries {
        // Neighbours are read together, so each part gets a range of the file.
        queries.sort_by_key(|query| query.look_up);
        parts.extend(queries.chunks(PART).map(|part| (*source, part)));
    }
    let ask = |(source, queries)| ask(source, queries, matched);
    let asked: Vec<Asked> = match parts.len() {
        // Starting threads takes longer than a small report.
        0 | 1 => parts.into_iter().map(ask).collect(),
        _ => parts.into_par_iter().map(ask).collect(),
    };
    let mut notes = Vec::new();
    for part in asked {
        answers.extend(part.answers);
        notes.extend(part.damage.filter(|note| !notes.contains(note)));
    }
    (answers, notes)
}

/// What a file has answered.
#[derive(Default)]
struct Asked {
    answers: Vec<(Key, Resolution)>,
    damage: Option<Note>,
}

/// Fills in how many frames lie in each image.
pub(super) fn count_frames(trace: &mut Trace) {
    let mut counts = vec![0; trace.images.len()];
    for (process, side, frame) in frames(&trace.report) {
        if let Resolution::Named { image, .. } | Resolution::ImageOnly { image, .. } =
            trace.resolution(SpaceId::of(side, process), frame)
            && let Some(count) = counts.get_mut(*image)
        {
            *count += 1;
        }
    }
    for (image, count) in trace.images.iter_mut().zip(counts) {
        image.frames = count;
    }
}

fn frames(report: &Report) -> impl Iterator<Item = (usize, Side, &Frame)> {
    report
        .processes
        .iter()
        .enumerate()
        .flat_map(|(index, process)| {
            let stacks = process.threads.iter().flat_map(|thread| &thread.stacks);
            stacks.flat_map(move |stack| {
                stack
                    .frames
                    .iter()
                    .map(move |frame| (index, stack.side, frame))
            })
        })
}

fn distinct(report: &Report) -> Vec<Key> {
    let continuations = report
        .processes
        .iter()
        .flat_map(|process| &process.threads)
        .filter_map(|thread| thread.continuation)
        .map(|at| {
            (
                SpaceId::Kernel,
                At::Absolute(at),
                FrameKind::InstructionPointer,
            )
        });
    let mut keys: Vec<Key> = frames(report)
        .map(|(process, side, frame)| (SpaceId::of(side, process), frame.at, frame.kind))
        .chain(continuations)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Where a key lies: what to ask whom, or the answer when there is nobody to ask.
pub(super) fn locate(
    key: Key,
    matched: &Matched<'_>,
    spaces: &Spaces,
) -> Result<(SourceId, Query), Resolution> {
    let (space, at, kind) = key;
    match at {
        At::Absolute(address) => {
            let image = match spaces.find(space, kind.for_lookup(address)) {
                Found::Inside(image) => image,
                Found::Above(image) => {
                    let offset_in_image = offset_in(matched, image, address);
                    let why = match matched.why_unused(image) {
                        why @ Why::Contradicted => why,
                        _ => Why::NearestImageBelow,
                    };
                    return Err(only(image, offset_in_image, why));
                }
                Found::Not(why) => return Err(Resolution::Nowhere { why }),
            };
            placed(key, image, address, matched)
        }
        At::Unknown => Err(Resolution::Nowhere {
            why: Why::NotStated,
        }),
        At::InImage { image, offset } => {
            let Some(image) = matched.index_of(space, image) else {
                return Err(Resolution::Nowhere {
                    why: Why::NoImageThere,
                });
            };
            match matched.base(image) {
                Some(base) => placed(key, image, base + offset, matched),
                None => unplaced(key, image, offset, matched),
            }
        }
    }
}

/// The image a key lies in, and its linked address where the image has a source. For a return
/// address that is the address itself, not that of the call before it.
pub(super) fn whereabouts(
    key: Key,
    matched: &Matched<'_>,
    spaces: &Spaces,
) -> (Option<usize>, Option<VmAddr>) {
    match locate(key, matched, spaces) {
        Ok((_, query)) => (Some(query.image), Some(query.shown)),
        // The nearest image below need not be the one, nor one whose file does not fit there.
        Err(Resolution::ImageOnly {
            why: Why::NearestImageBelow | Why::Contradicted,
            ..
        }) => (None, None),
        Err(Resolution::ImageOnly { image, .. }) => (Some(image), None),
        Err(_) => (None, None),
    }
}

/// An address in an image that lies somewhere.
fn placed(
    key: Key,
    image: usize,
    address: Address,
    matched: &Matched<'_>,
) -> Result<(SourceId, Query), Resolution> {
    let offset_in_image = offset_in(matched, image, address);
    let (source, used) = matched
        .used(image)
        .ok_or_else(|| only(image, offset_in_image, matched.why_unused(image)))?;
    let look_up = used
        .slides
        .linked(key.2.for_lookup(address))
        .ok_or_else(|| only(image, offset_in_image, Why::SegmentNotPlaced))?;
    let shown = VmAddr(look_up.0.wrapping_add(call_length(key.2)));
    Ok((
        source,
        Query {
            key,
            image,
            offset_in_image,
            look_up,
            shown,
        },
    ))
}

/// An offset in an image that lies nowhere: the file's own layout serves, if it is one piece.
fn unplaced(
    key: Key,
    image: usize,
    offset: ImageOffset,
    matched: &Matched<'_>,
) -> Result<(SourceId, Query), Resolution> {
    let (source, _) = matched
        .used(image)
        .ok_or_else(|| only(image, offset, matched.why_unused(image)))?;
    let header = matched
        .source(source)
        .and_then(header_place)
        .ok_or_else(|| only(image, offset, Why::SegmentNotPlaced))?;
    let shown = VmAddr(header.0.wrapping_add(offset.0));
    Ok((
        source,
        Query {
            key,
            image,
            offset_in_image: offset,
            look_up: VmAddr(shown.0.wrapping_sub(call_length(key.2))),
            shown,
        },
    ))
}

/// How far before the shown address a frame is looked up.
fn call_length(kind: FrameKind) -> u64 {
    let zero = Address(0);
    (zero - kind.for_lookup(zero)).0
}

fn offset_in(matched: &Matched<'_>, image: usize, address: Address) -> ImageOffset {
    matched
        .base_at(image, address)
        .map_or(ImageOffset(0), |base| address - base)
}

fn only(image: usize, offset_in_image: ImageOffset, why: Why) -> Resolution {
    Resolution::ImageOnly {
        image,
        offset_in_image,
        why,
    }
}

/// Asks one source some of its queries, on the thread this runs on.
fn ask(source: SourceId, queries: &[Query], matched: &Matched<'_>) -> Asked {
    let Some(source) = matched.source(source) else {
        return Asked::default();
    };
    let mut names = source.names();
    let answers = queries
        .iter()
        .map(|query| (query.key, answer(query, names.lookup(query.look_up))));
    Asked {
        answers: answers.collect(),
        damage: damage(source, &names),
    }
}

/// What damage has cost the answers of a source.
pub(super) fn damage(source: &SymbolSource, names: &Names<'_>) -> Option<Note> {
    let why = names.damage()?;
    let paths = source.identity().paths.join(" + ");
    Some(Note::new(format!(
        "{paths}: part of its debug information cannot be read: {why}; symbols alone name what it describes"
    )))
}

/// What the source's word makes of a query.
pub(super) fn answer(query: &Query, named: Result<Option<Named>, SymbolError>) -> Resolution {
    match named {
        Ok(Some(named)) => Resolution::Named {
            image: query.image,
            offset_in_image: query.offset_in_image,
            looked_up: query.look_up,
            offset: query.shown.0.wrapping_sub(named.start.0),
            named: Box::new(named),
        },
        Ok(None) => only(query.image, query.offset_in_image, Why::NoSymbolThere),
        Err(_) => only(query.image, query.offset_in_image, Why::SourceFailed),
    }
}
