//! Tables of the kernel's debugger macros: showcurrentstacks, showallstacks, showcurrentthreads.

use std::num::NonZeroU64;

use kstack_model::{Address, Fact, Process, Thread};

use super::described::Described;
use super::stack::Counted;
use crate::formats::numbers::{decimal, hex};

/// Which table a head starts, and where its named columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Rows are tasks.
    Task {
        /// Column of the command.
        command: usize,
    },
    /// Rows are threads of lldb's macros.
    Thread {
        /// Column of the wait event.
        wait_event: Option<usize>,
        /// Column of the name.
        name: Option<usize>,
    },
    /// Rows are threads of gdb's macros before thread ids.
    Activation,
}

/// Reads the head of a table.
pub(super) fn head(line: &str) -> Option<Head> {
    let mut words = line.split_whitespace();
    let column = |name: &str| line.find(name);
    match (words.next()?, words.next()?) {
        ("task", "vm_map") => Some(Head::Task {
            command: column("command")?,
        }),
        ("thread", "thread_id") => Some(Head::Thread {
            wait_event: column("wait_event"),
            name: column("thread_name"),
        }),
        ("activation", "thread") => Some(Head::Activation),
        _ => None,
    }
}

/// Reads a task, and the address of its object.
pub(super) fn task(line: &str, command: usize) -> Option<(Address, Process)> {
    let mut words = line.split_whitespace();
    let object = Address(hex(words.next()?)?);
    let (_map, _space) = (hex(words.next()?)?, hex(words.next()?)?);
    let _threads = decimal(words.next()?)?;
    // The flags between may be missing; the process id is what stands before the address of the process.
    let rest: Vec<&str> = words.take(6).collect();
    let pid = rest.windows(2).find_map(|pair| match pair {
        [pid, process] if process.starts_with("0x") => pid.parse().ok(),
        _ => None,
    });
    let name = line
        .get(command..)
        .map(str::trim)
        .filter(|it| !it.is_empty());
    let mut process = Process {
        pid: Some(pid?),
        name: name.map(str::to_owned),
        ..Process::default()
    };
    process.facts.push(Fact::new("task", object));
    Some((object, process))
}

/// Reads a thread.
pub(super) fn thread(line: &str, head: Head) -> Option<Thread> {
    let mut words = line.split_whitespace();
    let object = Address(hex(words.next()?)?);
    let mut thread = Thread::default();
    thread.facts.push(Fact::new("thread", object));
    match head {
        Head::Task { .. } => return None,
        Head::Activation => {
            let (_thread, priority) = (hex(words.next()?)?, decimal(words.next()?)?);
            thread.id = Some(object.0);
            thread.facts.push(Fact::new("priority", priority));
        }
        Head::Thread { wait_event, name } => {
            // "[WQ]" marks threads of work queues.
            let id = words.find(|word| !word.starts_with('['))?;
            thread.id = Some(hex(id)?);
            let _processor = hex(words.next()?)?;
            let cell = |column: Option<usize>| cell(line, column?);
            thread.wait_event = cell(wait_event)
                .and_then(|cell| cell.split_whitespace().next())
                .and_then(hex)
                .filter(|event| *event != 0)
                .map(Address);
            thread.name = cell(name)
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned);
        }
    }
    Some(thread)
}

/// The text from a column on, from the start of the word that stands there: wide cells push the next ones aside.
fn cell(line: &str, column: usize) -> Option<&str> {
    let before = line.get(..column)?;
    let word = before
        .rfind(char::is_whitespace)
        .map_or(0, |blank| blank + 1);
    line.get(word..).map(str::trim_start)
}

