//! Sources of kext-like images, generated: no two functions are alike, and every way to call is in them.

use std::fmt::Write as _;

use super::random::Random;

/// Functions in one file.
const PER_FILE: usize = 250;

/// One image to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) number: usize,
    /// Functions in C and C++.
    pub(super) functions: usize,
    /// One function in this many differs in the second build.
    pub(super) changed: usize,
    /// Whether its local symbols are stripped.
    pub(super) is_stripped: bool,
    /// Whether its calls of other images are left to the loader, as in shipped kexts, instead of going through stubs.
    pub(super) is_relocated: bool,
}

/// The subjects: about 50 KB to 3 MB of text.
pub(super) fn subjects() -> Vec<Subject> {
    let sizes = [
        250, 260, 280, 300, 340, 380, 420, 480, 540, 620, 700, 800, 900, 1100, 1300, 1600, 2000,
        2500, 3200, 4200, 5600, 8000, 11000, 14500,
    ];
    let subjects = sizes.into_iter().enumerate();
    subjects
        .map(|(number, functions)| Subject {
            number,
            functions,
            changed: [20, 40, 80, 150][number % 4],
            is_stripped: number % 2 == 0,
            is_relocated: number % 3 == 0,
        })
        .collect()
}

/// A source file: its name and text.
pub(super) type SourceFile = (String, String);

/// The files of a subject in one of its two builds.
pub(super) fn files(subject: Subject, build: usize) -> Vec<SourceFile> {
    let mut random = Random::new(1000 + subject.number as u64);
    let count = subject.functions.div_ceil(PER_FILE);
    let mut files = vec![("assembly.S".to_owned(), assembly(subject))];
    for file in 0..count {
        let first = file * PER_FILE;
        let last = (first + PER_FILE).min(subject.functions);
        let is_cpp = file % 3 == 1;
        let mut text = head(is_cpp, file);
        for function in first..last {
            // Both builds draw the same numbers, so that they differ only where they shall.
            let body = body(subject, function, is_cpp, file, &mut random);
            let is_changed = build == 1 && function % subject.changed == subject.changed / 2;
            define(&mut text, function, &body, is_changed);
        }
        let ending = if is_cpp { "cpp" } else { "c" };
        files.push((format!("part{file}.{ending}"), text));
    }
    files
}

fn head(is_cpp: bool, file: usize) -> String {
    let linkage = if is_cpp { "extern \"C\"" } else { "extern" };
    let mut text = String::new();
    let _ = writeln!(text, "typedef long (*callback)(long);");
    let _ = writeln!(
        text,
        "{linkage} callback callbacks[];\n{linkage} long words[];"
    );
    for import in 0..12 {
        let _ = writeln!(text, "{linkage} long import_{import}(long, long);");
    }
    let _ = writeln!(
        text,
        "{linkage} void give_up(const char *, long) __attribute__((noreturn));"
    );
    let _ = writeln!(
        text,
        "{linkage} long bare_call(long, callback);\n{linkage} long framed_call(long, callback);"
    );
    if is_cpp {
        let _ = writeln!(
            text,
            "struct Node{file} {{ virtual long first(long); virtual long second(long); Node{file} *next; long value; }};\n\
             long Node{file}::first(long a) {{ return next ? next->second(a + value) + 1 : a; }}\n\
             long Node{file}::second(long a) {{ return next && a > value ? next->first(a - value) ^ 3 : import_1(a, value); }}"
        );
    }
    text
}

fn define(text: &mut String, function: usize, body: &Body, is_changed: bool) {
    for callee in &body.callees {
        let _ = writeln!(text, "{} long f{callee}(long);", body.linkage);
    }
    let change = if is_changed {
        "  a = a * 31 + (a >> 3) + words[a & 15];\n"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "{} __attribute__((noinline)) long f{function}(long a) {{\n  long b = a ^ {function};\n{change}{}}}",
        body.linkage, body.text
    );
}

struct Body {
    linkage: &'static str,
    text: String,
    callees: Vec<usize>,
}

