//! Paths that tell of their user.

/// Folders whose paths say nothing of the user.
const SYSTEM: [&str; 7] = [
    "/System/",
    "/usr/lib/",
    "/usr/libexec/",
    "/usr/sbin/",
    "/usr/bin/",
    "/sbin/",
    "/bin/",
];

/// Whether a path is the system's own.
pub(super) fn is_system(path: &str) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// Whose home a path is in.
pub(super) fn user(path: &str) -> Option<&str> {
    let homes = ["/Users/", "/home/"];
    // The file system does not tell upper from lower case, so people do not either.
    let rest = homes.iter().find_map(|home| {
        let start = path.get(..home.len())?;
        start
            .eq_ignore_ascii_case(home)
            .then(|| path.get(home.len()..))?
    })?;
    rest.split('/')
        .next()
        .filter(|user| !user.is_empty() && !user.eq_ignore_ascii_case("Shared"))
}

/// The users of whose homes a sentence speaks.
pub(super) fn users_in(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || "\"'`,;:()[]<>".contains(c);
    text.match_indices('/')
        .filter_map(|(at, _)| user(text.get(at..)?))
        .map(move |user| user.split(ends).next().unwrap_or(user))
        .filter(|user| !user.is_empty())
}

/// The last name of a path, of a bundle that of the bundle: whoever reads the trace knows the file by it.
pub(super) fn own_name(path: &str) -> &str {
    let inside = path.find(".kext").or_else(|| path.find(".dSYM"));
    let end = inside.unwrap_or(path.len());
    let head = path.get(..end).unwrap_or(path);
    let start = head.rfind(['/', '\\']).map_or(0, |at| at + 1);
    path.get(start..).unwrap_or(path)
}

/// Paths outside the system's folders without their folders.
pub(super) fn without_paths(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let piece = rest.split_inclusive(ends_path).next().unwrap_or(rest);
        let path = piece.trim_end_matches(|c| ends_path(c) || c == ':' || c == '.');
        let at = path.find('/').unwrap_or(path.len());
        let (before, path) = path.split_at_checked(at).unwrap_or((path, ""));
        shown.push_str(before);
        rest = rest.get(before.len()..).unwrap_or_default();
        // One slash is a unit, a date or "and/or"; a path has folders.
        if path.matches('/').count() > 1
            && !is_system(path)
            && (before.is_empty() || !before.ends_with(char::is_alphanumeric))
        {
            let path = rest.get(..with_blanks(rest, path.len())).unwrap_or(path);
            let name = path.rsplit('/').find(|name| !name.is_empty());
            shown.push('…');
            // Of a home itself, the last name is the user's.
            if let Some(name) = name.filter(|name| user(path) != Some(name)) {
                shown.push('/');
                shown.push_str(name);
            }
            rest = rest.get(path.len()..).unwrap_or_default();
        } else {
            shown.push_str(path);
            let end = piece.len() - before.len();
            shown.push_str(rest.get(path.len()..end).unwrap_or_default());
            rest = rest.get(end..).unwrap_or_default();
        }
    }
    shown
}

fn ends_path(c: char) -> bool {
    c.is_whitespace() || "\"'`,;()[]<>".contains(c)
}

/// Where the path ends that begins a text and has `end` bytes before a blank. Folders may have blanks in
/// their names: where a slash comes within a few words, without a stop, it is one of the same path.
fn with_blanks(text: &str, end: usize) -> usize {
    /// Words of a folder's name.
    const MOST: usize = 4;
    let mut at = end;
    let mut longest = end;
    for _ in 0..MOST {
        let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(' ')) else {
            break;
        };
        let stop = rest.find(|c| ends_path(c) || c == ':');
        let word = rest.get(..stop.unwrap_or(rest.len())).unwrap_or_default();
        if word.is_empty() || word.starts_with('/') {
            break;
        }
        at += 1 + word.len();
        if word.contains('/') {
            longest = at;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_only_look_like_paths_stay() {
        assert_eq!(
            without_paths("and/or, 1/2, /System/Library/x.kext"),
            "and/or, 1/2, /System/Library/x.kext"
        );
        assert_eq!(without_paths("(/Users/a/b.c:12)"), "(…/b.c:12)");
    }

    #[test]
    fn a_folder_with_blanks_in_its_name_goes_as_a_whole() {
        let text = "cannot read /Volumes/Alice Old Backup/kexts/zfs.kext: gone";
        assert_eq!(without_paths(text), "cannot read …/zfs.kext: gone");
        let text = "from /tmp/a/b.log, 1/2, to /tmp/c/d.log /System/Library/x.kext.";
        assert_eq!(
            without_paths(text),
            "from …/b.log, 1/2, to …/d.log /System/Library/x.kext."
        );
    }

    #[test]
    fn a_sentence_tells_whose_home_it_speaks_of() {
        let users: Vec<_> = users_in("/Users/alice: x, (/home/bob/a), /Users/Shared/b").collect();
        assert_eq!(users, ["alice", "bob"]);
    }

    #[test]
    fn a_home_itself_does_not_keep_its_user_as_a_file_name() {
        assert_eq!(
            without_paths("cannot open /Users/alice: gone"),
            "cannot open …: gone"
        );
        assert_eq!(without_paths("/users/alice/"), "…");
        assert_eq!(without_paths("/home/bob/a.log"), "…/a.log");
    }

    #[test]
    fn a_file_is_known_by_its_own_name_on_every_system() {
        assert_eq!(
            own_name("/Users/a/zfs.kext/Contents/MacOS/zfs"),
            "zfs.kext/Contents/MacOS/zfs"
        );
        assert_eq!(own_name(r"C:\Users\a\zfs.kext"), "zfs.kext");
        assert_eq!(own_name("zfs"), "zfs");
    }
}
