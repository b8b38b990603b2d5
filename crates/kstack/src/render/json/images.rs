//! Images, and the files given for them, as JSON.

use kstack_model::{Origin, Placement};
use kstack_symbols::Detail;

use crate::missing;
use crate::render::{wire, words};
use crate::resolve::{
    Agreement, Evidence, Inference, MatchedBy, PlacedBy, SpaceId, Trace, TraceImage, UnusedFile,
    UsedSource,
};

pub(super) fn image<'a>(name: &'a str, image: &'a TraceImage) -> wire::Image<'a> {
    let stated = &image.image;
    let segments = stated
        .placements
        .iter()
        .filter_map(|placement| match placement {
            Placement::LoadedAt(_) => None,
            Placement::SegmentAt { segment, address } => Some(wire::StatedSegment {
                segment,
                address: (*address).into(),
            }),
        });
    let refused = image.refused.iter().map(|refusal| wire::Refused {
        path: &refusal.path,
        uuid: refusal.uuid.map(wire::UuidText),
        why: &refusal.why,
    });
    let (space, process) = match image.space {
        SpaceId::Kernel => ("kernel", None),
        SpaceId::Process(index) => ("user", Some(index)),
    };
    wire::Image {
        name,
        executable: stated.executable.as_deref(),
        kind: words::kind(stated.kind),
        space,
        process,
        uuid: stated.uuid.map(wire::UuidText),
        version: stated.version.as_deref(),
        load_address: stated.load_address().map(wire::Hex::from),
        stated_segments: segments.collect(),
        size: stated.size,
        path: stated.path.as_deref(),
        origin: match stated.origin {
            Origin::Report => "report",
            Origin::Listing => "listing",
        },
        frames: image.frames,
        used: image.used.as_ref().map(used),
        evidence: image.evidence.as_ref().map(evidence),
        refused: refused.collect(),
    }
}

fn used(used: &UsedSource) -> wire::Used<'_> {
    let mut paths = used.paths.iter().map(String::as_str);
    let segments = used
        .slides
        .segments
        .iter()
        .map(|segment| wire::PlacedSegment {
            name: &segment.name,
            start: segment.range.start.into(),
            end: segment.range.end.into(),
            slide: wire::Hex(segment.slide.0),
        });
    wire::Used {
        source: paths.next(),
        dsym: paths.next(),
        source_uuid: used.uuid.map(wire::UuidText),
        matched_by: match used.matched_by {
            MatchedBy::Uuid => "uuid",
            MatchedBy::BundleIdentifier => "bundle-identifier",
            MatchedBy::ExecutableName => "executable-name",
            MatchedBy::Given => "given",
            MatchedBy::Kernel => "kernel",
            MatchedBy::Collection => "collection",
            MatchedBy::Evidence => "evidence",
        },
        placed_by: match used.placed_by {
            PlacedBy::Given => "given",
            PlacedBy::Report => "report",
            PlacedBy::Listing => "listing",
            PlacedBy::Linked => "linked",
            PlacedBy::Slide => "slide",
            PlacedBy::Inferred => "inferred",
            PlacedBy::Offsets => "offsets",
        },
        detail: match used.detail {
            Detail::Nothing => "nothing",
            Detail::FunctionStarts => "function-starts",
            Detail::Exports => "exports",
            Detail::Symbols => "symbols",
            Detail::Lines => "lines",
        },
        other_build: used.mismatched,
        segments: segments.collect(),
        remarks: used.remarks.iter().map(String::as_str).collect(),
    }
}

pub(super) fn unused(file: &UnusedFile) -> wire::Unused<'_> {
    wire::Unused {
        path: &file.path,
        name: file.name.as_deref(),
        uuid: file.uuid.map(wire::UuidText),
        reason: file.reason.word(),
        why: &file.why,
    }
}

pub(super) fn missing<'a>(trace: &'a Trace, names: &'a [String]) -> wire::Missing<'a> {
    let missing = missing::Missing::of(trace);
    let image = |one: &missing::MissingImage| {
        let image = trace.image(one.image).map(|image| &image.image);
        wire::MissingImage {
            image: names.get(one.image).map_or("?", String::as_str),
            version: image.and_then(|image| image.version.as_deref()),
            uuid: image.and_then(|image| image.uuid).map(wire::UuidText),
            frames: one.frames,
            pass: one.pass.clone(),
        }
    };
    wire::Missing {
        images: missing.images.iter().map(image).collect(),
        unknown: missing.unknown.iter().map(unknown).collect(),
        user: (missing.user_images > 0).then_some(wire::MissingUser {
            images: missing.user_images,
            frames: missing.user_frames,
        }),
    }
}

pub(in super::super) fn unknown(one: &missing::UnknownFrames) -> wire::Unknown {
    wire::Unknown {
        region: one.region.word(),
        frames: one.frames,
        lowest: one.range.map(|(lowest, _)| lowest.into()),
        highest: one.range.map(|(_, highest)| highest.into()),
        pass: one.region.pass(),
    }
}

fn agreement(agreement: Agreement) -> wire::Agreement {
    wire::Agreement {
        agree: agreement.agree,
        of: agreement.of,
    }
}

pub(super) fn inference(inference: &Inference) -> wire::Inference<'_> {
    let candidates = inference.candidates.iter();
    wire::Inference {
        path: &inference.path,
        name: &inference.name,
        outcome: inference.outcome.word(),
        candidates: candidates
            .map(|candidate| wire::Candidate {
                segment: &candidate.segment,
                address: candidate.address.into(),
                slide: wire::Hex(candidate.slide.0),
                return_addresses: agreement(candidate.returns),
                direct_calls: agreement(candidate.calls),
                bits: candidate.bits.round(),
                bits_left: candidate.surplus.round(),
            })
            .collect(),
        more: inference.more,
    }
}

fn evidence(evidence: &Evidence) -> wire::Evidence {
    wire::Evidence {
        verdict: evidence.verdict.word(),
        return_addresses: agreement(evidence.returns),
        direct_calls: agreement(evidence.calls),
        interrupted: agreement(evidence.interrupted),
    }
}
