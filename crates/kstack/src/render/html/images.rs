//! The images with what proves them, what is missing, and the files that were not used.

use kstack_model::Placement;
use maud::{Markup, html};

use super::View;
use crate::render::escape::Visible;
use crate::render::words::{self, Count, ShownUuid};
use crate::resolve::{PlacedBy, Refusal, SpaceId, TraceImage, UsedSource, Verdict};

pub(super) fn section(view: &View<'_>) -> Markup {
    let trace = view.document.options.trace_index.index;
    let as_read = view.document.options.as_read;
    html! {
        section id={ "t" (trace) "-images" } {
            h2 { "Images" }
            (table(view))
            @if !as_read { (missing(view)) (not_used(view)) }
        }
    }
}

/// Those that a file speaks for or that have frames; all of them when the report is shown as read.
fn table(view: &View<'_>) -> Markup {
    let document = view.document;
    let as_read = document.options.as_read;
    let is_listed = |image: &TraceImage| {
        let seen = image.frames > 0 && image.space == SpaceId::Kernel;
        as_read || image.used.is_some() || seen
    };
    let images: Vec<(&str, &TraceImage)> = document
        .images()
        .filter(|(_, image)| is_listed(image))
        .collect();
    html! {
        @if images.is_empty() {
            p.aside { "No image has kernel frames." }
        } @else {
            div.scroll { table {
                thead { tr {
                    th scope="col" { "image" } th scope="col" { "UUID" } th scope="col" { "load address" }
                    th.number scope="col" { "frames" } th scope="col" { "symbol file" }
                    th scope="col" { "evidence of the code" }
                } }
                tbody { @for (name, image) in &images { (row(view, name, image)) } }
            } }
        }
    }
}

fn row(view: &View<'_>, name: &str, image: &TraceImage) -> Markup {
    let hue = view.hues.of_image(
        Some(name),
        match image.space {
            SpaceId::Kernel => kstack_model::Side::Kernel,
            SpaceId::Process(_) => kstack_model::Side::User,
        },
    );
    let of_file = image.used.as_ref().and_then(|used| used.uuid);
    html! {
        tr class=(hue) {
            th scope="row" {
                i { (Visible(name)) }
                @if let Some(version) = &image.image.version { " " span.v { (Visible(version)) } }
                span.aside { " " (words::kind(image.image.kind)) }
            }
            td {
                @match (image.image.uuid, of_file) {
                    (Some(uuid), _) => code { (ShownUuid(uuid)) },
                    (None, Some(uuid)) => { code { (ShownUuid(uuid)) } " (the file's)" },
                    (None, None) => {},
                }
            }
            td { (places(image)) }
            td.number { (image.frames) }
            td { @match &image.used {
                Some(used) => (file(view, used)),
                None if view.document.options.as_read => {},
                None => em { "missing" },
            } }
            td { (evidence(image)) }
        }
    }
}

fn places(image: &TraceImage) -> Markup {
    let inferred = image.used.as_ref();
    let inferred = inferred.filter(|used| used.placed_by == PlacedBy::Inferred);
    let inferred = inferred.and_then(|used| used.slides.segments.first());
    html! {
        @for placement in &image.image.placements {
            div { @match placement {
                Placement::LoadedAt(address) if image.image.is_apart() => { "header " code { (address) } },
                Placement::LoadedAt(address) => code { (address) },
                Placement::SegmentAt { segment, address } => { (Visible(segment)) " " code { (address) } },
            } }
        }
        @if let Some(segment) = inferred {
            div { (Visible(&segment.name)) " " code { (segment.range.start) } " " em { "inferred" } }
        }
    }
}

fn file(view: &View<'_>, used: &UsedSource) -> Markup {
    let basis = view.document.trace.report.kernel.basis;
    html! {
        @for path in &used.paths { div.path { (Visible(path)) } }
        div {
            (words::matched(used.matched_by)) ", " (words::placed(used.placed_by, basis)) "; "
            (words::detail(used.detail))
        }
        @if used.mismatched { em { "of another build: every name from it may be wrong" } }
        @for remark in &used.remarks { div.v { (Visible(remark)) } }
    }
}

fn evidence(image: &TraceImage) -> Markup {
    html! {
        @match &image.evidence {
            Some(evidence) if evidence.verdict == Verdict::Contradicted => em { (evidence) },
            // Without frames there is nothing to check.
            Some(evidence) if image.frames > 0 => (evidence),
            _ => {},
        }
    }
}

fn missing(view: &View<'_>) -> Markup {
    let document = view.document;
    let missing = &document.missing;
    html! {
        @if !missing.is_empty() {
            h3 { "Missing" }
            ul {
                @for one in &missing.images {
                    @let image = document.trace.image(one.image);
                    li {
                        b { (Visible(document.image_name(one.image))) }
                        @if let Some(version) = image.and_then(|image| image.image.version.as_ref()) {
                            " " span.v { (Visible(version)) }
                        }
                        @if let Some(uuid) = image.and_then(|image| image.image.uuid) {
                            ", UUID " code { (ShownUuid(uuid)) }
                        }
                        ": " (Count(one.frames, "frame")) "; pass " code { (Visible(&one.pass)) }
                    }
                }
                @for unknown in &missing.unknown {
                    li {
                        (Count(unknown.frames, "frame")) " " (unknown.region.in_words())
                        @match unknown.range {
                            Some((lowest, highest)) if lowest == highest => { " (" code { (lowest) } ")" },
                            Some((lowest, highest)) => { " (" code { (lowest) } " to " code { (highest) } ")" },
                            None => {},
                        }
                        @if let Some(pass) = unknown.region.pass() { "; pass " code { (pass) } }
                    }
                }
                @if missing.user_images > 0 {
                    li {
                        (Count(missing.user_images, "user image")) " with "
                        (Count(missing.user_frames, "frame")) " have no symbol file"
                    }
                }
            }
        }
    }
}

/// Files that were given and speak for no image.
fn not_used(view: &View<'_>) -> Markup {
    let unused = &view.document.trace.unused;
    let refused = view.document.images();
    let refused: Vec<(&str, &Refusal)> = refused
        .flat_map(|(name, image)| image.refused.iter().map(move |refusal| (name, refusal)))
        .collect();
    html! {
        @if !unused.is_empty() || !refused.is_empty() {
            h3 { "Files not used" }
            ul {
                @for (name, Refusal { path, uuid, why }) in refused {
                    li {
                        span.path { (Visible(path)) } " for " b { (Visible(name)) }
                        @if let Some(uuid) = uuid { ", UUID " code { (ShownUuid(*uuid)) } }
                        ": " bdi { (Visible(why)) }
                    }
                }
                @for file in unused {
                    li {
                        span.path { (Visible(&file.path)) }
                        @if let Some(name) = &file.name { ", " b { (Visible(name)) } }
                        @if let Some(uuid) = file.uuid { ", UUID " code { (ShownUuid(uuid)) } }
                        ": " bdi { (Visible(&file.why)) }
                    }
                }
            }
        }
    }
}
