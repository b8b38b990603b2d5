//! The source around the lines of a trace, and the paths it is named by.
//!
//! The library opens no file: it says which lines are [`wanted`], and [`show`] takes them from
//! whoever can read them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use kstack_symbols::{Excerpt, SourceFrame};

use crate::resolve::{Resolution, Trace};

/// Files as the compiler was given them, with the lines that frames lie at.
///
/// ```
/// let trace = kstack::resolve(Default::default(), &Default::default(), &Default::default());
/// assert!(kstack::source::wanted(&trace).is_empty());
/// ```
#[must_use]
pub fn wanted(trace: &Trace) -> BTreeMap<String, BTreeSet<u32>> {
    let mut wanted: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    #[expect(clippy::iter_over_hash_type, reason = "the answer is ordered")]
    for resolution in trace.resolutions.values() {
        let Resolution::Named { named, .. } = resolution else {
            continue;
        };
        for frame in &named.frames {
            if let (Some(file), Some(line)) = (&frame.file, line(frame)) {
                wanted.entry(file.to_string()).or_default().insert(line);
            }
        }
    }
    wanted
}

/// Puts the source around its line beside each frame whose file is among `files`, which hold
/// lines by their numbers.
pub fn show(trace: &mut Trace, files: &BTreeMap<String, BTreeMap<u32, String>>, around: u32) {
    each_frame(trace, |frame| {
        let (Some(file), Some(line)) = (&frame.file, line(frame)) else {
            return;
        };
        frame.excerpt = files
            .get(&**file)
            .and_then(|lines| excerpt(lines, line, around));
    });
}

/// The lines to show for one: `around` before it and as many behind it.
#[must_use]
pub fn lines_around(line: u32, around: u32) -> RangeInclusive<u32> {
    line.saturating_sub(around).max(1)..=line.saturating_add(around)
}

/// Replaces the start of build paths: each `(from, to)` where a path lies in the folder `from`, the
/// first that fits. An empty `to` takes the folder away.
pub fn remap(trace: &mut Trace, prefixes: &[(String, String)]) {
    if prefixes.is_empty() {
        return;
    }
    each_frame(trace, |frame| {
        if let Some(file) = &mut frame.file {
            *file = remapped(file, prefixes).into();
        }
    });
}

/// One path under other prefixes; see [`remap`].
#[must_use]
pub fn remapped(path: &str, prefixes: &[(String, String)]) -> String {
    let mut fitting = prefixes.iter().filter_map(|(from, to)| {
        let rest = path.strip_prefix(from.trim_end_matches('/'))?;
        // "/src/zfs" is no prefix of "/src/zfs-2.1/a.c".
        let rest = rest.strip_prefix('/')?;
        Some(match to.trim_end_matches('/') {
            "" if to.is_empty() => rest.to_owned(),
            to => format!("{to}/{rest}"),
        })
    });
    fitting.next().unwrap_or_else(|| path.to_owned())
}

fn each_frame(trace: &mut Trace, mut change: impl FnMut(&mut SourceFrame)) {
    #[expect(clippy::iter_over_hash_type, reason = "each is changed for itself")]
    for resolution in trace.resolutions.values_mut() {
        if let Resolution::Named { named, .. } = resolution {
            named.frames.iter_mut().for_each(&mut change);
        }
    }
}

/// Line 0 is no line.
fn line(frame: &SourceFrame) -> Option<u32> {
    frame.line.filter(|line| *line != 0)
}

/// The line with those around it as far as they are there without a gap; nothing without the line itself.
fn excerpt(lines: &BTreeMap<u32, String>, line: u32, around: u32) -> Option<Excerpt> {
    lines.get(&line)?;
    let range = lines_around(line, around);
    let before = (*range.start()..line).rev();
    let first = before
        .take_while(|number| lines.contains_key(number))
        .last();
    let first = first.unwrap_or(line);
    let shown = (first..=*range.end()).map_while(|number| lines.get(&number).cloned());
    Some(Excerpt {
        first,
        lines: shown.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |text: &str| text.to_owned();
        let pairs = pairs.iter();
        pairs.map(|(from, to)| (owned(from), owned(to))).collect()
    }

    #[test]
    fn a_prefix_is_a_folder_and_not_the_start_of_a_name() {
        let prefixes = prefixes(&[("/b/zfs/", ""), ("/b", "/src")]);
        assert_eq!(remapped("/b/zfs/module/spa.c", &prefixes), "module/spa.c");
        assert_eq!(
            remapped("/b/zfs-2.1/spa.c", &prefixes),
            "/src/zfs-2.1/spa.c"
        );
        assert_eq!(remapped("/build/spa.c", &prefixes), "/build/spa.c");
    }

    #[test]
    fn a_path_can_move_to_the_root() {
        assert_eq!(remapped("/b/a.c", &prefixes(&[("/b", "/")])), "/a.c");
    }

    #[test]
    fn an_excerpt_ends_where_the_file_does() {
        let lines: BTreeMap<u32, String> =
            (1..=3).map(|number| (number, number.to_string())).collect();
        let shown = excerpt(&lines, 1, 5).unwrap();
        assert_eq!((shown.first, shown.lines.len()), (1, 3));
        let last = excerpt(&lines, 3, 1).unwrap();
        assert_eq!(
            (last.first, last.lines),
            (2, vec!["2".to_owned(), "3".to_owned()])
        );
    }

    #[test]
    fn a_line_past_the_end_of_the_file_shows_nothing() {
        let lines = BTreeMap::from([(1, "only".to_owned())]);
        assert_eq!(excerpt(&lines, 2, 5), None);
    }
}
