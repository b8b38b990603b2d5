//! A trace as the text that symstacks.rb printed on 10.8.

use std::fmt::Write as _;

use kstack_synth::legacy::Thread;

use super::hang::Process;

/// Names an address: function, image, offset; `None` prints the bare address.
pub(crate) type Naming<'a> = dyn Fn(u64) -> Option<(String, &'static str, u64)> + 'a;

const STATES: [(u32, &str); 7] = [
    (0x1, "TH_WAIT"),
    (0x2, "TH_SUSP"),
    (0x4, "TH_RUN"),
    (0x8, "TH_UNINT"),
    (0x10, "TH_TERMINATE"),
    (0x20, "TH_TERMINATE2"),
    (0x80, "TH_IDLE"),
];

/// Prints all processes.
pub(crate) fn print(build: &str, processes: &[Process], naming: &Naming<'_>) -> String {
    let mut text = format!("Build Version: {build}\n");
    for (task, threads) in processes {
        for thread in threads {
            print_thread(&mut text, task.pid, &task.name, thread, naming);
        }
    }
    text
}

fn print_thread(text: &mut String, pid: i32, name: &str, thread: &Thread, naming: &Naming<'_>) {
    let states = STATES.iter().filter(|(bit, _)| thread.state & bit != 0);
    let states: Vec<&str> = states.map(|(_, name)| *name).collect();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("PID: {pid}"));
    line(format!("    Process: {name}"));
    line(format!("    Thread ID: {:#x}", thread.id));
    line(format!(
        "    Thread state: {:#x} == {} ",
        thread.state,
        states.join(" |")
    ));
    if thread.wait_event != 0 {
        line(format!("    Thread wait_event: {:#x}", thread.wait_event));
    }
    for (heading, frames) in [("Kernel", &thread.kernel), ("User", &thread.user)] {
        if frames.is_empty() {
            continue;
        }
        line(format!("    {heading} stack: "));
        for (depth, (address, _)) in frames.iter().enumerate() {
            let mut frame = " ".repeat(4 + 2 * depth);
            let written = match naming(*address) {
                Some((name, image, offset)) => {
                    write!(frame, "{name} (in {image}) + {offset} ({address:#x})")
                }
                None => write!(frame, "{address:#x}"),
            };
            written.expect("a string takes all");
            line(frame);
        }
    }
}
