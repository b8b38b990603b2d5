//! One file per command: what can be typed, and what it does.

pub(crate) mod annotate;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod diagnose;
pub(crate) mod diff;
pub(crate) mod dump;
pub(crate) mod flamegraph;
pub(crate) mod formats;
pub(crate) mod images;
pub(crate) mod index;
pub(crate) mod leaks;
pub(crate) mod link;
pub(crate) mod lldb;
pub(crate) mod lookup;
pub(crate) mod manual;
pub(crate) mod place;
pub(crate) mod show;
pub(crate) mod symbolicate;
pub(crate) mod zones;
