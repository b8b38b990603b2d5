//! What a symbolizer answers about one address, in the shape both are compared in.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The functions at an address, innermost first; all but the last are inlined. Empty: nothing is known.
pub(crate) type Answer = Vec<Function>;

/// A function at an address. What is not known is empty or zero, as llvm-symbolizer has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name as the file has it, not demangled.
    pub(crate) name: String,
    /// The source file, cleaned up.
    pub(crate) file: String,
    /// The line in it; zero for code without a line.
    pub(crate) line: u64,
    /// The column in that line.
    pub(crate) column: u64,
}

/// Reads what `llvm-symbolizer --output-style=JSON --no-demangle` prints.
pub(crate) fn of_llvm(printed: &[u8]) -> Result<BTreeMap<u64, Answer>> {
    let mut answers = BTreeMap::new();
    // One array for addresses on the command line, one object a line for those from standard input.
    for line in std::str::from_utf8(printed)?
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        let entry: Value = serde_json::from_str(line)?;
        let functions = entry["Symbol"]
            .as_array()
            .context("no Symbol")?
            .iter()
            .map(|symbol| Function {
                name: text(&symbol["FunctionName"]),
                file: clean(&text(&symbol["FileName"])),
                line: symbol["Line"].as_u64().unwrap_or(0),
                column: symbol["Column"].as_u64().unwrap_or(0),
            });
        let known = functions.filter(|function| *function != Function::default());
        answers.insert(address(&entry["Address"])?, known.collect());
    }
    Ok(answers)
}

/// Reads what `kstack lookup --format json` prints.
pub(crate) fn of_kstack(printed: &[u8]) -> Result<BTreeMap<u64, Answer>> {
    let mut answers = BTreeMap::new();
    for line in std::str::from_utf8(printed)?
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        let frame: Value = serde_json::from_str(line)?;
        let inlined = frame["inlined"].as_array().into_iter().flatten();
        let functions = inlined.chain([&frame]).map(function_of_kstack);
        let known = functions.filter(|function| *function != Function::default());
        answers.insert(address(&frame["address"])?, known.collect());
    }
    Ok(answers)
}

fn function_of_kstack(frame: &Value) -> Function {
    let raw = text(&frame["symbol_raw"]);
    // The line of another instruction: this one has none, and llvm-symbolizer says so.
    let is_nearby = frame["nearby"].as_bool() == Some(true);
    let line = frame["line"].as_u64().filter(|_| !is_nearby);
    Function {
        name: if raw.is_empty() {
            text(&frame["symbol"])
        } else {
            raw
        },
        file: clean(&text(&frame["file"])),
        line: line.unwrap_or(0),
        column: frame["column"].as_u64().unwrap_or(0),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn address(value: &Value) -> Result<u64> {
    let text = value.as_str().context("no address")?;
    Ok(u64::from_str_radix(text.trim_start_matches("0x"), 16)?)
}

/// `a/./b/../c` as `a/c`: symbolizers differ in how much of this they do.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts
                .last()
                .is_some_and(|last| !last.is_empty() && *last != "..") =>
            {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_printings_of_one_answer_are_read_alike() {
        let llvm = br#"{"Address":"0x10","Symbol":[
            {"FunctionName":"inner","FileName":"/a/b/../c.c","Line":3,"Column":5},
            {"FunctionName":"_Z5outerv","FileName":"/a/c.c","Line":0,"Column":0}]}"#;
        let llvm = String::from_utf8_lossy(llvm).replace('\n', "");
        let kstack = br#"{"address":"0x10","symbol":"outer()","symbol_raw":"_Z5outerv","file":"/a/c.c","inlined":[{"symbol":"inner","file":"/a/c.c","line":3,"column":5}]}"#;
        assert_eq!(
            of_llvm(llvm.as_bytes()).unwrap(),
            of_kstack(kstack).unwrap()
        );
    }

    #[test]
    fn an_address_without_an_answer_has_no_functions() {
        let llvm = br#"{"Address":"0x10","Symbol":[{"FunctionName":"","FileName":"","Line":0,"Column":0}]}"#;
        let kstack = br#"{"address":"0x10","why":"no-symbol-there"}"#;
        assert_eq!(of_llvm(llvm).unwrap()[&0x10], []);
        assert_eq!(of_kstack(kstack).unwrap()[&0x10], []);
    }
}
