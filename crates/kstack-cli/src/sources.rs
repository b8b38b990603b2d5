//! `--source` and `--remap-path`: build paths found again in a tree of sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use kstack::{Trace, source};

use crate::output::complain;

/// No source is larger; what lies behind is not shown.
const LARGEST: u64 = 16 << 20;
/// Bytes of one line that are shown.
const LONGEST_LINE: usize = 400;
/// Files named in a complaint.
const NAMED: usize = 3;

/// Where the sources are, and what their paths become.
#[derive(Args, Debug)]
pub(crate) struct SourceArgs {
    /// A tree of the sources that were built: shows the lines around each frame; repeatable
    ///
    /// A file is found by the longest end of its build path that exists in DIR. That it is the version that was
    /// built is not checked.
    #[arg(long, value_name = "DIR")]
    source: Vec<PathBuf>,

    /// How many lines of source to show before and behind each line
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=1000))]
    source_lines: u32,

    /// Replace the folder FROM at the start of build paths by TO; nothing behind the = removes it; repeatable
    #[arg(long, value_name = "FROM=TO")]
    remap_path: Vec<Remap>,
}

/// `FROM=TO`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remap(String, String);

impl FromStr for Remap {
    type Err = String;
    fn from_str(text: &str) -> Result<Remap, String> {
        match text.split_once('=') {
            Some((from, to)) if !from.is_empty() => Ok(Remap(from.to_owned(), to.to_owned())),
            _ => Err("write FROM=TO, or FROM= to remove FROM".to_owned()),
        }
    }
}

/// Remaps the paths of a trace, and puts the source beside its frames.
pub(crate) fn add(args: &SourceArgs, trace: &mut Trace) {
    let prefixes = args.remap_path.iter();
    let prefixes: Vec<_> = prefixes
        .map(|Remap(from, to)| (from.clone(), to.clone()))
        .collect();
    if !args.source.is_empty() {
        let files = read_all(args, &source::wanted(trace), &prefixes);
        source::show(trace, &files, args.source_lines);
    }
    source::remap(trace, &prefixes);
}

type Lines = BTreeMap<u32, String>;

/// The wanted files that are in the trees, under the paths by which they are wanted.
fn read_all(
    args: &SourceArgs,
    wanted: &BTreeMap<String, BTreeSet<u32>>,
    prefixes: &[(String, String)],
) -> BTreeMap<String, Lines> {
    let mut files = BTreeMap::new();
    let mut missing = Vec::new();
    for folder in args.source.iter().filter(|folder| !folder.is_dir()) {
        complain(&format!(
            "{}: not a folder; --source takes the root of a source tree",
            folder.display()
        ));
    }
    for (path, lines) in wanted {
        let moved = source::remapped(path, prefixes);
        let found = [moved.as_str(), path].into_iter().find_map(|path| {
            let mut folders = args.source.iter();
            folders.find_map(|folder| find(folder, path))
        });
        let Some(found) = found else {
            missing.push(path.as_str());
            continue;
        };
        match read(&found, lines, args.source_lines) {
            Ok(read) => {
                let behind = lines.iter().find(|line| !read.contains_key(line));
                if let Some(line) = behind {
                    complain(&format!(
                        "{}: has no line {line}, so it is not the version of {path} that was built; check out the right one",
                        found.display()
                    ));
                    // The other lines would be those of another version, too.
                    continue;
                }
                files.insert(path.clone(), read);
            }
            Err(why) => complain(&format!("{}: {why}", found.display())),
        }
    }
    complain_about(&missing, wanted.len());
    files
}

fn complain_about(missing: &[&str], all: usize) {
    if missing.is_empty() {
        return;
    }
    let named = missing.get(..NAMED).unwrap_or(missing).join(", ");
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    complain(&format!(
        "{} of {all} source files are not under --source: {named}{more}",
        missing.len()
    ));
}

/// The file in `folder` that the longest end of `path` names.
///
/// A bare name would find one of many, so it must stand in a folder of the same name as in the path.
fn find(folder: &Path, path: &str) -> Option<PathBuf> {
    let parts = parts(path)?;
    let (name, above) = parts.split_last()?;
    let longer = (0..above.len()).filter_map(|start| parts.get(start..));
    let mut ends = longer.map(|end| folder.join(end.iter().collect::<PathBuf>()));
    if let Some(found) = ends.find(|file| file.is_file()) {
        return Some(found);
    }
    let file = folder.join(name);
    let is_same_folder = match above.last() {
        Some(above) => folder.canonicalize().ok()?.file_name()? == *above,
        None => true,
    };
    (is_same_folder && file.is_file()).then_some(file)
}

/// The parts of a path, `..` taken back; `None` where it leads out of its root. A path from a symbol
/// file names nothing outside the tree.
fn parts(path: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts)
}

/// The lines around those wanted. They need not be UTF-8.
fn read(file: &Path, wanted: &BTreeSet<u32>, around: u32) -> std::io::Result<Lines> {
    let mut kept = BTreeSet::new();
    for line in wanted {
        kept.extend(source::lines_around(*line, around));
    }
    let mut lines = Lines::new();
    let file = BufReader::new(File::open(file)?.take(LARGEST));
    for (line, number) in file.split(b'\n').zip(1_u32..) {
        let mut line = line?;
        if kept.contains(&number) {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            line.truncate(LONGEST_LINE);
            lines.insert(number, String::from_utf8_lossy(&line).into_owned());
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_build_path_cannot_lead_out_of_the_tree() {
        assert_eq!(parts("/b/zfs/../spl/a.c"), Some(vec!["b", "spl", "a.c"]));
        assert_eq!(parts("../../etc/passwd"), None);
    }

    #[test]
    fn a_bare_name_is_found_only_in_the_folder_it_was_built_in() {
        let root = std::env::temp_dir().join(format!("kstack-source-{}", std::process::id()));
        fs::create_dir_all(root.join("module/zfs")).unwrap();
        fs::write(root.join("list.c"), "another\n").unwrap();
        fs::write(root.join("module/zfs/list.c"), "the one\n").unwrap();
        let built = "/Users/b/zfs/module/zfs/list.c";
        assert_eq!(find(&root, built), Some(root.join("module/zfs/list.c")));
        assert_eq!(
            find(&root.join("module/zfs"), built),
            Some(root.join("module/zfs/list.c"))
        );
        assert_eq!(find(&root, "/Users/b/other/list.c"), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
