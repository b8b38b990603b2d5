//! Panic logs, written line by line in the layouts of several kernels.

use std::fmt::Write;

/// The layout of a panic log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 64-bit Intel.
    X86_64,
    /// 32-bit Intel: four stack words behind each frame.
    I386,
    /// 64-bit ARM: machine first, frames as `lr` and `fp`.
    Arm64,
    /// 32-bit PowerPC: frames as a bare list.
    Ppc,
}

/// A panic log in the making. Every part is written where the kernel writes it.
#[derive(Clone, Debug)]
pub struct PanicLog {
    layout: Layout,
    cpu: u32,
    head: String,
    registers: String,
    frames: String,
    kexts: String,
    process: String,
    machine: String,
    tail: String,
}

impl PanicLog {
    /// A log with a panic line.
    #[must_use]
    pub fn new(layout: Layout, caller: u64, message: &str) -> PanicLog {
        PanicLog {
            layout,
            cpu: 0,
            head: format!("panic(cpu 0 caller {caller:#x}): {message}\n"),
            registers: String::new(),
            frames: String::new(),
            kexts: String::new(),
            process: String::new(),
            machine: String::new(),
            tail: String::new(),
        }
    }

    /// The processor that panicked, in place of the first.
    #[must_use]
    pub fn on_cpu(mut self, cpu: u32) -> PanicLog {
        self.head = self.head.replacen("cpu 0", &format!("cpu {cpu}"), 1);
        self.cpu = cpu;
        self
    }

    /// A log that begins without a panic line.
    #[must_use]
    pub fn headless(layout: Layout) -> PanicLog {
        PanicLog {
            head: String::new(),
            ..PanicLog::new(layout, 0, "")
        }
    }

    /// One line of the register block, as given.
    #[must_use]
    pub fn registers(mut self, line: &str) -> PanicLog {
        self.registers.push_str(line);
        self.registers.push('\n');
        self
    }

    /// One frame; `said` is what keepsyms prints behind it.
    #[must_use]
    pub fn frame(mut self, frame_pointer: u64, address: u64, said: &str) -> PanicLog {
        let frames = &mut self.frames;
        // Writing to a string cannot fail.
        let _ = match self.layout {
            Layout::X86_64 => writeln!(frames, "{frame_pointer:#018x} : {address:#018x} {said}"),
            Layout::I386 => writeln!(
                frames,
                "{frame_pointer:#x} : {address:#x} (0x3b1a20 {frame_pointer:#x} 0x133e10 0x0) {said}"
            ),
            Layout::Arm64 => {
                writeln!(
                    frames,
                    "\t\t  lr: {address:#018x}  fp: {frame_pointer:#018x}"
                )
            }
            Layout::Ppc => write!(frames, "{address:#010X} ").map(|()| {
                *frames = frames.replace("0X", "0x");
            }),
        };
        self
    }

    /// A row of the kext table, as given.
    #[must_use]
    pub fn kext(mut self, row: &str) -> PanicLog {
        let _ = writeln!(self.kexts, "         {row}");
        self
    }

    /// A line about machine or kernel, as given.
    #[must_use]
    pub fn machine(mut self, line: &str) -> PanicLog {
        self.machine.push_str(line);
        self.machine.push('\n');
        self
    }

    /// The process and thread that panicked.
    #[must_use]
    pub fn process(mut self, pid: i32, name: &str, tid: u64) -> PanicLog {
        self.process = match self.layout {
            Layout::Arm64 => format!(
                "Panicked task 0xfffffe1000000100: 29 pages, 3 threads: pid {pid}: {name}\n\
                 Panicked thread: 0xfffffe1000000200, backtrace: 0xfffffe8000000300, tid: {tid}\n"
            ),
            _ => format!("\nBSD process name corresponding to current thread: {name}\n"),
        };
        self
    }

    /// A line after everything else, as given.
    #[must_use]
    pub fn tail(mut self, line: &str) -> PanicLog {
        self.tail.push_str(line);
        self.tail.push('\n');
        self
    }

    /// The text.
    #[must_use]
    pub fn build(&self) -> String {
        let PanicLog {
            cpu,
            head,
            registers,
            frames,
            kexts,
            process,
            machine,
            tail,
            ..
        } = self;
        let backtrace = match self.layout {
            _ if frames.is_empty() => String::new(),
            Layout::X86_64 => format!("Backtrace (CPU {cpu}), Frame : Return Address\n{frames}"),
            Layout::I386 => format!(
                "Backtrace (CPU {cpu}), Frame : Return Address (4 potential args on stack)\n{frames}"
            ),
            Layout::Arm64 => frames.clone(),
            Layout::Ppc => {
                format!("Latest stack backtrace for cpu 0:\n      Backtrace:\n         {frames}\n")
            }
        };
        let kexts = if kexts.is_empty() {
            String::new()
        } else {
            format!("      Kernel Extensions in backtrace:\n{kexts}")
        };
        match self.layout {
            Layout::Arm64 => {
                format!("{head}{registers}\n{machine}{process}{backtrace}{kexts}\n{tail}")
            }
            _ => format!("{head}{registers}{backtrace}{kexts}{process}\n{machine}\n{tail}"),
        }
    }
}
