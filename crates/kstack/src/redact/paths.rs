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
    let ends_path = |c: char| c.is_whitespace() || "\"'`,;()[]<>".contains(c);
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends_path) {
        let path = piece.trim_end_matches(|c| ends_path(c) || c == ':' || c == '.');
        let end = piece.get(path.len()..).unwrap_or_default();
        let at = path.find('/').unwrap_or(path.len());
        let (before, path) = path.split_at_checked(at).unwrap_or((path, ""));
        shown.push_str(before);
        // One slash is a unit, a date or "and/or"; a path has folders.
        if path.matches('/').count() > 1
            && !is_system(path)
            && (before.is_empty() || !before.ends_with(char::is_alphanumeric))
        {
            let name = path.rsplit('/').find(|name| !name.is_empty());
            shown.push('…');
            // Of a home itself, the last name is the user's.
            if let Some(name) = name.filter(|name| user(path) != Some(name)) {
                shown.push('/');
                shown.push_str(name);
            }
        } else {
            shown.push_str(path);
        }
        shown.push_str(end);
    }
    shown
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
