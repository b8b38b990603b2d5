//! Traces made by hand.

use std::sync::Arc;

use kstack_model::{
    Address, Arch, Basis, Fact, Frame, FrameKind, ImageKind, ImageOffset, LoadedImage, Machine,
    Note, Placement, PortLabel, PortLabelId, Position, Process, Report, Said, Side, Stack,
    StackEnd, Thread, ThreadState, Turnstile, Uuid, Value, VmAddr, WaitInfo, WaitType,
};
use kstack_symbols::{Certainty, Datum, Detail, Named, NamedBy, Slot, SourceFrame, Virtual};

use crate::resolve::{
    Awaited, MatchedBy, PlacedBy, Refusal, Resolution, SlideMap, SpaceId, Trace, TraceImage,
    UnusedFile, UnusedReason, UsedSource, Why,
};

pub(super) const KERNEL: u64 = 0xffff_ff80_0020_0000;
pub(super) const SPL: u64 = 0xffff_ff7f_80e4_a000;
pub(super) const ZFS: u64 = 0xffff_ff7f_80e8_0000;

/// A trace without processes, of the kernel, a given spl and a zfs that is missing.
pub(super) fn empty() -> Trace {
    let machine = Machine {
        arch: Some(Arch::X86_64),
        os_version: Some("OS X 10.8".to_owned()),
        os_build: Some("12A1".to_owned()),
        ..Machine::default()
    };
    let mut report = Report {
        format: "stackshot-legacy",
        machine,
        ..Report::default()
    };
    report.kernel.basis = Basis::Unslid;
    Trace {
        inferences: Vec::new(),
        entered: Default::default(),
        guesses: Default::default(),
        awaited: Default::default(),
        contradictions: Default::default(),
        report,
        images: vec![
            image(
                "mach_kernel",
                ImageKind::Kernel,
                KERNEL,
                0x11,
                Some("/k/mach_kernel"),
            ),
            image(
                "net.lundman.spl",
                ImageKind::Kext,
                SPL,
                0x22,
                Some("/k/spl"),
            ),
            image("net.lundman.zfs", ImageKind::Kext, ZFS, 0x33, None),
        ],
        unused: Vec::new(),
        notes: Vec::new(),
        resolutions: foldhash::HashMap::default(),
    }
}

pub(super) fn image(
    name: &str,
    kind: ImageKind,
    load: u64,
    uuid: u8,
    file: Option<&str>,
) -> TraceImage {
    let mut image = LoadedImage::new(kind);
    image.name = Some(name.to_owned());
    image.uuid = Some(Uuid::from_bytes([uuid; 16]));
    image.placements = vec![Placement::LoadedAt(Address(load))];
    TraceImage {
        evidence: None,
        space: SpaceId::Kernel,
        used: file.map(|path| UsedSource {
            name: name.to_owned(),
            paths: vec![path.to_owned()],
            uuid: image.uuid,
            matched_by: MatchedBy::Uuid,
            placed_by: PlacedBy::Report,
            slides: SlideMap::default(),
            detail: Detail::Lines,
            mismatched: false,
            remarks: Vec::new(),
        }),
        image,
        refused: Vec::new(),
        frames: 0,
    }
}

pub(super) fn named(name: &str) -> Named {
    Named {
        raw: name.into(),
        name: name.into(),
        start: VmAddr(0),
        certainty: Certainty::Inside,
        frames: Vec::new(),
    }
}

/// A guess from tables, by class and entry.
pub(super) fn guess(tables: &[(&str, u32)], more: usize) -> Virtual {
    let slots = tables.iter().map(|(class, entry)| Slot {
        class: (*class).to_owned(),
        entry: *entry,
        named_by: NamedBy::Symbol,
    });
    Virtual {
        start: VmAddr(0x40),
        tables: slots.collect(),
        more,
    }
}

/// A variable of that name, 8 bytes before what is awaited.
pub(super) fn awaited(image: usize, name: &str) -> Awaited {
    Awaited {
        image,
        segment: "__DATA".to_owned(),
        linked: VmAddr(0x1008),
        datum: Some(Datum {
            raw: name.into(),
            name: name.into(),
            start: VmAddr(0x1000),
            certainty: Certainty::Nearest,
        }),
    }
}

pub(super) fn source(function: &str, file: &str, line: u32, column: u32) -> SourceFrame {
    SourceFrame {
        function: Some(function.into()),
        raw: None,
        file: Some(file.into()),
        line: Some(line),
        column: Some(column),
        nearby: false,
        excerpt: None,
    }
}

/// A frame of the kernel's space with what was found for it.
pub(super) struct Answer {
    pub(super) address: u64,
    pub(super) said: Option<Said>,
    pub(super) resolution: Resolution,
}

impl Answer {
    pub(super) fn named(image: usize, base: u64, at: u64, offset: u64, named: Named) -> Answer {
        Answer {
            address: base + at,
            said: None,
            resolution: Resolution::Named {
                image,
                offset_in_image: ImageOffset(at),
                looked_up: VmAddr(at),
                offset,
                named: Box::new(named),
            },
        }
    }

    pub(super) fn in_image(image: usize, base: u64, at: u64, why: Why) -> Answer {
        Answer {
            address: base + at,
            said: None,
            resolution: Resolution::ImageOnly {
                image,
                offset_in_image: ImageOffset(at),
                why,
            },
        }
    }

    pub(super) fn nowhere(address: u64) -> Answer {
        Answer {
            address,
            said: None,
            resolution: Resolution::Nowhere {
                why: Why::NoImageThere,
            },
        }
    }

    pub(super) fn said(mut self, symbol: &str, offset: u64) -> Answer {
        self.said = Some(Said {
            symbol: Some(symbol.to_owned()),
            offset: Some(offset),
            ..Said::default()
        });
        self
    }
}

