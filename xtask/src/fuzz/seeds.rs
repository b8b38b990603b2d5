//! What fuzzing starts from: our own samples, and artefacts that kstack-synth builds.

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_model::Uuid;
use kstack_parse::{FORMATS, Limits, dump, parse, parse_as};
use kstack_synth::ips::Ips;
use kstack_synth::kcdata::{self, Buffer};
use kstack_synth::legacy::{self, Generation, Trace};
use kstack_synth::macho::{InfoPlist, Program, fat};
use kstack_synth::micro::Sample;
use kstack_synth::panic::{Layout, PanicLog};

use super::loaders;

const KERNEL: u64 = 0xffff_ff80_0020_0000;
const KEXT: u64 = 0xffff_ff7f_8100_0000;

/// Records of a zone log as gdb and lldb print them.
const ZLOGS: [&str; 2] = [
    "oldest record is at log index 12:\n\n---- ALLOC  0xffffff8031110000 : index 12  :  ztime 777 ----\n\n\
     0xffffff8000244000 <zalloc_canblock+78>:   mov    %eax,-0xcc(%rbp)\n0xffffff7f80e84700:   nop\n",
    "FREE 0xffffff8031110000 : index 3 : ztime 5\n  0xffffff8000244000 kernel`zfree + 78\n  [1] 0xffffff7f80e84700 zfs`arc_evict + 0x10 at arc.c:7\n",
];

/// Tables of zones as the program and a macro print them.
const ZONES: [&str; 2] = [
    "zone name                   size       size       size    #elts       #elts  inuse  size  count\n\
     -------------------------------------------------------------------------------\n\
     kalloc.128                   128      1536K      2048K   12288       16384  12000    4K     32 C\n",
    "ZONE                   TOT_SZ PAGE_COUNT  ALLOC_ELTS   FREE_ELTS ELT_SZ ALLOC FLAGS NAME\n\
     0xffffff8025d5b000      90112         22         143           9    592  4096 X$  zones\n",
];

/// Every seed there is; which serve a target is asked of kstack itself.
#[derive(Debug)]
pub(crate) struct Seeds {
    reports: Vec<Vec<u8>>,
    symbols: Vec<Vec<u8>>,
    plists: Vec<Vec<u8>>,
}

impl Seeds {
    /// Reads the samples and builds the rest.
    pub(crate) fn make(root: &Path) -> Result<Seeds> {
        let mut seeds = Seeds {
            reports: built_reports(),
            symbols: built_symbols(),
            plists: built_plists(),
        };
        seeds.add_samples(&root.join("samples"))?;
        Ok(seeds)
    }

    /// The seeds of a target.
    pub(crate) fn of(&self, target: &str) -> Vec<Vec<u8>> {
        let limits = Limits::default();
        let reports_that = |serve: &dyn Fn(&[u8]) -> bool| {
            let reports = self.reports.iter().filter(|report| serve(report));
            reports.cloned().collect()
        };
        if let Some(seeds) = loaders::of(target) {
            return seeds;
        }
        match target {
            "symbols" => self.symbols.clone(),
            "bundle" => self.plists.clone(),
            "join" => self.pairs(),
            "cache" => vec![vec![48, 0, b'?'], vec![0, 1, 2, 3, 4, 5]],
            "annotate" => self.texts(),
            "zlog" => ZLOGS.iter().map(|text| text.as_bytes().to_vec()).collect(),
            "zones" => ZONES.iter().map(|text| text.as_bytes().to_vec()).collect(),
            "dump" => reports_that(&|report| dump(report, &limits).is_ok()),
            name => match FORMATS.iter().find(|format| format.name == name) {
                Some(format) => reports_that(&|report| parse_as(format, report, &limits).is_ok()),
                None => self.reports.clone(),
            },
        }
    }

