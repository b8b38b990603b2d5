//! Files the user named: each speaks for an image, or says why not.

use kstack_model::{Arch, Basis, ImageKind, LoadedImage, Note, Placement};
use kstack_symbols::{FileKind, Role, StatedPlace, SymbolFile, SymbolSource};

use super::clues::{Clues, differs, fits_by_name, shown};
use super::infer::Unplaced;
use super::matching::{Matched, Rival, SourceId, listed};
use super::slice::{self, Choice};
use super::{
    MatchedBy, Refusal, SpaceId, TraceImage, UnusedFile, UnusedReason, UsedSource, variants,
};

/// Uses every named file, in the order named.
pub(super) fn use_named(clues: &Clues, matched: &mut Matched<'_>) {
    let left_out = variants::left_out(clues, matched);
    for (file, symbol_file) in matched.files().iter().enumerate() {
        if symbol_file.role == Role::Found || left_out.contains(&file) {
            continue;
        }
        let is_listed = |uuid| !clues.with_uuid(Some(uuid)).is_empty();
        match slice::choose(symbol_file, clues.options.arch, clues.arch, is_listed) {
            Choice::One(slice) => {
                if let Some(source) = symbol_file.slices.get(slice) {
                    use_one(
                        SourceId { file, slice },
                        symbol_file,
                        source,
                        clues,
                        matched,
                    );
                }
            }
            Choice::Ambiguous(archs) => {
                let why = format!(
                    "has slices {}, and nothing in the report decides between them; pass --arch",
                    list(&archs)
                );
                let why = (UnusedReason::NoSlice, why);
                matched.unused.push(unused(symbol_file, None, why));
            }
            Choice::Missing { wanted, has } => {
                let why = format!("has no {wanted} slice, only {}", list(&has));
                let why = (UnusedReason::NoSlice, why);
                matched.unused.push(unused(symbol_file, None, why));
            }
        }
    }
}

fn use_one(
    id: SourceId,
    file: &SymbolFile,
    source: &SymbolSource,
    clues: &Clues,
    matched: &mut Matched<'_>,
) {
    let fits = fitting(file, source, clues, matched);
    if fits.is_empty() {
        return place_alone(id, file, source, clues, matched);
    }
    let mut reasons = Vec::new();
    let mut is_used = false;
    for (index, matched_by) in fits {
        match speak_for(index, matched_by, file, source, clues, matched) {
            Ok(used) => {
                is_used = true;
                matched.assign(index, id, used);
            }
            Err(why) => reasons.push((index, matched_by, why)),
        }
    }
    if !is_used && let Some((index, matched_by, why)) = reasons.into_iter().next() {
        if why.0 == UnusedReason::NotPlaced {
            let image = Some((index, matched_by));
            matched.unplaced.push(unplaced(id, file, image));
        }
        if why.0 == UnusedReason::Superseded {
            let rival = rival(index, matched_by, id, file, source, clues, matched);
            matched.rivals.extend(rival);
        }
        matched.unused.push(unused(file, Some(source), why));
    }
}

/// The images the file fits: all with its UUID, else the one at the stated address, else the one of its name.
fn fitting(
    file: &SymbolFile,
    source: &SymbolSource,
    clues: &Clues,
    matched: &Matched<'_>,
) -> Vec<(usize, MatchedBy)> {
    let identity = source.identity();
    let same_uuid = clues.with_uuid(identity.uuid);
    if !same_uuid.is_empty() {
        return same_uuid
            .iter()
            .map(|index| (*index, MatchedBy::Uuid))
            .collect();
    }
    if let Some(StatedPlace {
        segment: None,
        address,
    }) = &file.placed
    {
        let there = matched.listed().find(|(_, image)| {
            image.space == SpaceId::Kernel && image.image.load_address() == Some(*address)
        });
        if let Some((index, image)) = there {
            let by_name = fits_by_name(image, identity);
            return vec![(index, by_name.unwrap_or(MatchedBy::Given))];
        }
    }
    if file.role == Role::Kernel {
        let kernel = matched
            .listed()
            .find(|(_, image)| image.image.kind == ImageKind::Kernel);
        return kernel
            .map(|(index, _)| (index, MatchedBy::Kernel))
            .into_iter()
            .collect();
    }
    let mut named: Vec<_> = matched
        .listed()
        .filter_map(|(index, image)| Some((index, fits_by_name(image, identity)?)))
        .collect();
    // The bundle identifier is the better witness; one image is all a name can speak for.
    named.sort_by_key(|(index, by)| (*by, *index));
    named.truncate(1);
    named
}

/// How the file would speak for an image it fits, or why it must not.
fn speak_for(
    index: usize,
    matched_by: MatchedBy,
    file: &SymbolFile,
    source: &SymbolSource,
    clues: &Clues,
    matched: &mut Matched<'_>,
) -> Result<UsedSource, (UnusedReason, String)> {
    let Some(image) = matched.images.get(index) else {
        return Err(missing_address(&file.path, source, clues));
    };
    let identity = source.identity();
    let name = image.name();
    if let Some(used) = &image.used {
        let why = format!("{} already speaks for {name}", used.paths.join(" + "));
        return Err((UnusedReason::Superseded, why));
    }
    if differs(image.image.uuid, identity.uuid) && !clues.options.allow_mismatch {
        let why = format!(
            "is another build of {name}: its UUID is {}, the report's is {}; pass the file of that build, or --allow-mismatch to use it all the same",
            shown(identity.uuid),
            shown(image.image.uuid)
        );
        let refusal = Refusal {
            path: file.path.clone(),
            uuid: identity.uuid,
            why: why.clone(),
        };
        matched.refuse(index, refusal);
        return Err((UnusedReason::OtherBuild, why));
    }
    let is_other = matched_by == MatchedBy::Given
        && image.image.name.is_some()
        && identity.bundle_identifier.is_some();
    if is_other && !clues.options.allow_mismatch {
        let why = format!(
            "is {}, but the report has {name} at that address",
            identity.name
        );
        return Err((UnusedReason::OtherBuild, why));
    }
    let used = clues.used(
        source,
        file.placed.as_ref(),
        Some((index, image)),
        matched_by,
    );
    let note = contradiction(file, image);
    matched.notes.extend(note);
    used.ok_or_else(|| missing_address(&file.path, source, clues))
}

