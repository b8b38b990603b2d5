//! Mangled names back to what the programmer wrote.

use std::fmt;
use std::sync::Arc;

use cpp_demangle::{BorrowedSymbol, DemangleOptions};

/// Names longer than this stay as they are.
const LONGEST: usize = 0x2000;
/// Names that would be longer than this when demangled stay as they are.
const LONGEST_RESULT: usize = 0x4000;

/// The demangled name; the same text where there is nothing to demangle.
///
/// What the name starts with decides, not the language its unit claims:
/// kernels mix languages, and C units hold C++ names. Block functions,
/// clones (`.cold.1`) and schemes not known here pass through unchanged.
pub(crate) fn demangle(raw: &Arc<str>) -> Arc<str> {
    demangled(raw).map_or_else(|| Arc::clone(raw), Arc::from)
}

/// What the programmer wrote; `None` where there is nothing to demangle.
///
/// ```
/// use kstack_symbols::demangled;
/// assert_eq!(demangled("__ZN10IOWorkLoop10threadMainEv").as_deref(), Some("IOWorkLoop::threadMain()"));
/// assert_eq!(demangled("_spa_create"), None);
/// ```
#[must_use]
pub fn demangled(raw: &str) -> Option<String> {
    if raw.len() > LONGEST {
        return None;
    }
    match scheme(raw)? {
        Scheme::Cpp(mangled) => rust(mangled).or_else(|| cpp(mangled)),
        Scheme::Rust(mangled) => rust(mangled),
    }
}

enum Scheme<'a> {
    /// Itanium C++; Rust's older scheme hides in it.
    Cpp(&'a str),
    Rust(&'a str),
}

fn scheme(raw: &str) -> Option<Scheme<'_>> {
    // DWARF keeps the Mach-O underscore of names given with an assembler label.
    let one_less = raw.strip_prefix('_').unwrap_or(raw);
    for name in [raw, one_less] {
        if name.starts_with("_Z") || name.starts_with("___Z") {
            return Some(Scheme::Cpp(name));
        }
        if name.starts_with("_R") {
            return Some(Scheme::Rust(name));
        }
    }
    None
}

fn rust(mangled: &str) -> Option<String> {
    let name = rustc_demangle::try_demangle(mangled).ok()?;
    // The short form leaves out the hash.
    Some(format!("{name:#}"))
}

fn cpp(mangled: &str) -> Option<String> {
    let symbol = BorrowedSymbol::new(mangled.as_bytes()).ok()?;
    // `Ring<32>` says as much as `Ring<(unsigned int)32>`.
    let options = DemangleOptions::new().hide_expression_literal_types();
    let mut name = Capped(String::new());
    symbol.structured_demangle(&mut name, &options).ok()?;
    Some(name.0)
}

/// Text that refuses to grow too long.
///
/// A mangled name refers to its own parts, so that each of a few more bytes
/// can double what it stands for.
struct Capped(String);

impl fmt::Write for Capped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST_RESULT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_doubles_with_each_byte_stays_mangled() {
        // Parameters of f: p<int, int>, then p of twice the one before. Each
        // adds two parts that can be referred to: p, and p with its arguments.
        let mut mangled = "_Z1f1pIiiE".to_owned();
        for before in 0..16 {
            let digit = char::from_digit(2 * before, 36)
                .unwrap()
                .to_ascii_uppercase();
            mangled.push_str(&format!("1pIS{digit}_S{digit}_E"));
        }
        assert!(
            demangle(&mangled[.."_Z1f1pIiiE1pIS0_S0_E".len()].into())
                .contains("p<p<int, int>, p<int, int> >")
        );
        let mangled = mangled.into();
        assert_eq!(demangle(&mangled), mangled);
    }
}