fn body(subject: Subject, own: usize, is_cpp: bool, file: usize, random: &mut Random) -> Body {
    let mut body = Body {
        linkage: if is_cpp { "extern \"C\"" } else { "extern" },
        text: String::new(),
        callees: Vec::new(),
    };
    for _ in 0..2 + random.below(5) {
        statement(subject, is_cpp, file, random, &mut body);
    }
    // What takes the last call's place in the frame: a tail call, in one function of four.
    let last = random.below(subject.functions);
    let end = if random.percent(25) && last != own {
        body.callees.push(last);
        format!("  return f{last}(a + b);\n")
    } else {
        "  return a + b;\n".to_owned()
    };
    body.text.push_str(&end);
    body.callees.sort_unstable();
    body.callees.dedup();
    body
}

fn statement(subject: Subject, is_cpp: bool, file: usize, random: &mut Random, body: &mut Body) {
    let callee = random.below(subject.functions);
    let number = random.below(1 << 14);
    let text = match random.below(if is_cpp { 12 } else { 10 }) {
        0 | 1 => {
            body.callees.push(callee);
            format!("  if (a & {number}) a += f{callee}(b ^ {number}) + b;\n")
        }
        2 | 3 => {
            body.callees.push(callee);
            format!("  b ^= f{callee}(a + {number});\n")
        }
        4 => {
            format!("  for (long i = 0; i < (b & 31); i++) a += words[(a ^ i) & 63] * {number};\n")
        }
        5 => format!("  b = import_{}(a, b + {number});\n", number % 12),
        6 => format!("  a = callbacks[b & 7](a - {number});\n"),
        7 => switch(subject, number, random, body),
        8 => format!("  if (a == {number}) give_up(\"odd\", b);\n"),
        9 if random.percent(30) => {
            let way = if random.percent(50) { "bare" } else { "framed" };
            format!("  a += {way}_call(b, callbacks[{}]);\n", number % 8)
        }
        9 => format!("  words[b & 63] = a * {number} + (b >> 2);\n"),
        _ => format!(
            "  if (Node{file} *n = (Node{file} *)words[a & 31]) b += n->{}(a + {number});\n",
            if random.percent(50) {
                "first"
            } else {
                "second"
            }
        ),
    };
    body.text.push_str(&text);
}

fn switch(subject: Subject, number: usize, random: &mut Random, body: &mut Body) -> String {
    let mut text = "  switch (a & 15) {\n".to_owned();
    for case in 0..6 + random.below(6) {
        let callee = random.below(subject.functions);
        if random.percent(40) {
            body.callees.push(callee);
            let _ = writeln!(text, "  case {case}: b += f{callee}(a) * {case}; break;");
        } else {
            let _ = writeln!(
                text,
                "  case {case}: b = words[a & {}] - {number}; break;",
                case + 3
            );
        }
    }
    text.push_str("  default: a ^= b; }\n");
    text
}

/// Symbols of the functions in the table of callbacks.
pub(super) fn callbacks(subject: Subject) -> Vec<String> {
    let functions = (0..8).map(|entry| (entry * 37 + 5) % subject.functions);
    functions.map(|function| format!("_f{function}")).collect()
}

/// Functions by hand: with a frame, and without one.
fn assembly(subject: Subject) -> String {
    let mut table = ".data\n.globl _callbacks\n.p2align 3\n_callbacks:\n".to_owned();
    for callback in callbacks(subject) {
        let _ = writeln!(table, ".quad {callback}");
    }
    table.push_str(".globl _words\n_words: .space 512\n");
    format!(
        ".text\n.globl _bare_call, _framed_call\n\
         #if defined(__x86_64__)\n\
         .p2align 4\n_bare_call:\n  callq *%rsi\n  addq $1, %rax\n  retq\n\
         .p2align 4\n_framed_call:\n  pushq %rbp\n  movq %rsp, %rbp\n  callq *%rsi\n  popq %rbp\n  retq\n\
         #else\n\
         .p2align 4\n_bare_call:\n  str x30, [sp, #-16]!\n  blr x1\n  ldr x30, [sp], #16\n  ret\n\
         .p2align 4\n_framed_call:\n  stp x29, x30, [sp, #-16]!\n  mov x29, sp\n  blr x1\n  ldp x29, x30, [sp], #16\n  ret\n\
         #endif\n{table}"
    )
}
