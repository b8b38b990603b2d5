//! The code of the images of a kernel collection is evidence as that of any other file.

use kstack::model::{
    Address, Arch, Basis, Frame, FrameKind, ImageKind, LoadedImage, Report, Side, Slide, Stack,
    Thread, ThreadState, Uuid,
};
use kstack::resolve::{MatchedBy, PlacedBy, ResolveOptions, SpaceId, Trace, Verdict};
use kstack::symbols::{Role, SymbolSet};
use kstack_synth::macho::{Function, Image, Program, fileset};

const FRAMES: usize = 12;
/// What makes the code of the two differ.
const OF_KERNEL: usize = 7;
const OF_KEXT: usize = 5;
const KEXT_AT: u64 = 0xffff_fe00_0842_0000;

/// A function of calls through a register, as words of arm64; how far each is from the next never repeats.
fn code(seed: usize) -> (Vec<u8>, Vec<u64>) {
    let (mut words, mut returns) = (vec![0xd503_237f_u32, 0xa9bf_7bfd, 0x9100_03fd], Vec::new());
    let mut random = seed;
    for _ in 0..200 {
        random = (random * 75 + 74) % 65_537;
        words.extend(vec![0xd503_201f; 1 + random % 13]); // nop
        words.push(0xd63f_0100); // blr x8
        returns.push(words.len() as u64 * 4);
    }
    words.push(0xd65f_03c0); // ret
    let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    (bytes, returns)
}

fn with_code(program: &Program, seed: usize) -> Image {
    let mut image = program.binary_image();
    let sections = image
        .segments
        .iter_mut()
        .flat_map(|segment| &mut segment.sections);
    for section in sections.filter(|section| section.name == "__text") {
        section.data = Some(code(seed).0);
    }
    image
}

fn kernel() -> Program {
    let size = code(OF_KERNEL).0.len() as u64;
    Program::kernel(Arch::Arm64e, 1).with(Function::new("thread_block", size))
}

fn kext() -> Program {
    let size = code(OF_KEXT).0.len() as u64;
    Program::kext("zfs", Arch::Arm64e, 2).with(Function::new("spa_sync", size))
}

/// Linked address of the first instruction of the kernel, and of the kext.
fn starts() -> [u64; 2] {
    [kernel().code_start(), KEXT_AT + kext().code_start()]
}

fn collection() -> SymbolSet {
    let kext = with_code(&kext(), OF_KEXT).moved(|_| KEXT_AT);
    let images = [
        ("com.apple.kernel", with_code(&kernel(), OF_KERNEL)),
        ("org.example.zfs", kext),
    ];
    let mut symbols = SymbolSet::default();
    let file = fileset(Uuid::from_bytes([9; 16]), &images);
    symbols.add_bytes(Role::Kernel, "kc", None, file);
    symbols
}

/// Threads whose return addresses lie in the kernel, with one each in the kext; those of the two are off by so
/// much, and all are moved.
fn report(basis: Basis, off_by: [u64; 2], slide: u64) -> Report {
    let [kernel, kext] = starts();
    let frame = |at: u64| Frame::new(Address(at + slide), FrameKind::ReturnAddress);
    let (returns, kext_returns) = (code(OF_KERNEL).1, code(OF_KEXT).1);
    let thread = |index: usize| {
        let inner =
            [3, 50, 70].map(|skip| frame(kernel + returns[(index * 5 + skip) % 200] + off_by[0]));
        let mut frames = inner.to_vec();
        frames.push(frame(kext + kext_returns[index] + off_by[1]));
        frames.push(frame(kernel + returns[index + 20] + off_by[0]));
        Thread {
            state: Some(ThreadState::WAIT),
            stacks: vec![Stack::new(Side::Kernel, frames)],
            ..Thread::default()
        }
    };
    let mut report = Report::of_threads((0..FRAMES).map(thread).collect());
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
    let trace = resolve(report(Basis::Unslid, [0, 0], 0));
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

/// Where a kext without address is placed when its code lies here, each of its frames alone in a stack.
fn place_of_a_kext_whose_code_is_at(text_exec: u64) -> Option<u64> {
    let kext = with_code(&kext(), OF_KEXT);
    let linked = self::kext().code_start();
    let mut report = report(Basis::Unslid, [0, 0], 0);
    report.kernel.images.clear();
    for (thread, returns) in report.processes[0].threads.iter_mut().zip(code(OF_KEXT).1) {
        thread.stacks[0].frames[3] =
            Frame::new(Address(text_exec + returns), FrameKind::ReturnAddress);
    }
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "zfs", None, kext.build());
    let trace = kstack::resolve(report, &symbols, &ResolveOptions::default());
    let used = trace.images.first()?.used.as_ref()?;
    assert_eq!(used.slides.segments.len(), 1, "the code alone is placed");
    let slide = used.slides.segments[0].slide;
    Some((kstack::model::VmAddr(linked) + slide).0)
}

#[test]
fn code_apart_from_its_header_lies_at_multiples_of_16() {
    let at = 0xffff_fe00_0a83_d840;
    assert_eq!(place_of_a_kext_whose_code_is_at(at), Some(at));
    assert_eq!(place_of_a_kext_whose_code_is_at(at + 4), None);
}

#[test]
fn images_of_a_collection_go_with_the_kernel_that_placed_them_and_was_contradicted() {
    let trace = resolve(report(Basis::Unslid, [4, 0], 0));
    let [kernel] = &trace.images[..] else {
        panic!("the kext is still there: {:?}", trace.images.len());
    };
    let evidence = kernel.evidence.as_ref().unwrap();
    assert_eq!(evidence.verdict, Verdict::Contradicted);
    assert_eq!(evidence.returns.agree, 0);
    assert!(kernel.used.is_none());
    assert_eq!(trace.unused.len(), 1);
    // The kext was never proven wrong by itself, so none of its frames is marked.
    let frame = &trace.report.processes[0].threads[0].stacks[0].frames[3];
    assert_eq!(trace.contradiction(SpaceId::Kernel, frame), None);
}

#[test]
fn images_of_a_collection_lie_where_the_code_of_its_kernel_shows() {
    let slide = 0x1a00_4000;
    let trace = resolve(report(Basis::Slid, [0, 0], slide));
    let shown: Vec<_> = trace
        .images
        .iter()
        .map(|image| {
            let used = image.used.as_ref().unwrap();
            let slides = used.slides.segments.iter();
            assert!(
                slides
                    .map(|segment| segment.slide)
                    .all(|one| one == Slide(slide))
            );
            (used.name.as_str(), used.matched_by, used.placed_by)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("com.apple.kernel", MatchedBy::Uuid, PlacedBy::Inferred),
            ("org.example.zfs", MatchedBy::Collection, PlacedBy::Inferred),
        ]
    );
}

#[test]
fn an_image_of_a_collection_that_its_own_code_contradicts_costs_only_itself() {
    let trace = resolve(report(Basis::Unslid, [0, 4], 0));
    let verdicts: Vec<_> = trace
        .images
        .iter()
        .map(|image| (image.name(), image.evidence.as_ref().unwrap().verdict))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("com.apple.kernel".to_owned(), Verdict::Proven),
            ("org.example.zfs".to_owned(), Verdict::Contradicted),
        ]
    );
    assert!(trace.images[1].used.is_none());
}
