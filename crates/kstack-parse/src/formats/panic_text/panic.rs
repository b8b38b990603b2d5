//! One panic as collected from its lines, and the report it makes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use kstack_model::{
    Address, AddressSpace, Arch, Basis, Fact, Machine, Note, Position, Process, Report, Stack,
    StackEnd, Thread, ThreadRole, Value,
};

use super::backtrace::{Layout, PrintedFrame};
use super::kexts::Kexts;
use super::registers::Registers;
use super::scan::number_after;
use super::slides::Kernel;
use super::stacks::Core;

/// Bytes of a message that are kept: some carry whole pages in base64.
pub(super) const MESSAGE_LIMIT: usize = 4096;

/// Notes and facts of a kind that one panic keeps.
const MOST_REMARKS: usize = 256;

/// What the lines of one panic said.
#[derive(Debug, Default)]
pub(super) struct Panic {
    /// A panic line, a backtrace or a register block was seen; before that there are only headers.
    pub(super) started: bool,
    /// It began in the middle of another one, without a new report around it.
    pub(super) within_another: bool,
    pub(super) cpu: Option<u64>,
    pub(super) caller: Option<u64>,
    pub(super) message: String,
    pub(super) registers: Registers,
    pub(super) frames: Vec<PrintedFrame>,
    pub(super) end: StackEnd,
    /// Symbols pasted without addresses.
    pub(super) nameless: Vec<String>,
    pub(super) kexts: Kexts,
    pub(super) kernel: Kernel,
    pub(super) machine: Machine,
    pub(super) pid: Option<i32>,
    pub(super) process: Option<String>,
    pub(super) thread_id: Option<u64>,
    pub(super) cores: Vec<Core>,
    pub(super) facts: Vec<Fact>,
    pub(super) thread_facts: Vec<Fact>,
    pub(super) notes: Vec<Note>,
    /// "loaded kexts: (skipped, see boot kernelcache)".
    pub(super) table_skipped: bool,
}

impl Panic {
    /// A panic of which only the message is known.
    pub(super) fn of_message(message: &str) -> Panic {
        let end = message.floor_char_boundary(MESSAGE_LIMIT);
        Panic {
            started: true,
            message: message.get(..end).unwrap_or_default().to_owned(),
            ..Panic::default()
        }
    }

    /// Leaves a note. There are so many at most: a hostile text gives cause for one per line.
    pub(super) fn note(&mut self, at: Position, text: impl Into<String>) {
        if self.notes.len() < MOST_REMARKS {
            self.notes.push(Note::at(at, text));
        }
    }

    pub(super) fn thread_fact(&mut self, name: &'static str, value: impl Into<Value>) {
        if self.thread_facts.len() < MOST_REMARKS {
            self.thread_facts.push(Fact::new(name, value));
        }
    }

    pub(super) fn fact(&mut self, name: impl Into<Cow<'static, str>>, value: String) {
        if self.facts.len() < MOST_REMARKS {
            self.facts.push(Fact {
                name: name.into(),
                value: Value::Text(value),
            });
        }
    }

    /// Whether machine and kernel were said after the backtrace.
    pub(super) fn has_tail(&self) -> bool {
        self.machine.kernel_version.is_some() || !self.kernel.is_silent()
    }

    /// Takes what the second panic of one log printed for both.
    pub(super) fn take_tail_of(&mut self, later: &Panic) {
        self.notes.push(Note::new(
            "another panic happened while this one was printed; machine, kernel and kexts are those printed after it",
        ));
        let machine = later.machine.clone();
        let captured_at = self.machine.captured_at.take().or(machine.captured_at);
        self.machine = Machine {
            captured_at,
            ..machine
        };
        self.kernel = later.kernel.clone();
        self.kexts = later.kexts.clone();
        self.table_skipped = later.table_skipped;
    }

    /// Whether there is anything to report.
    pub(super) fn is_empty(&self) -> bool {
        !self.started && self.kexts.len() == 0 && self.nameless.is_empty()
    }

    /// The report, under the format's name.
    pub(super) fn into_report(mut self, format: &'static str) -> Report {
        let arch = self.arch();
        self.machine.arch = arch;
        let sample = Address(self.sample_address());
        let bare = |pointer: u64| match arch {
            Some(Arch::Arm64 | Arch::Arm64e) => Address(pointer).without_signature(sample).0,
            // The lowest bit of a code address says Thumb.
            Some(Arch::Arm) => pointer & !1,
            _ => pointer,
        };
        let basis = self.basis();
        let variant = self.variant(arch);
        let named = self.images_of_frames();
        let is_trace = self.started || !self.nameless.is_empty();
        let processes = if is_trace {
            self.processes(&bare)
        } else {
            Vec::new()
        };
        self.explain_missing_table();
        let slides = std::mem::take(&mut self.kernel.slides);
        let mut images = self.kernel.into_images();
        images.extend(self.kexts.into_images(arch, named));
        if !is_trace {
            // A table alone says nothing about the kernel.
            images.retain(|image| image.uuid.is_some() || !image.placements.is_empty());
        }
        let mut facts = panic_facts(self.caller, self.cpu, &self.message);
        facts.append(&mut self.facts);
        Report {
            format,
            variant,
            machine: self.machine,
            kernel: AddressSpace {
                basis,
                slides,
                images,
            },
            processes,
            facts,
            notes: self.notes,
            ..Report::default()
        }
    }

