//! Report and symbol files in, [`Trace`] out.

mod trace;

pub use trace::{
    MatchedBy, PlacedBy, PlacedSegment, Refusal, Resolution, SlideMap, SpaceId, Trace, TraceImage,
    UnusedFile, UsedSource, Why,
};
