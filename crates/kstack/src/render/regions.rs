//! Where the regions of an image lie, in words: its header, and its segments where they are apart.

use std::fmt::{self, Display};

use kstack_model::{Address, LoadedImage, Placement};

use super::escape::Visible;
use crate::resolve::TraceImage;

/// What the artefact states: ` at 0x…`, or `, header at 0x…, __TEXT_EXEC at 0x…` where the header's
/// place is not the code's.
pub(crate) struct Stated<'a>(pub(crate) &'a LoadedImage);

impl Display for Stated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for placement in &self.0.placements {
            match placement {
                Placement::LoadedAt(address) if self.0.is_apart() => {
                    write!(f, ", header at {address}")?;
                }
                Placement::LoadedAt(address) => write!(f, " at {address}")?,
                Placement::SegmentAt { segment, address } => {
                    write!(f, ", {} at {address}", Visible(segment))?;
                }
            }
        }
        Ok(())
    }
}

/// Where the segments of an image lie that were laid out apart; nothing for one piece.
pub(crate) fn apart(image: &TraceImage) -> Option<Apart<'_>> {
    let segments = &image.used.as_ref()?.slides.segments;
    let slides = segments.iter().map(|segment| segment.slide);
    let is_moved_apart = segments.first().is_some_and(|first| {
        let mut slides = slides;
        slides.any(|slide| slide != first.slide)
    });
    let is_apart = is_moved_apart || image.image.is_apart();
    let segments = segments.iter();
    let segments: Vec<_> = segments
        .map(|segment| (segment.name.as_str(), segment.range.start))
        .collect();
    (is_apart && !segments.is_empty()).then_some(Apart(segments))
}

/// `__TEXT at 0x…, __TEXT_EXEC at 0x…`.
pub(crate) struct Apart<'a>(Vec<(&'a str, Address)>);

impl Display for Apart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (segment, start)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} at {start}", Visible(segment))?;
        }
        Ok(())
    }
}