/// Stores the answers and makes a kernel stack of their frames.
pub(super) fn stack(trace: &mut Trace, answers: Vec<Answer>) -> Stack {
    let mut frames = Vec::new();
    for answer in answers {
        let mut frame = Frame::new(Address(answer.address), FrameKind::ReturnAddress);
        frame.said = answer.said.map(Arc::new);
        let image = match &answer.resolution {
            Resolution::Named { image, .. } | Resolution::ImageOnly { image, .. } => Some(*image),
            Resolution::Nowhere { .. } => None,
        };
        if let Some(image) = image {
            trace.images[image].frames += 1;
        }
        let key = (SpaceId::Kernel, frame.at, frame.kind);
        trace.resolutions.insert(key, answer.resolution);
        frames.push(frame);
    }
    Stack::new(Side::Kernel, frames)
}

/// A trace of one thread with one kernel stack.
pub(super) fn one(answers: Vec<Answer>) -> Trace {
    let mut trace = empty();
    let stack = stack(&mut trace, answers);
    trace.report.processes = vec![process(156, "zpool", vec![thread(0x4e2, vec![stack])])];
    trace
}

pub(super) fn process(pid: i32, name: &str, threads: Vec<Thread>) -> Process {
    Process {
        pid: Some(pid),
        name: Some(name.to_owned()),
        threads,
        ..Process::default()
    }
}

pub(super) fn thread(id: u64, stacks: Vec<Stack>) -> Thread {
    Thread {
        id: Some(id),
        stacks,
        ..Thread::default()
    }
}

/// A pool that hangs: something of everything that the outputs show.
pub(super) fn hang() -> Trace {
    let mut trace = empty();
    let start_only = Named {
        certainty: Certainty::Unnamed,
        ..named("sub_ffffff800022e210")
    };
    let cv_wait = Named {
        frames: vec![
            source("cv_check_owner", "/src/spl/spl-condvar.c", 22, 7),
            source("spl_cv_wait", "/src/spl/spl-condvar.c", 41, 3),
        ],
        ..named("spl_cv_wait")
    };
    let nearest = Named {
        certainty: Certainty::Nearest,
        ..named("spl_mutex_exit")
    };
    let mut kernel = stack(
        &mut trace,
        vec![
            Answer::named(0, KERNEL, 0xb3d3e, 366, named("machine_switch_context")),
            Answer::named(0, KERNEL, 0x2e711, 1281, start_only),
            Answer::named(0, KERNEL, 0x2d9dc, 300, named("thread_block_reason"))
                .said("_stfattach", 0x558),
            Answer::named(1, SPL, 0x8a76, 54, cv_wait),
            Answer::named(1, SPL, 0x9000, 4711, nearest),
            Answer::in_image(2, ZFS, 0x5a257, Why::NoSymbolFile),
            Answer::in_image(2, ZFS, 0x5b000, Why::NoSymbolFile).said("arc_read", 12),
            Answer::in_image(2, ZFS, 0x9_5b000, Why::NearestImageBelow),
            Answer::nowhere(0xffff_ff7f_f000_0000),
            Answer::nowhere(0xffff_ff80_1234_0000),
        ],
    );
    kernel.end = StackEnd::Truncated;
    let mut zpool = thread(0x4e2, vec![kernel]);
    zpool.name = Some("txg_sync".to_owned());
    zpool.state = Some(ThreadState(0x9));
    zpool.wait_event = Some(Address(0xffff_ff80_0660_8a6c));
    zpool.facts = vec![
        Fact::new("pri", 81u32),
        Fact::new("flags", Value::Hex(0x80)),
    ];
    let mut idle = thread(0x4e3, Vec::new());
    idle.state = Some(ThreadState(0x85));
    idle.continuation = Some(Address(KERNEL + 0x2e000));
    trace.images[2].image.version = Some("1.0.0".to_owned());
    trace.images[2].refused = vec![Refusal {
        path: "/k/zfs.kext".to_owned(),
        uuid: None,
        why: "has no UUID; pass the build that was loaded".to_owned(),
    }];
    trace.unused = vec![UnusedFile {
        path: "/k/other.kext".to_owned(),
        name: Some("com.example.other".to_owned()),
        uuid: Some(Uuid::from_bytes([0x44; 16])),
        reason: UnusedReason::NotPlaced,
        why: "no image of the report has this UUID".to_owned(),
    }];
    trace.report.notes = vec![Note::at(Position::Byte(0x40), "12 bytes skipped")];
    trace.notes = vec![Note::new("one kext is missing")];
    trace.report.processes = vec![
        process(0, "kernel_task", vec![idle]),
        process(156, "zpool", vec![zpool]),
    ];
    trace
}

/// A thread that waits for a process to take its message, and lends its priority to a thread of it.
pub(super) fn waiting() -> Trace {
    let mut trace = empty();
    trace.report.processes.push(Process {
        pid: Some(5),
        name: Some("client".to_owned()),
        threads: vec![Thread {
            id: Some(1),
            ..Thread::default()
        }],
        waits: vec![WaitInfo {
            waiter: 1,
            wait_type: WaitType::PORT_SEND,
            owner: 77,
            context: 0xa11ce,
            flags: 0,
            port_label: PortLabelId::Id(3),
        }],
        turnstiles: vec![Turnstile {
            waiter: 1,
            context: 9,
            priority: 81,
            hops: 2,
            flags: 0x8,
            port_label: PortLabelId::None,
        }],
        port_labels: vec![PortLabel {
            id: 3,
            name: Some("com.example.service".to_owned()),
            ..PortLabel::default()
        }],
        ..Process::default()
    });
    trace
}
