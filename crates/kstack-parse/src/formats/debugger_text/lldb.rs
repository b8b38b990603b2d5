//! Lines of lldb: threads, frames, what it says when it attaches to a kernel.

use kstack_model::{Address, Fact, Thread, Uuid};

use super::described::Described;
use super::stack::Counted;
use crate::formats::numbers::{hex, leading_decimal};

/// ``* thread #2: tid = 0x38a8, 0xffffff80… image`function, name = '…', queue = '…', stop reason = …``.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ThreadLine {
    /// Number in the session; 0 for one that has none.
    pub(super) number: u64,
    /// What it says of the thread.
    pub(super) thread: Thread,
    /// Where the thread is.
    pub(super) at: Option<Counted>,
}

/// Reads the line of a thread.
pub(super) fn thread(line: &str) -> Option<ThreadLine> {
    let line = line.trim();
    let line = line.strip_prefix('*').unwrap_or(line).trim_start();
    let (number, rest) = leading_decimal(line.strip_prefix("thread #")?)?;
    let mut thread = Thread::default();
    thread.facts.push(Fact::new("lldb thread", number));
    // From behind: the description in the middle holds anything.
    let (rest, reason) = split_last(rest, ", stop reason = ");
    let (rest, queue) = split_last(rest, ", queue = '");
    let (rest, name) = split_last(rest, ", name = '");
    thread.queue = unquoted(queue)
        .filter(|queue| *queue != "0x0")
        .map(str::to_owned);
    match name_or_address(unquoted(name)) {
        Some(Ok(name)) => thread.name = Some(name),
        // lldb's kernel plug-in names a thread by the address of its object.
        Some(Err(object)) => thread.facts.push(Fact::new("thread", object)),
        None => {}
    }
    if let Some(reason) = reason {
        thread
            .facts
            .push(Fact::new("stop reason", reason.to_owned()));
    }
    let rest = rest.trim_start_matches([':', ',']).trim_start();
    let at = match rest.strip_prefix("tid = ") {
        Some(rest) => {
            let (id, behind) = rest.split_once(',').unwrap_or((rest, ""));
            thread.id = hex(id.trim());
            place(0, behind)
        }
        None => place(0, rest),
    };
    Some(ThreadLine { number, thread, at })
}

