//! What a debugger prints behind an address.
//!
//! lldb: ``image`function(argument=…) + 48 at file.c:12:3 [opt]``.
//! Its kernel macros: `function((type) argument = …)`, `bundle.identifier + 0x48`.

use kstack_model::Said;

use crate::formats::numbers::number;

/// What stands behind an address, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    /// Image, function and place in the source.
    pub(super) said: Said,
    /// Whether the function was inlined into that of the next frame.
    pub(super) inlined: bool,
    /// The function it was inlined into, where the line names it.
    pub(super) container: Option<String>,
    /// The offset is one from the start of the image: a kext without symbols.
    pub(super) from_image: Option<u64>,
}

impl Described {
    /// Takes the text behind an address apart. Every text is one; at worst it is a name.
    pub(super) fn read(text: &str) -> Described {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('<').and_then(|it| it.strip_suffix('>')) {
            return in_angles(inner);
        }
        let text = without_marks(text);
        let (text, place) = without_place(text);
        let (image, function) = match text.split_once('`') {
            // A name without an image can have a backtick in its arguments.
            Some((image, function)) if !image.contains('(') => (Some(image), function),
            _ => (None, text),
        };
        let mut described = match image {
            Some(_) => function_of(function),
            None => without_image(function),
        };
        if let Some(image) = image {
            described.said.image = Some(image.to_owned()).filter(|it| !it.is_empty());
        }
        if let Some((file, line)) = place {
            described.said.file = Some(file.to_owned());
            described.said.line = Some(line);
        }
        described
    }
}

/// `<com.vendor.kext + 0xad48>` and `<_function+184>` of gdb's macros.
fn in_angles(inner: &str) -> Described {
    let (name, offset) = match inner.rsplit_once('+') {
        Some((name, offset)) => (name.trim_end(), number(offset.trim_start())),
        None => (inner, None),
    };
    // A kext by " + 0x…", a function by "+" and a decimal.
    if inner.contains(" + ") {
        return of_image(name, offset);
    }
    Described {
        said: Said {
            symbol: named(name),
            offset,
            ..Said::default()
        },
        ..Described::default()
    }
}

fn of_image(name: &str, offset: Option<u64>) -> Described {
    Described {
        said: Said {
            image: named(name),
            ..Said::default()
        },
        from_image: offset,
        ..Described::default()
    }
}

/// A function, `bundle.identifier + 0x48`, or an image alone.
fn without_image(text: &str) -> Described {
    if let Some((name, offset)) = text.rsplit_once(" + ")
        && offset.starts_with("0x")
        && !name.contains(['(', ' ', ':'])
        && name.contains('.')
    {
        return of_image(name, number(offset));
    }
    if text.contains(['(', ' ', '+']) {
        return function_of(text);
    }
    Described {
        said: Said {
            image: named(text),
            ..Said::default()
        },
        ..Described::default()
    }
}

/// `outer [inlined] inner(argument=…) + 48`, or without any part of it.
fn function_of(text: &str) -> Described {
    let (container, text) = match text.split_once(" [inlined] ") {
        Some((container, inner)) => (Some(container), inner),
        None => (None, text),
    };
    // The macros put the mark between the name and its arguments.
    let (text, marked) = match text.split_once(" [inlined]") {
        Some((name, _)) => (name, true),
        None => (text, false),
    };
    let (name, offset) = match text.rsplit_once(" + ") {
        Some((name, offset)) => match number(offset.trim()) {
            Some(offset) => (name, Some(offset)),
            None => (text, None),
        },
        None => (text, None),
    };
    Described {
        said: Said {
            symbol: named(without_arguments(name)),
            offset,
            ..Said::default()
        },
        inlined: marked || container.is_some(),
        container: container.and_then(|it| named(without_arguments(it))),
        from_image: None,
    }
}

/// `[opt]` and kin behind everything else.
fn without_marks(mut text: &str) -> &str {
    for mark in ["[artificial]", "[opt]"] {
        if let Some(rest) = text.strip_suffix(mark) {
            text = rest.trim_end();
        }
    }
    text
}

/// Takes "at file.c:12:3" off.
fn without_place(text: &str) -> (&str, Option<(&str, u32)>) {
    let place = text.rfind(" at ").and_then(|start| {
        let (before, place) = text.split_at_checked(start)?;
        Some((before, file_and_line(place.strip_prefix(" at ")?)?))
    });
    match place {
        Some((before, place)) => (before, Some(place)),
        None => (text, None),
    }
}

