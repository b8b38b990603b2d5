//! The true graph of calls, read from what llvm-objdump disassembles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::source::{self, Subject};
use crate::tool::tool;

/// The functions of an image and what they call.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) functions: Vec<Function>,
    by_start: BTreeMap<u64, usize>,
    /// Direct calls out of the functions: address of the call and the one behind it.
    pub(super) outward: Vec<(u64, u64)>,
    /// Functions that pointers can lead to.
    pub(super) pointed: Vec<usize>,
    /// Instructions of stubs.
    stubs: BTreeSet<u64>,
}

/// One function.
#[derive(Debug, Default)]
pub(super) struct Function {
    name: String,
    pub(super) calls: Vec<Call>,
    /// Functions it jumps to in place of a call.
    pub(super) tails: Vec<usize>,
    /// Whether a walk by frame pointers shows it in place of its caller.
    pub(super) is_bare: bool,
    tail_targets: Vec<u64>,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The address behind it.
    pub(super) after: u64,
    pub(super) to: Callee,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    Function(usize),
    Pointer,
    /// Another image.
    Outside,
    /// Not yet looked up.
    Address(u64),
}

/// One line of a disassembly.
struct Line<'a> {
    at: u64,
    mnemonic: &'a str,
    operand: &'a str,
}

impl Graph {
    pub(super) fn read(image: &Path, subject: Subject) -> Result<Graph> {
        let mut command = tool("llvm-objdump-19");
        command.args(["-d", "--no-show-raw-insn"]).arg(image);
        let output = command.output().context("while running llvm-objdump-19")?;
        ensure!(
            output.status.success(),
            "llvm-objdump-19 failed on {}",
            image.display()
        );
        let text = String::from_utf8(output.stdout)?;
        let mut graph = Graph::default();
        let mut lines = text.lines().peekable();
        let (mut is_code, mut is_stubs) = (false, false);
        while let Some(line) = lines.next() {
            if line.starts_with("Disassembly") {
                is_code = line.contains("__text");
                is_stubs = line.contains("__stubs");
            } else if let Some((start, name)) = header(line).filter(|_| is_code) {
                graph.by_start.insert(start, graph.functions.len());
                graph.functions.push(Function {
                    is_bare: name == "_bare_call",
                    name: name.to_owned(),
                    ..Function::default()
                });
            } else if let Some(line) = instruction(line).filter(|_| is_code) {
                let next = lines.peek().and_then(|next| instruction(next));
                // The last instruction of a function is followed by an empty line and a header.
                let after = next.map(|next| next.at);
                graph.add(&line, after);
            } else if let Some(line) = instruction(line).filter(|_| is_stubs) {
                graph.stubs.insert(line.at);
            }
        }
        graph.link(subject);
        Ok(graph)
    }

    fn add(&mut self, line: &Line<'_>, after: Option<u64>) {
        let Some(function) = self.functions.last_mut() else {
            return;
        };
        let target = || line.operand.split(' ').next().and_then(hexadecimal);
        match line.mnemonic {
            "callq" | "call" | "bl" => {
                // What is behind the last call of a function is not in the disassembly's next line.
                let Some(after) = after.or(match line.mnemonic {
                    "bl" => Some(line.at + 4),
                    _ if target().is_some() => Some(line.at + 5),
                    _ => None,
                }) else {
                    return;
                };
                let to = target().map_or(Callee::Pointer, Callee::Address);
                function.calls.push(Call { after, to });
            }
            "blr" => function.calls.push(Call {
                after: line.at + 4,
                to: Callee::Pointer,
            }),
            "jmp" | "b" => function.tail_targets.extend(target()),
            _ => {}
        }
    }

    /// Addresses to functions.
    fn link(&mut self, subject: Subject) {
        let callbacks = source::callbacks(subject);
        for (index, function) in self.functions.iter_mut().enumerate() {
            for call in &mut function.calls {
                if let Callee::Address(to) = call.to {
                    call.to = match self.by_start.get(&to) {
                        Some(function) => Callee::Function(*function),
                        None if self.stubs.contains(&to) => {
                            self.outward.push((call.after - 5, call.after));
                            Callee::Outside
                        }
                        // The table of a switch, disassembled as if it were code.
                        None => Callee::Address(to),
                    };
                }
            }
            let is_call = |call: &Call| !matches!(call.to, Callee::Address(_));
            function.calls.retain(is_call);
            let tails = function.tail_targets.iter();
            let tails = tails.filter_map(|to| self.by_start.get(to).copied());
            function.tails = tails.filter(|tail| *tail != index).collect();
            // The table of callbacks, and every virtual function: nothing else takes an address.
            let is_callback = callbacks.contains(&function.name);
            let is_pointed = function.name.contains("Node") || is_callback;
            if is_pointed {
                self.pointed.push(index);
            }
        }
    }
}

fn header(line: &str) -> Option<(u64, &str)> {
    let (address, name) = line.split_once(" <")?;
    Some((
        u64::from_str_radix(address, 16).ok()?,
        name.strip_suffix(">:")?,
    ))
}

fn instruction(line: &str) -> Option<Line<'_>> {
    let (address, rest) = line.trim_start().split_once(':')?;
    let at = u64::from_str_radix(address, 16).ok()?;
    let mut words = rest.trim().splitn(2, char::is_whitespace);
    Some(Line {
        at,
        mnemonic: words.next()?,
        operand: words.next().unwrap_or_default().trim(),
    })
}

fn hexadecimal(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}
