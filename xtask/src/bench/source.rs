//! Sources of a kernel-sized image, generated: C with helpers that are inlined, two deep, and with many types.

use std::fmt::Write as _;

/// Functions in one file.
pub(super) const FUNCTIONS: usize = 100;
/// Structures in one file: much of a kernel's DWARF describes what its headers declare.
const STRUCTURES: usize = 140;
/// Helpers that are inlined.
const HELPERS: usize = 12;

/// What each name begins with; the digits are exchanged to make more files out of one.
pub(super) fn prefix(copy: usize) -> String {
    format!("bench{copy:02}_")
}

/// The text of one file.
pub(crate) fn text(file: usize) -> String {
    let mut text = String::new();
    let prefix = prefix(0);
    structures(&mut text, file, &prefix);
    helpers(&mut text, file, &prefix);
    for function in 0..FUNCTIONS {
        define(&mut text, file, function, &prefix);
    }
    text
}

fn structures(text: &mut String, file: usize, prefix: &str) {
    for number in 0..STRUCTURES {
        let _ = writeln!(text, "struct {prefix}record_{file}_{number} {{");
        for member in 0..6 + number % 7 {
            let _ = writeln!(text, "  long field_{number}_{member};");
        }
        if number > 0 {
            let before = number - 1;
            let _ = writeln!(text, "  struct {prefix}record_{file}_{before} *before;");
        }
        text.push_str("};\n");
    }
}

fn helpers(text: &mut String, file: usize, prefix: &str) {
    let record = format!("struct {prefix}record_{file}_{}", STRUCTURES - 1);
    let head = "static inline __attribute__((always_inline)) long";
    for number in 0..HELPERS {
        let inner = match number % 3 {
            0 => format!("at->field_{}_0 + {number}", STRUCTURES - 1),
            _ => format!("{prefix}helper_{file}_{}(at, a ^ {number})", number - 1),
        };
        let _ = writeln!(
            text,
            "{head} {prefix}helper_{file}_{number}({record} *at, long a) {{\n  \
               long got = {inner};\n  \
               if (got > a)\n    at->field_{0}_1 += got;\n  \
               return got * {1} + a;\n}}",
            STRUCTURES - 1,
            number + 3,
        );
    }
}

fn define(text: &mut String, file: usize, function: usize, prefix: &str) {
    let last = STRUCTURES - 1;
    let other = (function * 7 + 3) % FUNCTIONS;
    let one = (function + file) % HELPERS;
    let two = (function * 5 + 1) % HELPERS;
    let name = |function: usize| format!("{prefix}function_{file}_{function}");
    let (own, called) = (name(function), name(other));
    let _ = writeln!(
        text,
        "long {called}(struct {prefix}record_{file}_{last} *, long);\n\
         __attribute__((noinline)) long {own}(struct {prefix}record_{file}_{last} *at, long a) {{\n  \
           long sum = {prefix}helper_{file}_{one}(at, a);\n  \
           if (sum & {0})\n    sum += {called}(at, sum - {function});\n  \
           for (long i = 0; i < (a & 15); i++)\n    sum ^= at->field_{last}_2 << i;\n  \
           at->field_{last}_3 = sum;\n  \
           return sum - {prefix}helper_{file}_{two}(at, sum);\n}}",
        function + 1,
    );
}