/// Reads `0xframe 0xpc function(…)`; inside a stack the words may be missing.
pub(super) fn frame(line: &str, in_stack: bool, index: u64) -> Option<Counted> {
    let line = line.trim();
    let (pointer, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (pc, words) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let words = words.trim();
    let numbers = (hex(pointer)?, hex(pc)?);
    if !(in_stack || is_plain_frame(pointer, pc, words)) || words.starts_with("0x") {
        return None;
    }
    Some(Counted {
        index,
        address: Some(Address(numbers.1)),
        frame_pointer: NonZeroU64::new(numbers.0),
        described: Described::read(words),
    })
}

/// Whether a line without anything around it can only be a frame: two whole pointers, then a function.
fn is_plain_frame(pointer: &str, pc: &str, words: &str) -> bool {
    let whole = |word: &str| word.len() >= 10;
    let function = words.starts_with(|it: char| it.is_ascii_alphabetic() || "_~<".contains(it))
        && words.contains(['(', '+', '`']);
    whole(pointer) && whole(pc) && function
}

/// Where a thread without a kernel stack continues: `continuation=0x… <…>`.
pub(super) fn continuation(line: &str) -> Option<Address> {
    let rest = line.trim().strip_prefix("continuation")?;
    let rest = rest.trim_start().strip_prefix(['=', ':'])?;
    Some(Address(hex(rest.split_whitespace().next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: &str = "task                 vm_map               ipc_space            #acts flags    pid       process             io_policy  wq_state  command             ";
    const THREADS: &str = "\tthread                   thread_id  processor            base   pri    sched_mode      io_policy       state    ast          waitq                            wait_event           wmesg                thread_name         ";

    #[test]
    fn a_task_may_have_flags_or_none() {
        let Some(Head::Task { command }) = head(TASKS) else {
            panic!()
        };
        for (flags, pid) in [(" D        647 ", 647), ("            0 ", 0)] {
            let row = format!(
                "0xffffff80156d3718   0xffffff801145a5a0   0xffffff8016b157a8       7{flags}  0xffffff8014bb5960              Q -1 -1 -1    zpool"
            );
            let (object, process) = task(&row, command).unwrap();
            assert_eq!(object.0, 0xffff_ff80_156d_3718);
            assert_eq!(process.pid, Some(pid));
            assert_eq!(process.name.as_deref(), Some("zpool"));
        }
    }

    #[test]
    fn a_thread_of_a_work_queue_has_one_word_more() {
        let head = head(THREADS).unwrap();
        let row =
            "\t0xffffff8035ab0000  [WQ] 0x2321     0xffffff80251e03b8   37     37     timeshare";
        assert_eq!(thread(row, head).unwrap().id, Some(0x2321));
        let mut row = format!(
            "\t{:<25}{:<11}{:<21}0      0      fixed",
            "0xffffff8030bdb650", "0x93", "0xffffff80b7d96000"
        );
        row = format!("{row:<166}0xffffff8000aabbcc");
        let at = THREADS.find("thread_name").unwrap();
        row = format!("{row:<at$}idle #1");
        let thread = thread(&row, head).unwrap();
        assert_eq!(thread.name.as_deref(), Some("idle #1"));
    }

    #[test]
    fn a_cell_begins_with_its_word() {
        assert_eq!(cell("ab  zio_taskq", 6), Some("zio_taskq"));
        assert_eq!(cell("ab", 6), None);
    }

    #[test]
    fn a_frame_without_words_is_one_only_inside_a_stack() {
        let bare = "  0x17443b60  0x1bc80ac";
        assert!(frame(bare, true, 0).is_some());
        assert_eq!(frame(bare, false, 0), None);
        let row = "0xffffff80cab7ba60 0xffffff802e01a30f zio_wait((zio_t *) zio = 0x1)";
        let it = frame(row, false, 3).unwrap();
        assert_eq!(it.frame_pointer.unwrap().get(), 0xffff_ff80_cab7_ba60);
        assert_eq!(it.described.said.symbol.as_deref(), Some("zio_wait"));
    }

    #[test]
    fn tables_and_memory_are_no_frames() {
        for line in [
            "0xffffff80156d3718   0xffffff801145a5a0   0xffffff8016b157a8       7 D",
            "0x17443b60:     0x17443be0      0x22424022",
            "0xffffff801389c000       0x38a8     0xffffff800b8ef658",
            "0xffffff8030bdb650 : 0xffffff802e01a30f mach_kernel : _zio + 0x12",
        ] {
            assert_eq!(frame(line, false, 0), None, "{line}");
        }
    }
}