fn split_last<'a>(text: &'a str, mark: &str) -> (&'a str, Option<&'a str>) {
    match text.rsplit_once(mark) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

fn unquoted(text: Option<&str>) -> Option<&str> {
    let (inner, _) = text?.split_once('\'')?;
    Some(inner).filter(|it| !it.is_empty())
}

fn name_or_address(name: Option<&str>) -> Option<Result<String, Address>> {
    let name = name?;
    Some(hex(name).map_or_else(|| Ok(name.to_owned()), |it| Err(Address(it))))
}

/// Reads ``  * frame #3: 0xffffff80… image`function(…) + 48 at file.c:12:3 [opt]``.
pub(super) fn frame(line: &str) -> Option<Counted> {
    let line = line.trim();
    let line = line.strip_prefix('*').unwrap_or(line).trim_start();
    let (index, rest) = leading_decimal(line.strip_prefix("frame #")?)?;
    place(index, rest.strip_prefix(':')?)
}

/// An address and what stands behind it.
fn place(index: u64, text: &str) -> Option<Counted> {
    let text = text.trim();
    let (address, behind) = text.split_once(' ').unwrap_or((text, ""));
    Some(Counted {
        index,
        address: Some(Address(hex(address)?)),
        frame_pointer: None,
        described: Described::read(behind),
    })
}

/// What lldb says of the kernel it attaches to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `Version: Darwin Kernel Version …`.
    Version(&'a str),
    /// `Kernel UUID: …`.
    Uuid(Uuid),
    /// `Load Address: 0x…`.
    LoadAddress(Address),
    /// `Kernel slid 0x… in memory.`.
    Slide(u64),
    /// `Loaded kernel file /path`.
    KernelFile(&'a str),
    /// `Target arch: x86_64`.
    Arch(&'a str),
    /// `warning: Can't find binary/dSYM for name (UUID)`.
    Kext(&'a str, Uuid),
}

/// Reads a line about the kernel.
pub(super) fn target(line: &str) -> Option<Target<'_>> {
    let line = line.trim();
    // Dots of progress stand before it, and one line can hold two warnings only if the terminal lost a break.
    if let Some((_, kext)) = line.split_once("Can't find binary/dSYM for ") {
        let (name, uuid) = kext.split_once(" (")?;
        let uuid = uuid.split(')').next()?;
        return Some(Target::Kext(name, Uuid::try_parse(uuid).ok()?));
    }
    if let Some(slide) = line.strip_prefix("Kernel slid ") {
        return Some(Target::Slide(hex(slide.split_whitespace().next()?)?));
    }
    if let Some(path) = line.strip_prefix("Loaded kernel file ") {
        return Some(Target::KernelFile(path));
    }
    let (key, value) = line.split_once(':')?;
    let value = value.trim();
    Some(match key {
        "Version" | "Kernel version" if value.starts_with("Darwin Kernel") => {
            // lldb adds "; UUID=…; stext=…".
            Target::Version(value.split("; UUID=").next().unwrap_or(value))
        }
        "Kernel UUID" => Target::Uuid(Uuid::try_parse(value).ok()?),
        "Load Address" | "Kernel load address" => Target::LoadAddress(Address(hex(value)?)),
        "Kernel slide" => Target::Slide(hex(value)?),
        "Target arch" => Target::Arch(value),
        _ => return None,
    })
}

/// The address that a command asks about: `image lookup -v -a 0x…`.
pub(super) fn asked(line: &str) -> Option<Address> {
    let (_, arguments) = line.split_once("image lookup ")?;
    let mut words = arguments.split_whitespace();
    words.find(|word| matches!(*word, "-a" | "-va" | "--address"))?;
    Some(Address(hex(words.next()?)?))
}

/// The answer to it: ``Summary: image`function + 48 at file.c:12``.
pub(super) fn summary(line: &str) -> Option<Described> {
    let text = line.trim().strip_prefix("Summary: ")?;
    Some(Described::read(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_line_says_where_the_thread_is() {
        let it = thread("* thread #2: tid = 0x38a8, 0xffffff7f8c17ebb1 zfs`zio_wait(zio_t*, int) + 115, name = '0xffffff801389c000', queue = '0x0', stop reason = signal SIGSTOP").unwrap();
        assert_eq!((it.number, it.thread.id), (2, Some(0x38a8)));
        assert_eq!((it.thread.name, it.thread.queue), (None, None));
        let names: Vec<&str> = it.thread.facts.iter().map(|fact| &*fact.name).collect();
        assert_eq!(names, ["lldb thread", "thread", "stop reason"]);
        let at = it.at.unwrap();
        assert_eq!(at.address, Some(Address(0xffff_ff7f_8c17_ebb1)));
        assert_eq!(at.described.said.offset, Some(115));
    }

    #[test]
    fn a_thread_line_can_say_nothing_of_the_place() {
        let it = thread("  thread #4, name = 'txg_sync', stop reason = breakpoint 1.1").unwrap();
        assert_eq!(it.thread.name.as_deref(), Some("txg_sync"));
        assert_eq!(it.at, None);
        assert_eq!(thread("threads #4"), None);
    }

    #[test]
    fn a_frame_may_have_an_address_only() {
        let it = frame("    frame #7: 0x000000000000000f").unwrap();
        assert_eq!((it.index, it.address), (7, Some(Address(0xf))));
        assert_eq!(it.described, Described::default());
        assert_eq!(frame("frame #7: no address"), None);
    }

    #[test]
    fn the_kernel_is_described_line_by_line() {
        assert_eq!(
            target("Kernel slid 0xae00000 in memory."),
            Some(Target::Slide(0xae0_0000))
        );
        assert_eq!(
            target("  Kernel slide:        0xd000000"),
            Some(Target::Slide(0xd00_0000))
        );
        assert_eq!(
            target("Load Address: 0x10"),
            Some(Target::LoadAddress(Address(0x10)))
        );
        let uuid = "AABBCCDD-0000-3000-8000-001122334455";
        let line = format!("....warning: Can't find binary/dSYM for org.openzfsonosx.zfs ({uuid})");
        assert_eq!(
            target(&line),
            Some(Target::Kext("org.openzfsonosx.zfs", uuid.parse().unwrap()))
        );
    }

    #[test]
    fn a_lookup_of_an_address_is_a_question_of_a_symbol_is_not() {
        assert_eq!(
            asked("(lldb) image lookup -v -a 0x1000"),
            Some(Address(0x1000))
        );
        assert_eq!(asked("(lldb) image lookup -v -s zfs_debug"), None);
    }
}