    /// Reports that are text, with the kexts of the annotate target mentioned.
    fn texts(&self) -> Vec<Vec<u8>> {
        let texts = self
            .reports
            .iter()
            .filter(|report| str::from_utf8(report).is_ok());
        let mention = b"at 0xffffff7f81000f10, zfs + 0x1000 and spl + 4096\r\n".to_vec();
        texts.cloned().chain([mention]).collect()
    }

    /// Traces with lists of images behind them, in the form of the join target.
    fn pairs(&self) -> Vec<Vec<u8>> {
        let is_list = |bytes: &[u8]| {
            parse(bytes, &Limits::default())
                .is_ok_and(|reports| reports.iter().all(|report| report.processes.is_empty()))
        };
        let (lists, traces): (Vec<_>, Vec<_>) =
            self.reports.iter().partition(|report| is_list(report));
        let pair =
            |trace: &Vec<u8>, list: &Vec<u8>| [trace, b"\n=====\n".as_slice(), list].concat();
        let with = |list| traces.iter().map(move |trace| pair(trace, list));
        lists.iter().take(4).flat_map(|list| with(list)).collect()
    }

    fn add_samples(&mut self, folder: &Path) -> Result<()> {
        let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name();
            match name.to_string_lossy().as_ref() {
                "src" | "expect" | "case.toml" => {}
                _ if path.is_dir() => self.add_samples(&path)?,
                "Info.plist" => self.plists.push(fs::read(&path)?),
                _ => {
                    let bytes = fs::read(&path)?;
                    match parse(&bytes, &Limits::default()) {
                        Ok(_) => self.reports.push(bytes),
                        Err(_) => self.symbols.push(bytes),
                    }
                }
            }
        }
        Ok(())
    }
}

fn built_reports() -> Vec<Vec<u8>> {
    let mut reports = vec![system().end(), system().compressed(), delta(), panic_ips()];
    for generation in Generation::ALL {
        reports.push(trace(generation).build());
        reports.push(trace(generation).big_endian().build());
    }
    for generation in [Generation::G6, Generation::G7, Generation::G8] {
        reports.push([0x4, 0x40].map(|flags| sample(generation, flags)).concat());
    }
    for layout in [Layout::X86_64, Layout::I386, Layout::Arm64, Layout::Ppc] {
        reports.push(panic_log(layout).into_bytes());
    }
    reports
}

/// A little of every container and of every record of a kcdata stackshot.
fn system() -> Buffer {
    let thread = |thread: Buffer| {
        let record = kcdata::Thread {
            id: 8,
            ..Default::default()
        };
        thread
            .item(0x906, &record.record())
            .text(0x909, "txg_sync_thread")
            .array(0x914, &kcdata::words(&[KERNEL + 0x1000, KEXT + 0x20]))
            .array(0x916, &kcdata::words(&[0x1_0000_1000]))
            .array(0x90d, &kcdata::pairs(&[(0x1000, 1), (0x2000, 2)]))
            .array(0x90c, &kcdata::half_words(&[0x10, 0x20]))
    };
    Buffer::stackshot()
        .named_u32("stackshot_in_flags", 0x10)
        .named_u64("stackshot_duration", 7)
        .text(
            0x90f,
            "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_X86_64",
        )
        .item(0x908, &[7; 40])
        .type_definition(0x9ee, "odd", &[])
        .task(0, |task| {
            task.item(0x905, &kcdata::task_snapshot(0, 0, "kernel_task"))
                .array(0x31, &[kcdata::load_info(KERNEL, [1; 16])])
                .array(0x91d, &[kcdata::wait_info(8, 1, 9, 0)])
                .array(0x935, &[kcdata::turnstile(8, 9, 0x2, 1)])
                .thread(8, thread)
        })
        .container(0x949, 0, |exclaves| {
            exclaves.container(0x94a, 1, |one| one.item(0x94b, &[1; 16]))
        })
        .nested(&Buffer::begin(0xdead_f157).item(0x805, &[7, 0, 0, 0]).end())
}

