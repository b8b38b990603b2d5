//! The fields of a spindump: "Key:   value" lines and the headers of threads.

use std::borrow::Cow;

use kstack_model::{Arch, Fact, Machine, Process, Thread, Value};

use crate::formats::numbers::{decimal, hex, leading_decimal};

/// Splits "Key:   value"; keys start at the margin and are short.
pub(super) fn field(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = key.len() <= 32
        && key.starts_with(|first: char| first.is_ascii_uppercase())
        && key
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || " /()-".contains(it));
    let value = value.trim();
    (is_key && !value.is_empty()).then_some((key, value))
}

/// A field kept under its own name.
pub(super) fn fact(key: &str, value: &str) -> Fact {
    Fact {
        name: Cow::Owned(key.to_owned()),
        value: Value::Text(value.to_owned()),
    }
}

/// Takes what is said of the machine; `false` for any other field.
pub(super) fn machine(machine: &mut Machine, key: &str, value: &str) -> bool {
    let place = match key {
        "Date/Time" => &mut machine.captured_at,
        "Hardware model" => &mut machine.model,
        "Boot args" => &mut machine.boot_args,
        "Architecture" => {
            machine.arch = machine.arch.or_else(|| value.parse::<Arch>().ok());
            return machine.arch.is_some();
        }
        "OS Version" => {
            (machine.os_version, machine.os_build) = os_and_build(value);
            return true;
        }
        _ => return false,
    };
    *place = Some(value.to_owned());
    true
}

/// "macOS 13.0 (Build 22A380)", "Mac OS X 10.14.5 (18F203)".
fn os_and_build(value: &str) -> (Option<String>, Option<String>) {
    match value
        .strip_suffix(')')
        .and_then(|value| value.rsplit_once(" ("))
    {
        Some((os, build)) => {
            let build = build.strip_prefix("Build ").unwrap_or(build);
            (Some(os.to_owned()), Some(build.to_owned()))
        }
        None => (Some(value.to_owned()), None),
    }
}

/// The process of `poold [517]`, `poold (poold) [517] [unique pid 9]`.
pub(super) fn process(value: &str) -> Process {
    let (name, ids) = match value.split_once(" [") {
        Some((name, ids)) => (name, ids),
        None => (value, ""),
    };
    let name = match name.split_once(" (") {
        Some((name, again)) if again.strip_suffix(')') == Some(name) => name,
        _ => name,
    };
    let pid = leading_decimal(ids).and_then(|(pid, _)| i32::try_from(pid).ok());
    Process {
        pid,
        name: Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
        ..Process::default()
    }
}

/// Reads the header of a thread, and how many samples it has:
/// `  Thread 0xeac    DispatchQueue "x"(1)    Thread name "y"    101 samples (1-101)    priority 31 (base 31)    cpu time …`.
pub(super) fn thread(line: &str) -> Option<(Thread, Option<u64>)> {
    let rest = line.trim().strip_prefix("Thread ")?;
    let mut parts = rest.split("  ").map(str::trim).filter(|it| !it.is_empty());
    let ids = parts.next()?;
    let mut thread = Thread::default();
    take_ids(&mut thread, ids)?;
    let mut samples = None;
    for part in parts {
        samples = samples.or(take_part(&mut thread, part));
    }
    Some((thread, samples))
}

/// "0xeac", or "0xdcb,0xeae" where one queue ran on several threads.
fn take_ids(thread: &mut Thread, ids: &str) -> Option<()> {
    let mut all = Vec::new();
    for id in ids.split(',') {
        all.push(hex(id.trim())?);
    }
    thread.id = all.first().copied();
    if all.len() > 1 {
        thread.facts.push(Fact::new("threads", all));
    }
    Some(())
}

/// Takes one part of a thread's header and gives the samples if that is what it says.
fn take_part(thread: &mut Thread, part: &str) -> Option<u64> {
    if let Some(queue) = part.strip_prefix("DispatchQueue ") {
        thread.queue = Some(quoted(queue).unwrap_or(queue).to_owned());
    } else if let Some(name) = part.strip_prefix("Thread name ") {
        thread.name = Some(quoted(name).unwrap_or(name).to_owned());
    } else if let Some(priority) = part.strip_prefix("priority ") {
        thread.facts.push(numbered("priority", priority));
    } else if let Some(time) = part.strip_prefix("cpu time ") {
        thread.facts.push(Fact::new("cpu time", time.to_owned()));
    } else if let Some(time) = part.strip_prefix("idle time ") {
        thread.facts.push(Fact::new("idle time", time.to_owned()));
    } else if let Some((count, words)) = leading_decimal(part)
        && words.trim_start().starts_with("sample")
    {
        thread.facts.push(Fact::new("samples", part.to_owned()));
        return Some(count);
    } else {
        thread.facts.push(Fact::new("note", part.to_owned()));
    }
    None
}

/// "31", or "4-46 (base 4)" as it is.
fn numbered(name: &'static str, text: &str) -> Fact {
    match decimal(text) {
        Some(number) => Fact::new(name, number),
        None => Fact::new(name, text.to_owned()),
    }
}

/// The text in the first and the last quote.
fn quoted(text: &str) -> Option<&str> {
    let (inner, _) = text.strip_prefix('"')?.rsplit_once('"')?;
    Some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_thread_is_read_part_by_part() {
        let (thread, samples) = thread("  Thread 0xeac    DispatchQueue \"org.pool.main\"(1)    Thread name \"txg_sync\"    101 samples (1-101)    priority 81 (base 81)    cpu time <0.001s").unwrap();
        assert_eq!(thread.id, Some(0xeac));
        assert_eq!(thread.queue.as_deref(), Some("org.pool.main"));
        assert_eq!(thread.name.as_deref(), Some("txg_sync"));
        assert_eq!(samples, Some(101));
        let names: Vec<&str> = thread.facts.iter().map(|fact| &*fact.name).collect();
        assert_eq!(names, ["samples", "priority", "cpu time"]);
    }

    #[test]
    fn a_queue_that_ran_on_several_threads_keeps_them_all() {
        let (thread, _) =
            thread("Thread 0x1,0x2,0x3    DispatchQueue 138    1 sample (25)").unwrap();
        assert_eq!(thread.id, Some(1));
        assert_eq!(thread.queue.as_deref(), Some("138"));
        assert_eq!(thread.facts[0], Fact::new("threads", vec![1, 2, 3]));
        assert!(super::thread("  Thread name is not one").is_none());
    }

    #[test]
    fn a_process_may_be_named_twice() {
        let process = process("org.pool (org.pool) [246] [unique pid 9]");
        assert_eq!(process.name.as_deref(), Some("org.pool"));
        assert_eq!(process.pid, Some(246));
    }

    #[test]
    fn the_build_is_apart_from_the_version() {
        let mut it = Machine::default();
        assert!(machine(&mut it, "OS Version", "macOS 13.0 (Build 22A380)"));
        assert_eq!(it.os_version.as_deref(), Some("macOS 13.0"));
        assert_eq!(it.os_build.as_deref(), Some("22A380"));
    }

    #[test]
    fn a_sentence_with_a_colon_is_no_field() {
        assert_eq!(field("  Path: /x"), None);
        assert_eq!(
            field("I saw this: it hangs"),
            Some(("I saw this", "it hangs"))
        );
        assert_eq!(field("-> 0x1: mov"), None);
        assert_eq!(field("Path:  /x"), Some(("Path", "/x")));
    }
}
