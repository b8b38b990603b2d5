//! Published spindumps, debugger sessions and dtrace outputs, as far as they lie in the folder `KSTACK_CORPUS`.
//!
//! The counts were read in the files by eye, and by other programs where a
//! file has a known answer; only they are kept here, no text.

use std::path::{Path, PathBuf};

use kstack_model::{
    Address, At, Basis, Frame, LoadedImage, Origin, Placement, Report, Side, Stack,
};
use kstack_parse::{Limits, parse};

/// What a person finds in a file.
struct Expected {
    file: &'static str,
    format: &'static str,
    processes: usize,
    threads: usize,
    /// Stacks of the kernel, of user space.
    stacks: [usize; 2],
    /// Frames the machine had: inlined functions are no frames of their own.
    frames: usize,
    /// Images of the kernel, of user space.
    images: [usize; 2],
    /// The kernel's slide and load address, where stated.
    slide: Option<u64>,
    load: Option<u64>,
}

const NOTHING: Expected = Expected {
    file: "",
    format: "debugger-text",
    processes: 1,
    threads: 1,
    stacks: [1, 0],
    frames: 0,
    images: [0, 0],
    slide: None,
    load: None,
};

#[rustfmt::skip]
const EXPECTED: &[Expected] = &[
    Expected { file: "spindump/13.0-shutdownstall-macbookair7.txt", format: "spindump-text", processes: 12, threads: 226, stacks: [329, 222], frames: 8720, images: [11, 101], load: Some(0xffff_ff80_002d_c000), ..NOTHING },
    Expected { file: "spindump/sample-rg-10.14.5-user-only.txt", format: "sample-text", threads: 3, stacks: [0, 26], frames: 433, ..NOTHING },
    Expected { file: "lldb/10.10.3-iosurface-session.txt", processes: 2, threads: 2, stacks: [2, 0], frames: 20, images: [8, 0], slide: Some(0xae0_0000), load: Some(0xffff_ff80_0b00_0000), ..NOTHING },
    Expected { file: "lldb/10.11-isolation-a.txt", frames: 9, ..NOTHING },
    Expected { file: "lldb/10.11-isolation-b.txt", frames: 8, ..NOTHING },
    Expected { file: "lldb/10.11-isolation-c.txt", frames: 8, ..NOTHING },
    Expected { file: "lldb/10.11-isolation-f.txt", frames: 9, ..NOTHING },
    Expected { file: "lldb/10.11-nke-b.txt", frames: 11, ..NOTHING },
    Expected { file: "lldb/10.11-unmount-drain-kgmacros.txt", frames: 13, ..NOTHING },
    Expected { file: "lldb/10.11-vfsfilter0-create.txt", frames: 7, ..NOTHING },
    Expected { file: "lldb/10.13-dmg-mount-session.txt", threads: 2, stacks: [5, 0], frames: 52, ..NOTHING },
    Expected { file: "lldb/10.13-ioaccel-kext-offsets.txt", frames: 8, ..NOTHING },
    Expected { file: "lldb/10.13-iokit-kext-load-bt.txt", frames: 14, ..NOTHING },
    Expected { file: "lldb/10.13-iouserclient-kext-noname.txt", frames: 10, ..NOTHING },
    Expected { file: "lldb/10.14-double-fault-53frames.txt", frames: 46, ..NOTHING },
    Expected { file: "lldb/10.14-showcurrentthreads.txt", processes: 2, threads: 4, stacks: [0, 0], ..NOTHING },
    Expected { file: "lldb/10.14.4-lldbagility-session.txt", threads: 2, stacks: [2, 0], frames: 2, images: [1, 0], slide: Some(0xd00_0000), load: Some(0xffff_ff80_0d20_0000), ..NOTHING },
    Expected { file: "lldb/10.4.8-ppc-airport-gdb.txt", processes: 2, threads: 2, stacks: [2, 0], frames: 16, images: [1, 0], load: Some(0x79_7000), ..NOTHING },
    Expected { file: "lldb/10.6-gdb-devicelock-lckmtx-panic.txt", frames: 15, ..NOTHING },
    Expected { file: "lldb/ios12.1.2-ktrw-session.txt", threads: 5, stacks: [9, 0], frames: 9, images: [1, 0], slide: Some(0x20e0_0000), load: Some(0xffff_fff0_27e0_4000), ..NOTHING },
    Expected { file: "dtrace/illumos-stack-ustack.txt", format: "dtrace-text", stacks: [3, 3], frames: 72, ..NOTHING },
    Expected { file: "dtrace/macos-ustack-hex.txt", format: "dtrace-text", stacks: [0, 3], frames: 39, ..NOTHING },
];