/// The user's address wins over the report's, and that is said.
fn contradiction(file: &SymbolFile, image: &TraceImage) -> Option<Note> {
    let Some(StatedPlace {
        segment: None,
        address,
    }) = &file.placed
    else {
        return None;
    };
    let stated = image
        .image
        .load_address()
        .filter(|stated| stated != address)?;
    Some(Note::new(format!(
        "{} is placed at {address} as given by hand; the report has it at {stated}",
        image.name()
    )))
}

/// A file that fits no listed image lies where the user says, or where it is linked.
fn place_alone(
    id: SourceId,
    file: &SymbolFile,
    source: &SymbolSource,
    clues: &Clues,
    matched: &mut Matched<'_>,
) {
    let matched_by = match file.role {
        Role::Kernel => MatchedBy::Kernel,
        Role::Kext | Role::Dsym | Role::Found => MatchedBy::Given,
    };
    let Some(used) = clues.used(source, file.placed.as_ref(), None, matched_by) else {
        let why = missing_address(&file.path, source, clues);
        matched.unused.push(unused(file, Some(source), why));
        matched.unplaced.push(unplaced(id, file, None));
        return;
    };
    if let Some(first) = same_again(&used, matched) {
        let why = format!("{first} is the same file at the same place");
        let why = (UnusedReason::Superseded, why);
        matched.unused.push(unused(file, Some(source), why));
        return;
    }
    let kind = match (file.role, source.kind()) {
        (Role::Kernel, _) | (_, FileKind::Kernel) => ImageKind::Kernel,
        _ => ImageKind::Kext,
    };
    let mut image = LoadedImage::new(kind);
    image.placements = stated_placements(file.placed.as_ref());
    if let Some(header) = used
        .slides
        .segments
        .first()
        .filter(|_| file.placed.is_none())
    {
        image.placements = vec![Placement::LoadedAt(header.range.start)];
    }
    let mut image = listed(SpaceId::Kernel, &image);
    image.used = Some(used);
    matched.add(image, id);
}

/// The files of an image the user placed before, when it is this one.
fn same_again(used: &UsedSource, matched: &Matched<'_>) -> Option<String> {
    let mut before = matched.added().filter_map(|image| image.used.as_ref());
    let same = before.find(|before| {
        before.uuid.is_some() && before.uuid == used.uuid && before.slides == used.slides
    })?;
    Some(same.paths.join(" + "))
}

/// How a file that came too late would speak for the image.
fn rival(
    image: usize,
    matched_by: MatchedBy,
    source: SourceId,
    file: &SymbolFile,
    from: &SymbolSource,
    clues: &Clues,
    matched: &Matched<'_>,
) -> Option<Rival> {
    let listed = matched.images.get(image)?;
    let used = clues.used(
        from,
        file.placed.as_ref(),
        Some((image, listed)),
        matched_by,
    )?;
    (!used.mismatched).then_some(Rival {
        image,
        source,
        used,
    })
}

fn unplaced(source: SourceId, file: &SymbolFile, image: Option<(usize, MatchedBy)>) -> Unplaced {
    Unplaced {
        source,
        path: file.path.clone(),
        role: file.role,
        image,
    }
}

fn stated_placements(stated: Option<&StatedPlace>) -> Vec<Placement> {
    stated
        .map(|StatedPlace { segment, address }| match segment {
            None => Placement::LoadedAt(*address),
            Some(segment) => Placement::SegmentAt {
                segment: segment.clone(),
                address: *address,
            },
        })
        .into_iter()
        .collect()
}

fn missing_address(path: &str, source: &SymbolSource, clues: &Clues) -> (UnusedReason, String) {
    let basis = match clues.basis {
        Basis::Slid => "the slid one, as the report's are",
        Basis::Unslid => "the unslid one, as the report's are",
        Basis::Unknown => "as the report's are",
    };
    let why = format!(
        "the load address of {} is not known: pass --kextstat FILE with a listing of the same boot, or {path}@ADDRESS ({basis})",
        source.identity().name
    );
    (UnusedReason::NotPlaced, why)
}

fn unused(
    file: &SymbolFile,
    source: Option<&SymbolSource>,
    (reason, why): (UnusedReason, String),
) -> UnusedFile {
    UnusedFile {
        path: file.path.clone(),
        name: source.map(|source| source.identity().name.clone()),
        uuid: source.and_then(|source| source.identity().uuid),
        reason,
        why,
    }
}

fn list(archs: &[Arch]) -> String {
    let names: Vec<String> = archs.iter().map(Arch::to_string).collect();
    names.join(", ")
}