    /// The architecture, from what tells it most surely to what least.
    fn arch(&self) -> Option<Arch> {
        const OF_KERNEL: &[(&str, Arch)] = &[
            ("X86_64", Arch::X86_64),
            ("I386", Arch::I386),
            ("ARM64", Arch::Arm64),
            ("_ARM_", Arch::Arm),
            ("PPC", Arch::Ppc),
        ];
        let version = self.machine.kernel_version.as_deref().unwrap_or_default();
        let of_kernel = OF_KERNEL
            .iter()
            .find_map(|(word, arch)| version.contains(word).then_some(*arch));
        let of_frames = self.frames.first().map(|frame| {
            let is_long = self
                .frames
                .iter()
                .any(|frame| frame.address > u64::from(u32::MAX));
            match (frame.layout, is_long) {
                (Layout::Intel, true) => Arch::X86_64,
                (Layout::Intel, false) => Arch::I386,
                (Layout::Arm, true) => Arch::Arm64,
                (Layout::Arm, false) => Arch::Arm,
                (Layout::List, _) => Arch::Ppc,
            }
        });
        let of_caller = self.caller.and_then(|caller| match caller >> 36 {
            0xff_fffe0 | 0xfff_ffff => Some(Arch::Arm64),
            0xff_ffff7 | 0xff_ffff8 => Some(Arch::X86_64),
            _ => None,
        });
        of_kernel
            .or_else(|| self.registers.arch())
            .or(of_frames)
            .or(of_caller)
    }

    /// A kernel address that is surely free of signature bits.
    fn sample_address(&self) -> u64 {
        let stated = self.caller.or_else(|| self.kernel.base());
        stated.or_else(|| self.registers.get("pc")).unwrap_or(0)
    }

    /// Kernels before 10.8 (Darwin 12) have no slide; i386 and PowerPC ended before.
    fn basis(&self) -> Basis {
        let version = self.machine.kernel_version.as_deref().unwrap_or_default();
        let darwin = number_after(version, "Darwin Kernel Version ");
        let is_old = darwin.is_some_and(|major| major < 12)
            || matches!(self.machine.arch, Some(Arch::I386 | Arch::Ppc));
        if is_old && self.kernel.slides.is_empty() {
            Basis::Unslid
        } else {
            Basis::Slid
        }
    }

    fn variant(&self, arch: Option<Arch>) -> Option<String> {
        let mut words = vec![match arch {
            Some(arch) => format!("{arch} panic log"),
            None => "panic log".to_owned(),
        }];
        let version = self
            .facts
            .iter()
            .find(|fact| fact.name == "paniclog version");
        if let Some(Fact {
            value: Value::Text(version),
            ..
        }) = version
        {
            words.push(format!("version {version}"));
        }
        if self.frames.iter().any(|frame| frame.said.is_some()) {
            words.push("with symbols (keepsyms)".to_owned());
        }
        Some(words.join(", "))
    }

    /// The process of the panicked thread, and what the other processors did.
    fn processes(&mut self, bare: &dyn Fn(u64) -> u64) -> Vec<Process> {
        let mut thread = Thread {
            id: self.thread_id,
            role: ThreadRole::Panicked,
            ..Thread::default()
        };
        thread.stacks = self.stacks(bare);
        thread.facts = self.thread_facts(bare, &thread.stacks);
        let mut processes = vec![Process {
            pid: self.pid,
            name: self.process.take(),
            threads: vec![thread],
            ..Process::default()
        }];
        if !self.cores.is_empty() {
            processes.push(Process {
                threads: self.cores.iter().map(|core| core.thread(bare)).collect(),
                facts: vec![Fact::new(
                    "threads",
                    "what the other processors did when the panic happened".to_owned(),
                )],
                ..Process::default()
            });
        }
        processes
    }

    fn thread_facts(&mut self, bare: &dyn Fn(u64) -> u64, stacks: &[Stack]) -> Vec<Fact> {
        let mut facts = std::mem::take(&mut self.thread_facts);
        if let Some(fault) = self.registers.fault(&self.message) {
            facts.push(Fact::new("fault", fault));
        }
        if let Some(bad) = self.registers.bad_pointers(&self.message) {
            facts.push(Fact::new("registers that hold no address", bad));
        }
        facts.extend(self.leaf_caller(bare, stacks));
        facts.extend(self.registers.iter().map(|(name, value)| Fact {
            name: name.to_owned().into(),
            value: Value::Hex(value),
        }));
        if !self.nameless.is_empty() {
            let names = std::mem::take(&mut self.nameless);
            facts.push(Fact::new("frames without address", names.join("\n")));
            self.notes.push(Note::new(
                "the frames are pasted without their addresses: there is nothing to look up",
            ));
        }
        facts
    }

    /// Kexts that the frames name; a pasted fragment has no table.
    fn images_of_frames(&self) -> BTreeSet<String> {
        let of_frames = self
            .frames
            .iter()
            .filter_map(|frame| frame.said.as_ref()?.image.as_deref());
        let of_names = self
            .nameless
            .iter()
            .filter_map(|line| Some(line.split_once(':')?.0.trim()));
        of_frames
            .chain(of_names)
            .filter(|image| image.contains('.'))
            .map(str::to_owned)
            .collect()
    }

    fn explain_missing_table(&mut self) {
        if self.table_skipped && !self.kexts.has_table() {
            self.notes.push(Note::new(
                "this kernel does not print where its kexts lie (\"skipped, see boot kernelcache\"): \
                 give the boot kernel collection, or the stackshot of the same .ips file",
            ));
        }
    }
}

fn panic_facts(caller: Option<u64>, cpu: Option<u64>, message: &str) -> Vec<Fact> {
    let mut facts = Vec::new();
    let message = message.trim_end_matches(", registers:");
    if !message.is_empty() {
        facts.push(Fact::new("panic", message.to_owned()));
    }
    facts.extend(cpu.map(|cpu| Fact::new("cpu", cpu)));
    facts.extend(caller.map(|caller| Fact::new("caller", Address(caller))));
    facts
}
