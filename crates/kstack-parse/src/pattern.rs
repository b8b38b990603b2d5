//! Line patterns, compiled once.

use std::sync::LazyLock;

use regex::Regex;

/// A pattern that is compiled when it is first used.
pub(crate) type Pattern = LazyLock<Regex>;

/// Compiles a pattern that stands in the source.
#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant: the first test that uses it would stop here"
)]
pub(crate) fn compile(pattern: &'static str) -> Regex {
    Regex::new(pattern).expect("the pattern is well formed")
}
