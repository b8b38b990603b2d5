//! What the compiler made of a function, as its name tells: parts, copies, blocks, thunks.

use std::fmt;

/// Code whose name is not that of a function in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Made {
    /// `f.cold.1`: seldom used code of `f`, moved away from it. `f` jumps or calls there.
    Cold,
    /// `OUTLINED_FUNCTION_3`: instructions that several functions have in common.
    Outlined,
    /// `f.constprop.0`, `f.isra.0`, `f.llvm.123`: a copy of `f`, changed for some of its callers.
    Copy,
    /// `f.part.0`: a part of `f` for which it is called.
    Part,
    /// `__f_block_invoke`: a block that `f` made. It runs when someone calls it, perhaps long after `f`.
    Block,
    /// `_ZThn16_…`: sets `this` right and jumps on to the method.
    Thunk,
}

impl Made {
    /// Reads it from a name as the symbol file has it.
    ///
    /// ```
    /// use kstack_symbols::Made;
    ///
    /// assert_eq!(Made::of("vdev_open.cold.1"), Some(Made::Cold));
    /// assert_eq!(Made::of("vdev_open"), None);
    /// ```
    #[must_use]
    pub fn of(raw: &str) -> Option<Made> {
        if numbered(raw, "OUTLINED_FUNCTION_") {
            return Some(Made::Outlined);
        }
        if is_thunk(raw) {
            return Some(Made::Thunk);
        }
        // A clone can be cloned again, `f.isra.0.cold.1`: the last suffix says what this is.
        let suffixes = raw.split_once('.').filter(|(name, _)| !name.is_empty());
        let last = suffixes.and_then(|(_, suffixes)| {
            let mut words = suffixes.rsplit('.');
            words.find(|word| !word.bytes().all(|byte| byte.is_ascii_digit()))
        });
        match last {
            Some("cold") => Some(Made::Cold),
            Some("part") => Some(Made::Part),
            Some("constprop" | "isra" | "llvm" | "clone" | "specialized") => Some(Made::Copy),
            _ => is_block(raw).then_some(Made::Block),
        }
    }

    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Made::Cold => "cold",
            Made::Outlined => "outlined",
            Made::Copy => "copy",
            Made::Part => "part",
            Made::Block => "block",
            Made::Thunk => "thunk",
        }
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Made::Cold => "seldom used code of the function, moved away by the compiler",
            Made::Outlined => "code that several functions share, made by the compiler",
            Made::Copy => "a copy of the function, changed for some callers",
            Made::Part => "a part of the function, split off by the compiler",
            Made::Block => "a block: the function made it, another may have called it",
            Made::Thunk => "a thunk: sets `this` right and goes on to the method",
        })
    }
}

fn is_block(raw: &str) -> bool {
    // `__f_block_invoke`, `__f_block_invoke_2`, `__f_block_invoke.17`.
    let Some((function, rest)) = raw.rsplit_once("_block_invoke") else {
        return false;
    };
    let number = rest.trim_start_matches(['_', '.']);
    function.starts_with("__") && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// `_ZTh` (`this`), `_ZTv` (virtual base) and a number, or `_ZTc` (result too) and one of those.
fn is_thunk(raw: &str) -> bool {
    let Some(rest) = raw.strip_prefix("_ZT") else {
        return false;
    };
    let number = rest.strip_prefix('h').or_else(|| rest.strip_prefix('v'));
    match number {
        Some(number) => number
            .trim_start_matches('n')
            .starts_with(|c: char| c.is_ascii_digit()),
        None => rest.starts_with("ch") || rest.starts_with("cv"),
    }
}

fn numbered(raw: &str, prefix: &str) -> bool {
    let number = raw.strip_prefix(prefix);
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_told_by_its_name() {
        let names = [
            ("f.cold.1", Some(Made::Cold)),
            ("f.isra.0.cold.1", Some(Made::Cold)),
            ("_ZN1A1fEv.cold", Some(Made::Cold)),
            ("f.constprop.0", Some(Made::Copy)),
            ("f.llvm.1234", Some(Made::Copy)),
            ("f.part.0", Some(Made::Part)),
            ("OUTLINED_FUNCTION_12", Some(Made::Outlined)),
            ("__f_block_invoke", Some(Made::Block)),
            ("__f_block_invoke_2", Some(Made::Block)),
            ("__f_block_invoke.17", Some(Made::Block)),
            ("_ZThn16_N1A1fEv", Some(Made::Thunk)),
            ("_ZTv0_n24_N1A1fEv", Some(Made::Thunk)),
        ];
        for (name, made) in names {
            assert_eq!(Made::of(name), made, "{name}");
        }
    }

    #[test]
    fn plain_names_that_look_alike_are_plain() {
        let plain = [
            "f",
            "cold",
            "part",
            ".cold",
            "f.1",
            "OUTLINED_FUNCTION_",
            "dispatch_block_invoke",
            "_ZTV1A",
            "_ZTI1A",
            "_ZThe",
            "",
        ];
        for name in plain {
            assert_eq!(Made::of(name), None, "{name}");
        }
    }
}
