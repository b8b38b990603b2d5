//! The code of the images of a kernel collection is evidence as that of any other file.

use kstack::model::{
    Address, Arch, Basis, Frame, FrameKind, ImageKind, LoadedImage, Process, Report, Side, Slide,
    SlideOf, Stack, Thread, ThreadState, Uuid,
};
use kstack::resolve::{MatchedBy, PlacedBy, ResolveOptions, SpaceId, Trace, Verdict};
use kstack::symbols::{Role, SymbolSet};
use kstack_synth::macho::{Function, Image, Program, fileset};

const FRAMES: usize = 12;
const KEXT_AT: u64 = 0xffff_fe00_0842_0000;

/// A function of so many calls through a register, each of a length of its own apart, as words of arm64.
fn code() -> (Vec<u8>, Vec<u64>) {
    let (mut words, mut returns) = (vec![0xd503_237f_u32, 0xa9bf_7bfd, 0x9100_03fd], Vec::new());
    for call in 0..200 {
        words.extend(vec![0xd503_201f; 1 + call * call * 7 % 13]); // nop
        words.push(0xd63f_0100); // blr x8
        returns.push(words.len() as u64 * 4);
    }
    words.push(0xd65f_03c0); // ret
    (
        words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        returns,
    )
}

fn with_code(program: &Program) -> Image {
    let mut image = program.binary_image();
    let sections = image
        .segments
        .iter_mut()
        .flat_map(|segment| &mut segment.sections);
    for section in sections.filter(|section| section.name == "__text") {
        section.data = Some(code().0);
    }
    image
}

fn kernel() -> Program {
    let size = code().0.len() as u64;
    Program::kernel(Arch::Arm64e, 1).with(Function::new("thread_block", size))
}

fn kext() -> Program {
    let size = code().0.len() as u64;
    Program::kext("zfs", Arch::Arm64e, 2).with(Function::new("spa_sync", size))
}

/// Linked address of the first instruction of the kernel, and of the kext.
fn starts() -> [u64; 2] {
    [kernel().code_start(), KEXT_AT + kext().code_start()]
}

fn collection() -> SymbolSet {
    let kext = with_code(&kext()).moved(|_| KEXT_AT);
    let images = [
        ("com.apple.kernel", with_code(&kernel())),
        ("org.example.zfs", kext),
    ];
    let mut symbols = SymbolSet::default();
    let file = fileset(Uuid::from_bytes([9; 16]), &images);
    symbols.add_bytes(Role::Kernel, "kc", None, file);
    symbols
}

/// Threads whose return addresses lie in the kernel, with one each in the kext: as linked, and moved.
fn report(basis: Basis, off_by: u64, slide: u64) -> Report {
    let [kernel, kext] = starts();
    let frame = |at: u64| Frame::new(Address(at + slide), FrameKind::ReturnAddress);
    let returns = code().1;
    let thread = |index: usize| {
        let inner =
            [3, 50, 70].map(|skip| frame(kernel + returns[(index * 5 + skip) % 200] + off_by));
        let mut frames = inner.to_vec();
        frames.push(frame(kext + returns[index] + off_by));
        frames.push(frame(kernel + returns[index + 20] + off_by));
        Thread {
            state: Some(ThreadState::WAIT),
            stacks: vec![Stack::new(Side::Kernel, frames)],
            ..Thread::default()
        }
    };
    let mut report = Report {
        processes: vec![Process {
            threads: (0..FRAMES).map(thread).collect(),
            ..Process::default()
        }],
        ..Report::default()
    };
    report.machine.arch = Some(Arch::Arm64e);
    report.kernel.basis = basis;
    report.kernel.images = vec![LoadedImage {
        uuid: Some(Uuid::from_bytes([1; 16])),
        ..LoadedImage::new(ImageKind::Kernel)
    }];
    report
}

fn resolve(report: Report) -> Trace {
    kstack::resolve(report, &collection(), &ResolveOptions::default())
}

#[test]
fn the_code_of_the_images_of_a_collection_is_held_against_the_stacks() {
    let trace = resolve(report(Basis::Unslid, 0, 0));
    let shown: Vec<_> = trace
        .images
        .iter()
        .map(|image| {
            let evidence = image.evidence.as_ref().unwrap();
            (
                image.name(),
                evidence.verdict,
                evidence.returns.agree == evidence.returns.of,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("com.apple.kernel".to_owned(), Verdict::Proven, true),
            ("org.example.zfs".to_owned(), Verdict::Agrees, true),
        ]
    );
}

#[test]
fn a_kernel_in_a_collection_whose_code_contradicts_the_stacks_names_nothing() {
    let trace = resolve(report(Basis::Unslid, 4, 0));
    for image in &trace.images {
        eprintln!(
            "{} {:?} {:?}",
            image.name(),
            image.evidence,
            image.used.is_some()
        );
    }
    let evidence = trace.images[0].evidence.as_ref().unwrap();
    assert_eq!(evidence.verdict, Verdict::Contradicted);
}