/// "file.c:12:3", "/path/file.c:12".
pub(super) fn file_and_line(place: &str) -> Option<(&str, u32)> {
    let (file, last) = place.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    match file.rsplit_once(':') {
        Some((shorter, line)) => match line.parse() {
            Ok(line) => Some((shorter, line)),
            Err(_) => Some((file, last)),
        },
        None => Some((file, last)),
    }
}

/// Cuts values of arguments off and leaves their types: `a::b(int) const` stays, `a::b(n=1)` becomes `a::b`.
fn without_arguments(name: &str) -> &str {
    let cut = name.match_indices('(').find(|(at, _)| {
        let behind = name.get(at + 1..).unwrap_or("");
        behind.starts_with('(') || behind.starts_with("void)") || starts_with_argument(behind)
    });
    match cut {
        // Not the name's own first letters: "(anonymous namespace)::f".
        Some((at, _)) if at > 0 => name.get(..at).unwrap_or(name).trim_end(),
        _ => name.trim_end(),
    }
}

/// `name=`.
fn starts_with_argument(text: &str) -> bool {
    let name = text
        .split(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == '$'))
        .next()
        .unwrap_or("");
    !name.is_empty() && text.get(name.len()..).is_some_and(|it| it.starts_with('='))
}

fn named(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty() && name != "??" && name != "???").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> String {
        Described::read(text).said.symbol.unwrap()
    }

    #[test]
    fn arguments_go_and_types_stay() {
        assert_eq!(
            symbol("zfs`zio_wait(zio=0xffffff80, flags=3) + 44 at zio.c:1912"),
            "zio_wait"
        );
        assert_eq!(
            symbol("zfs`Pool::scrub(int, char const*) + 44"),
            "Pool::scrub(int, char const*)"
        );
        assert_eq!(symbol("zfs`Pool::scrub()"), "Pool::scrub()");
        assert_eq!(
            symbol("zfs`(anonymous namespace)::scrub(n=1)"),
            "(anonymous namespace)::scrub"
        );
        assert_eq!(
            symbol("zio_wait((zio_t *) zio = 0x1, (fn) f = 0x2 (zfs`done at zio.c:3))"),
            "zio_wait"
        );
    }

    #[test]
    fn every_part_of_an_lldb_line_is_read() {
        let it = Described::read(
            "zfs.development`zio_wait(zio=<unavailable>) at /src/zio.c:1912:7 [opt]",
        )
        .said;
        assert_eq!(it.image.as_deref(), Some("zfs.development"));
        assert_eq!(
            (it.file.as_deref(), it.line),
            (Some("/src/zio.c"), Some(1912))
        );
        let it = Described::read("zfs`___lldb_unnamed_symbol12$$pool,1.2 + 8").said;
        assert_eq!(
            it.symbol.as_deref(),
            Some("___lldb_unnamed_symbol12$$pool,1.2")
        );
        assert_eq!(it.offset, Some(8));
    }

    #[test]
    fn an_inlined_function_names_its_container() {
        let it =
            Described::read("zfs`spa_sync [inlined] list_head(list=0x1) + 3 at list.h:9 [opt]");
        assert!(it.inlined);
        assert_eq!(it.container.as_deref(), Some("spa_sync"));
        assert_eq!(it.said.symbol.as_deref(), Some("list_head"));
        let it = Described::read("list_head [inlined](void)");
        assert!(it.inlined && it.container.is_none());
    }

    #[test]
    fn a_kext_without_symbols_has_an_offset_from_its_start() {
        for text in [
            "<org.openzfsonosx.zfs + 0xad48>",
            "org.openzfsonosx.zfs + 0xad48",
        ] {
            let it = Described::read(text);
            assert_eq!(
                it.said.image.as_deref(),
                Some("org.openzfsonosx.zfs"),
                "{text}"
            );
            assert_eq!(it.from_image, Some(0xad48));
        }
        let it = Described::read("<_ZN4Pool5scrubEv+184>");
        assert_eq!(
            (it.said.symbol.as_deref(), it.said.offset),
            (Some("_ZN4Pool5scrubEv"), Some(184))
        );
    }

    #[test]
    fn a_word_alone_is_an_image() {
        assert_eq!(Described::read("XXXX").said.image.as_deref(), Some("XXXX"));
    }

    #[test]
    fn text_in_an_argument_is_no_place() {
        let it = Described::read(r#"kernel`panic(str="%s at 0x%llx") at debug.c:611 [opt]"#).said;
        assert_eq!((it.file.as_deref(), it.line), (Some("debug.c"), Some(611)));
        assert_eq!(it.symbol.as_deref(), Some("panic"));
    }
}
