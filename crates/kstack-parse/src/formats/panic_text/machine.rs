//! Lines of the form "key: value" that say something about machine or process.

use std::borrow::Cow;

use kstack_model::{Fact, Machine, Value};

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    OsBuild,
    KernelVersion,
    Model,
    BootArgs,
    /// The name of the process whose thread panicked.
    Process,
    /// Kept as a fact under its own name.
    Fact(&'static str),
}

const KEYS: &[(&str, Key)] = &[
    ("Mac OS version:", Key::OsBuild),
    ("OS version:", Key::OsBuild),
    ("Kernel version:", Key::KernelVersion),
    ("System model name:", Key::Model),
    ("Boot args:", Key::BootArgs),
    (
        "BSD process name corresponding to current thread",
        Key::Process,
    ),
    ("Process name corresponding to current thread", Key::Process),
    ("Debugger message:", Key::Fact("debugger message")),
    ("Memory ID:", Key::Fact("memory id")),
    ("OS release type:", Key::Fact("OS release type")),
    ("Boot session UUID:", Key::Fact("boot session UUID")),
    ("iBoot version:", Key::Fact("iBoot version")),
    ("secure boot?:", Key::Fact("secure boot")),
    ("roots installed:", Key::Fact("roots installed")),
    ("Paniclog version:", Key::Fact("paniclog version")),
    ("mach_absolute_time:", Key::Fact("mach_absolute_time")),
    (
        "System uptime in nanoseconds:",
        Key::Fact("uptime in nanoseconds"),
    ),
    ("System shutdown begun:", Key::Fact("shutdown begun")),
    ("Panic diags file available:", Key::Fact("panic diags file")),
    (
        "Hibernation exit count:",
        Key::Fact("hibernation exit count"),
    ),
    ("Compressor Info:", Key::Fact("compressor")),
    ("Exclaves boot status:", Key::Fact("exclaves")),
    (
        "Interval Since Last Panic Report:",
        Key::Fact("interval since last panic"),
    ),
    (
        "Panics Since Last Report:",
        Key::Fact("panics since last report"),
    ),
    ("Failure code:", Key::Fact("failure code")),
    ("Model:", Key::Model),
];

/// The key at the start of a line and what stands behind it.
pub(super) fn key(line: &str) -> Option<(Key, &str)> {
    KEYS.iter().find_map(|(text, key)| {
        let rest = line.strip_prefix(text)?;
        let rest = if *key == Key::Process {
            // Newer kernels print the thread's address in between.
            rest.split_once(':')?.1
        } else {
            rest
        };
        Some((*key, rest.trim()))
    })
}

/// Puts a value where it belongs; `false` when it is none.
pub(super) fn store(key: Key, value: &str, machine: &mut Machine, facts: &mut Vec<Fact>) -> bool {
    match key {
        // A kernel that panics early does not know its version yet.
        Key::OsBuild if value == "Not yet set" => {}
        Key::OsBuild if machine.os_build.is_none() => {
            if value.len() > 32 || !value.contains(|digit: char| digit.is_ascii_digit()) {
                return false;
            }
            machine.os_build = Some(value.to_owned());
        }
        Key::KernelVersion if machine.kernel_version.is_none() => {
            if !value.contains("Version") {
                return false;
            }
            machine.kernel_version = Some(value.to_owned());
        }
        Key::Model if machine.model.is_none() => {
            // Every model identifier has a number; what people call their Mac has none.
            if !value.contains(|digit: char| digit.is_ascii_digit()) {
                return false;
            }
            let (model, board) = value.split_once(' ').unwrap_or((value, ""));
            machine.model = Some(model.trim_end_matches(',').to_owned());
            let board = board.trim_matches(['(', ')']);
            if board.starts_with("Mac-") {
                facts.push(Fact::new("board", board.to_owned()));
            }
        }
        Key::BootArgs if machine.boot_args.is_none() => {
            machine.boot_args = (!value.is_empty()).then(|| value.to_owned());
        }
        Key::Fact(name) if !value.is_empty() && !facts.iter().any(|fact| fact.name == name) => {
            facts.push(Fact {
                name: Cow::Borrowed(name),
                value: Value::Text(value.to_owned()),
            });
        }
        _ => {}
    }
    true
}

/// Whether a line is a date as `ctime` prints it: "Mon Aug 20 10:27:21 2018".
pub(super) fn is_date(line: &str) -> bool {
    const DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let mut words = line.split_whitespace();
    words.next().is_some_and(|day| DAYS.contains(&day))
        && words.nth(1).is_some_and(|day| day.parse::<u8>().is_ok())
        && words
            .next()
            .is_some_and(|time| time.matches(':').count() == 2)
        && words.next().is_some_and(|year| year.parse::<u16>().is_ok())
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_in_a_process_line_is_no_part_of_the_name() {
        assert_eq!(
            key("Process name corresponding to current thread (0xffffffaa12345000): zpool"),
            Some((Key::Process, "zpool"))
        );
    }

    #[test]
    fn a_build_not_yet_set_is_none_and_prose_is_no_build() {
        let (mut machine, mut facts) = (Machine::default(), Vec::new());
        assert!(store(Key::OsBuild, "Not yet set", &mut machine, &mut facts));
        assert!(!store(
            Key::OsBuild,
            "I do not know",
            &mut machine,
            &mut facts
        ));
        assert_eq!(machine.os_build, None);
    }

    #[test]
    fn the_board_is_told_from_the_model() {
        let (mut machine, mut facts) = (Machine::default(), Vec::new());
        store(
            Key::Model,
            "MacBookPro11,1 (Mac-0123456789ABCDEF)",
            &mut machine,
            &mut facts,
        );
        assert_eq!(machine.model.as_deref(), Some("MacBookPro11,1"));
        assert_eq!(
            facts,
            [Fact::new("board", "Mac-0123456789ABCDEF".to_owned())]
        );
    }

    #[test]
    fn a_date_is_told_from_prose() {
        assert!(is_date("Mon Aug 20 10:27:21 2018"));
        assert!(!is_date("Mon was a bad day"));
    }
}