fn delta() -> Vec<u8> {
    let record = kcdata::Thread::default().delta_record();
    let task = |task: Buffer| task.array(0x941, &[record]);
    let delta = Buffer::delta().task(5, task).end();
    [Buffer::old_stackshot().end(), delta].concat()
}

fn task(pid: i32) -> legacy::Task {
    legacy::Task {
        pid,
        name: "zed".to_owned(),
        is_wide: true,
        load_infos: vec![(0x1_0000_0000, Uuid::from_bytes([6; 16]))],
        donating_pids: vec![1, 2],
        ..legacy::Task::default()
    }
}

fn trace(generation: Generation) -> Trace {
    let thread = legacy::Thread {
        id: 0x51,
        process: "zed".to_owned(),
        state: 0x9,
        is_kernel_wide: true,
        is_user_wide: true,
        queue_serial: Some(12),
        kernel: vec![(KERNEL + 0x40, 0x1000), (KEXT + 0x20, 0)],
        user: vec![(0x1_0000_0400, 0x2000), (0x1_0000_0500, 0)],
        ..legacy::Thread::default()
    };
    let trace = Trace::new(generation).memory(&[]);
    [0, 77].into_iter().fold(trace, |trace, pid| {
        trace.task(&task(pid)).thread(&thread).thread(&thread)
    })
}

fn sample(generation: Generation, flags: u8) -> Vec<u8> {
    let sample = Sample {
        time: 951_825_600_000_000,
        cpu: 3,
        flags,
        task: task(77),
        thread: legacy::Thread {
            id: 0x51,
            is_user_wide: true,
            ..legacy::Thread::default()
        },
        frames: vec![0x1_0000_0400, 0x1_0000_0500],
        async_start: None,
    };
    sample.record(generation)
}

fn panic_log(layout: Layout) -> String {
    PanicLog::new(layout, KEXT + 0x1234, "zio at offset 7 is gone @zio.c:7")
        .registers("RAX: 0x0000000000000001, RIP: 0xffffff7f81001234, CR2: 0x0000000000000000")
        .frame(0xffff_ff80_1000_1000, KERNEL + 0x40, "")
        .frame(0xffff_ff80_1000_1040, KEXT + 0x20, "zfs : _zio_wait + 0x20")
        .kext("         org.openzfsonosx.zfs(1.9)[AABBCCDD-0000-3000-8000-001122334455]@0xffffff7f81000000->0xffffff7f81100fff")
        .machine("Kernel slide:     0x0000000000200000")
        .machine("Kernel text base: 0xffffff8000400000")
        .machine("Mac OS version:\n21Z901")
        .process(77, "zpool", 0x51)
        .tail("loaded kexts:\norg.openzfsonosx.zfs\t1.9\n@kext.AppleThing 2")
        .build()
}

fn panic_ips() -> Vec<u8> {
    let uuid = "AABBCCDD-0000-3000-8000-001122334455";
    let ips = Ips::new("210")
        .text("panicString", &panic_log(Layout::X86_64))
        .thread(8, &[(0, 0x40), (1, 0x20)], &[(0, 0x10)], "")
        .process(77, "zpool")
        .row(uuid, KERNEL, "K")
        .row(uuid, KEXT, "T");
    ips.build().into_bytes()
}

/// Binaries and dSYMs, and a file with several of them.
fn built_symbols() -> Vec<Vec<u8>> {
    let programs = Program::of_every_kind().into_iter();
    let mut files: Vec<_> = programs
        .flat_map(|program| [program.binary(), program.dsym()])
        .collect();
    files.push(fat(&files[..4]));
    files
}

fn built_plists() -> Vec<Vec<u8>> {
    let info = InfoPlist {
        executable: Some("demo".to_owned()),
        identifier: Some("org.example.demo".to_owned()),
        version: Some("1.2".to_owned()),
    };
    vec![info.xml(), info.binary()]
}