/// The folder, or a message that there is none.
#[expect(clippy::print_stdout, reason = "a skipped test has to say so")]
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("KSTACK_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: KSTACK_CORPUS names no folder of published artefacts");
    }
    folder
}

fn report(folder: &Path, file: &str, format: &str) -> Report {
    let bytes = std::fs::read(folder.join(file)).unwrap();
    let reports =
        parse(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut reports = reports.into_iter().filter(|report| report.format == format);
    let report = reports
        .next()
        .unwrap_or_else(|| panic!("{file}: no {format}"));
    assert_eq!(reports.count(), 0, "{file}: one {format}");
    report
}

fn stacks(report: &Report) -> impl Iterator<Item = &Stack> {
    let threads = report.processes.iter().flat_map(|process| &process.threads);
    threads.flat_map(|thread| &thread.stacks)
}

#[test]
fn every_file_gives_what_a_person_reads_in_it() {
    let Some(folder) = corpus() else { return };
    for expected in EXPECTED {
        let report = report(&folder, expected.file, expected.format);
        let file = expected.file;
        assert_eq!(
            report.processes.len(),
            expected.processes,
            "processes of {file}"
        );
        let threads = report.processes.iter().map(|it| it.threads.len());
        assert_eq!(
            threads.sum::<usize>(),
            expected.threads,
            "threads of {file}"
        );
        let on = |side| stacks(&report).filter(|stack| stack.side == side).count();
        assert_eq!(
            [on(Side::Kernel), on(Side::User)],
            expected.stacks,
            "stacks of {file}"
        );
        let frames = stacks(&report).map(|stack| stack.frames.len());
        assert_eq!(frames.sum::<usize>(), expected.frames, "frames of {file}");
        let user = report.processes.iter().map(|it| it.space.images.len());
        // A kextstat in the same file adds images of its own.
        let own = |image: &&LoadedImage| image.origin == Origin::Report;
        let kernel = report.kernel.images.iter().filter(own).count();
        let images = [kernel, user.sum()];
        assert_eq!(images, expected.images, "images of {file}");
        let slide = report.kernel.slides.first().map(|(_, slide)| slide.0);
        assert_eq!(slide, expected.slide, "slide of {file}");
        if let Some(load) = expected.load {
            let first = report.kernel.images.iter().find_map(|it| it.load_address());
            assert_eq!(first, Some(Address(load)), "load address of {file}");
        }
    }
}

/// The known answer of the spindump: each kernel address is its image's base plus the offset printed
/// beside it, and the kernel has a second base.
#[test]
fn every_kernel_frame_of_the_spindump_lies_in_the_image_it_names() {
    let Some(folder) = corpus() else { return };
    let report = report(&folder, EXPECTED[0].file, "spindump-text");
    assert_eq!(report.kernel.basis, Basis::Unslid);
    let kernel = &report.kernel.images[0];
    assert_eq!(kernel.placements.len(), 2, "{kernel:?}");
    let bases = |name: &str| -> Vec<u64> {
        let images = report.kernel.images.iter();
        let of_name = images.filter(|it| it.name.as_deref() == Some(name));
        of_name
            .flat_map(|it| &it.placements)
            .map(|placement| match placement {
                Placement::LoadedAt(address) | Placement::SegmentAt { address, .. } => address.0,
            })
            .collect()
    };
    let mut checked = 0;
    for frame in stacks(&report)
        .filter(|it| it.side == Side::Kernel)
        .flat_map(|it| &it.frames)
    {
        let At::Absolute(address) = frame.at else {
            panic!("{frame:?}")
        };
        let name = said_image(frame);
        let within = |base: u64| (base..base + 0x100_0000).contains(&address.0);
        assert!(bases(name).into_iter().any(within), "{name} at {address}");
        checked += 1;
    }
    assert!(checked > 1000);
}

fn said_image(frame: &Frame) -> &str {
    frame.said.as_ref().unwrap().image.as_deref().unwrap()
}

/// Three threads were seen 825 times each.
#[test]
fn every_sample_of_a_thread_ends_in_one_stack() {
    let Some(folder) = corpus() else { return };
    let report = report(&folder, EXPECTED[1].file, "sample-text");
    for thread in &report.processes[0].threads {
        let samples: u64 = thread.stacks.iter().map(|stack| stack.samples).sum();
        assert_eq!(samples, 825, "{:?}", thread.id);
    }
}

#[test]
fn the_weights_of_dtrace_stacks_are_their_counts() {
    let Some(folder) = corpus() else { return };
    let report = report(&folder, "dtrace/macos-ustack-hex.txt", "dtrace-text");
    let weights: Vec<u64> = stacks(&report).map(|stack| stack.samples).collect();
    assert_eq!(weights, [1, 1, 2]);
}
