//! Mangled names back to what the programmer wrote.

use cpp_demangle::{DemangleOptions, Symbol};

/// Names longer than this stay as they are: demangled they would fill pages.
const LONGEST: usize = 0x1000;

/// The demangled name; the same text where there is nothing to demangle.
///
/// What the name starts with decides, not the language its unit claims:
/// kernels mix languages, and C units hold C++ names. Block functions,
/// clones (`.cold.1`) and schemes not known here pass through unchanged.
pub(crate) fn demangle(raw: &str) -> String {
    if raw.len() > LONGEST {
        return raw.to_owned();
    }
    let demangled = match scheme(raw) {
        Some(Scheme::Cpp(mangled)) => rust(mangled).or_else(|| cpp(mangled)),
        Some(Scheme::Rust(mangled)) => rust(mangled),
        None => None,
    };
    demangled.unwrap_or_else(|| raw.to_owned())
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
    let symbol = Symbol::new(mangled).ok()?;
    let options = DemangleOptions::new().hide_expression_literal_types();
    symbol.demangle_with_options(&options).ok()
}
