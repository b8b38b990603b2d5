//! What one artefact says. Complete when its parser returns, never edited by the resolver.

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::{
    Address, AddressSpace, Arch, FrameKind, ImageOffset, Note, PortLabel, SharedCache, ThreadState,
    Turnstile, Uuid, WaitInfo,
};

/// What one artefact says: one trace, one panic, or one list of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Name of the format, as in the table of formats.
    pub format: &'static str,
    /// Which form of it, for a person: "G5, OS X 10.8".
    pub variant: Option<String>,
    /// The machine it was taken on.
    pub machine: Machine,
    /// The kernel's address space: kernel, kexts, and what is said of them.
    pub kernel: AddressSpace,
    /// Shared caches of user space, with the images inside them where the artefact lists these.
    pub shared_caches: Vec<SharedCache>,
    /// Processes in the order of the artefact; empty for a list of images.
    pub processes: Vec<Process>,
    /// Everything else the artefact says about the machine as a whole.
    pub facts: Vec<Fact>,
    /// What was skipped, doubted or merged while reading.
    pub notes: Vec<Note>,
}

impl Report {
    /// A report of threads, of whose process nothing is known.
    #[must_use]
    pub fn of_threads(threads: Vec<Thread>) -> Report {
        Report {
            processes: vec![Process {
                threads,
                ..Process::default()
            }],
            ..Report::default()
        }
    }
}

/// The machine a report was taken on. Every field is absent where the artefact is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Architecture of the kernel.
    pub arch: Option<Arch>,
    /// "OS X 10.8", "macOS 14.4".
    pub os_version: Option<String>,
    /// "12F45", "23E214".
    pub os_build: Option<String>,
    /// The line `Darwin Kernel Version …`.
    pub kernel_version: Option<String>,
    /// "`MacBookPro11`,1".
    pub model: Option<String>,
    /// Boot arguments.
    pub boot_args: Option<String>,
    /// Time of capture as the artefact writes it.
    pub captured_at: Option<String>,
}

/// One process and its threads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// Process id; `None` where the artefact has none.
    pub pid: Option<i32>,
    /// Name, up to 16 characters in stackshots.
    pub name: Option<String>,
    /// Path of its executable.
    pub path: Option<String>,
    /// Its user address space.
    pub space: AddressSpace,
    /// Threads in the order of the artefact.
    pub threads: Vec<Thread>,
    /// What its threads wait for, where the kernel recorded it.
    pub waits: Vec<WaitInfo>,
    /// Where the priority inheritance of its waiting threads ends.
    pub turnstiles: Vec<Turnstile>,
    /// The ports its threads wait on.
    pub port_labels: Vec<PortLabel>,
    /// Everything else the artefact says about the process.
    pub facts: Vec<Fact>,
}

/// One thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thread {
    /// Thread id; in traces before 10.6.5 or so the kernel address of the thread object.
    pub id: Option<u64>,
    /// The name its program gave it.
    pub name: Option<String>,
    /// Label of the dispatch queue it serves.
    pub queue: Option<String>,
    /// Why it is in the report.
    pub role: ThreadRole,
    /// State bits.
    pub state: Option<ThreadState>,
    /// What it waits for: a kernel address, or what the kernel made of it. `None` when it is zero.
    pub wait_event: Option<Address>,
    /// Where it continues when woken, for threads that gave up their kernel stack. `None` when it is zero.
    pub continuation: Option<Address>,
    /// Everything else the artefact says about the thread.
    pub facts: Vec<Fact>,
    /// Its stacks; several of one side in sampled artefacts.
    pub stacks: Vec<Stack>,
}

impl Thread {
    /// A thread of which nothing is known but a stack.
    #[must_use]
    pub fn with_stack(stack: Stack) -> Thread {
        Thread {
            stacks: vec![stack],
            ..Thread::default()
        }
    }
}

/// Why a thread is in the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ThreadRole {
    /// One of many.
    #[default]
    Ordinary,
    /// The one whose panic it is.
    Panicked,
}

/// The frames of one thread on one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Kernel or user.
    pub side: Side,
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// How many samples it stands for; 1 in a snapshot.
    pub samples: u64,
    /// How it ends.
    pub end: StackEnd,
}

impl Stack {
    /// One observation of a stack, whose end is not known to be cut.
    #[must_use]
    pub fn new(side: Side, frames: Vec<Frame>) -> Stack {
        Stack {
            side,
            frames,
            samples: 1,
            end: StackEnd::Unknown,
        }
    }
}

/// The side of the system call boundary a stack is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Kernel frames, resolved in the report's kernel space.
    Kernel,
    /// User frames, resolved in the process's space.
    User,
    /// Callers of asynchronous user code (Swift tasks).
    UserAsync,
}

/// How a stack ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StackEnd {
    /// The walk came to its end.
    Complete,
    /// Cut: a frame limit, unreadable memory, or a damaged file.
    Truncated,
    /// The artefact does not tell.
    #[default]
    Unknown,
}

/// One address in a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The address, with pointer-authentication and tag bits removed.
    pub at: At,
    /// Which kind of code address it is.
    pub kind: FrameKind,
    /// The frame pointer stored beside it, where there is one and it is not zero.
    pub frame_pointer: Option<NonZeroU64>,
    /// What the artefact itself printed about it.
    ///
    /// Shared: a line of a call tree is one frame of every stack that passes through it.
    pub said: Option<Arc<Said>>,
}

impl Frame {
    /// A frame with nothing beside its address.
    #[must_use]
    pub fn new(address: Address, kind: FrameKind) -> Frame {
        Frame {
            at: At::Absolute(address),
            kind,
            frame_pointer: None,
            said: None,
        }
    }

    /// A frame of which the artefact prints words and no address.
    #[must_use]
    pub fn unplaced(said: Said, kind: FrameKind) -> Frame {
        Frame {
            at: At::Unknown,
            kind,
            frame_pointer: None,
            said: Some(Arc::new(said)),
        }
    }

    /// The same frame with what the artefact said of it; nothing when it said nothing.
    #[must_use]
    pub fn saying(mut self, said: Said) -> Frame {
        self.said = (said != Said::default()).then(|| Arc::new(said));
        self
    }
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// At an address of the stack's space.
    Absolute(Address),
    /// At an offset in an image whose load address the artefact does not state.
    InImage {
        /// Index into the images of the stack's space.
        image: u32,
        /// Bytes from that image's load address.
        offset: ImageOffset,
    },
    /// Known only by what was said of it: the artefact prints a name and no address.
    Unknown,
}

/// What an artefact printed about a frame. It may be false: stripped kernels print the nearest exported name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The address as printed, when bits were removed from it to get the frame's own.
    pub raw: Option<Address>,
    /// Image.
    pub image: Option<String>,
    /// Function.
    pub symbol: Option<String>,
    /// Bytes into the function.
    pub offset: Option<u64>,
    /// Source file.
    pub file: Option<String>,
    /// Line in it.
    pub line: Option<u32>,
    /// Functions inlined at this address, innermost first, as debuggers list them.
    pub inlined: Vec<Said>,
    /// What stands behind it, without its brackets: "running", "blocked by krwlock for reading".
    pub remark: Option<String>,
}

/// One more thing the artefact says, under its own field name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The field's name in the artefact's own terms.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: Value,
}

impl Fact {
    /// A fact from anything that is a value.
    pub fn new(name: &'static str, value: impl Into<Value>) -> Fact {
        Fact {
            name: Cow::Borrowed(name),
            value: value.into(),
        }
    }
}

/// The value of a [`Fact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A count or size.
    Number(u64),
    /// A number that can be negative.
    Signed(i64),
    /// A bit set or an address; shown in hexadecimal.
    Hex(u64),
    /// A text.
    Text(String),
    /// A UUID.
    Uuid(Uuid),
    /// Several numbers.
    List(Vec<u64>),
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Number(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Number(value.into())
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::Signed(value.into())
    }
}

impl From<Address> for Value {
    fn from(value: Address) -> Value {
        Value::Hex(value.0)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Value {
        Value::Uuid(value)
    }
}

impl From<Vec<u64>> for Value {
    fn from(value: Vec<u64>) -> Value {
        Value::List(value)
    }
}
