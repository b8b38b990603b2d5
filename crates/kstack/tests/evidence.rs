//! Placements are held against the code, on kexts whose every byte of code is written here.

use kstack::model::{
    Address, Arch, Basis, Frame, FrameKind, ImageKind, LoadedImage, Origin, Placement, Report,
    Side, Stack, Thread, ThreadState, Uuid,
};
use kstack::resolve::{Contradiction, Outcome, PlacedBy, ResolveOptions, SpaceId, Trace, Verdict};
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack_synth::macho::{Function, Program};
use proptest::prelude::*;

/// Where kexts are loaded.
const BASE: u64 = 0xffff_ff7f_8123_4000;
const KERNEL: u64 = 0xffff_ff80_0020_0000;

/// A kext of functions that call each other, assembled by hand.
#[derive(Clone)]
struct Kext {
    name: &'static str,
    uuid: Option<Uuid>,
    code: Vec<u8>,
    /// Linked return addresses: of the call of function `n + 1` in function `n`, for each `n`.
    inward: Vec<u64>,
    /// Likewise, of a call through a pointer.
    outward: Vec<u64>,
}

impl Kext {
    /// Function `n` of `count` calls function `n + 1`, then something through a pointer. `gap` varies where calls are.
    fn new(name: &'static str, count: usize, gap: usize) -> Kext {
        let start = Program::kext(name, Arch::X86_64, 1).code_start();
        let mut kext = Kext {
            name,
            uuid: None,
            code: Vec::new(),
            inward: Vec::new(),
            outward: Vec::new(),
        };
        let mut fixups = Vec::new();
        let mut starts = Vec::new();
        for function in 0..count {
            let at = |code: &[u8]| start + code.len() as u64;
            starts.push(at(&kext.code));
            kext.code.extend([0x55, 0x48, 0x89, 0xe5]); // push rbp; mov rbp, rsp
            kext.code
                .extend(vec![0x90; gap + function * function * 7 % 61]);
            fixups.push((kext.code.len() + 1, function + 1));
            kext.code.extend([0xe8, 0, 0, 0, 0]);
            kext.inward.push(at(&kext.code));
            kext.code.extend(vec![0x90; function * 13 % 37]);
            kext.code.extend([0xff, 0x50, 0x18]); // call [rax + 0x18]
            kext.outward.push(at(&kext.code));
            kext.code.extend([0x5d, 0xc3]); // pop rbp; ret
        }
        for (hole, callee) in fixups {
            let after = start + hole as u64 + 4;
            // The last one calls the first.
            let target = starts.get(callee).unwrap_or(&starts[0]);
            let displacement = (target.wrapping_sub(after) as u32).to_le_bytes();
            kext.code[hole..hole + 4].copy_from_slice(&displacement);
        }
        kext
    }

    fn with_uuid(mut self) -> Kext {
        self.uuid = Some(Uuid::from_bytes([7; 16]));
        self
    }

    fn file(&self) -> Vec<u8> {
        let mut program = Program::kext(self.name, Arch::X86_64, 1);
        program.uuid = self.uuid;
        program.add(Function::new("first", self.code.len() as u64));
        let mut image = program.binary_image();
        image.segments[0].sections[0].data = Some(self.code.clone());
        image.build()
    }

    /// A stack that goes through functions `from..=to`, innermost first, as linked.
    fn stack(&self, from: usize, to: usize) -> Vec<u64> {
        let mut stack = vec![self.outward[to]];
        stack.extend((from..to).rev().map(|function| self.inward[function]));
        stack
    }
}

/// A thread whose kext frames lie between frames of the kernel.
fn thread(kext_frames: impl IntoIterator<Item = u64>) -> Thread {
    let mut frames = vec![Frame::new(
        Address(KERNEL + 0x123),
        FrameKind::InstructionPointer,
    )];
    frames.push(Frame::new(
        Address(KERNEL + 0x4567),
        FrameKind::ReturnAddress,
    ));
    let kext = kext_frames.into_iter();
    frames.extend(kext.map(|at| Frame::new(Address(at), FrameKind::ReturnAddress)));
    frames.push(Frame::new(
        Address(KERNEL + 0x89ab),
        FrameKind::ReturnAddress,
    ));
    Thread {
        state: Some(ThreadState::WAIT),
        stacks: vec![Stack::new(Side::Kernel, frames)],
        ..Thread::default()
    }
}

fn report(threads: Vec<Thread>) -> Report {
    let mut report = Report::of_threads(threads);
    report.machine.arch = Some(Arch::X86_64);
    report.kernel.basis = Basis::Unslid;
    report
}

fn placed(kext: &Kext, base: u64, from: usize, to: usize) -> Thread {
    thread(kext.stack(from, to).into_iter().map(|at| at + base))
}

fn symbols(kexts: &[(&Kext, Option<u64>)]) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    for (index, (kext, base)) in kexts.iter().enumerate() {
        let placed = base.map(|base| StatedPlace {
            segment: None,
            address: Address(base),
        });
        let path = format!("{index}/{}", kext.name);
        symbols.add_bytes(Role::Kext, &path, placed, kext.file());
    }
    symbols
}

fn resolve(report: Report, kexts: &[(&Kext, Option<u64>)]) -> Trace {
    kstack::resolve(report, &symbols(kexts), &ResolveOptions::default())
}

fn bases(trace: &Trace) -> Vec<(String, u64)> {
    let used = trace.images.iter().filter_map(|image| image.used.as_ref());
    used.map(|used| (used.name.clone(), used.slides.segments[0].range.start.0))
        .collect()
}

fn verdict(trace: &Trace) -> Verdict {
    trace.images[0].evidence.as_ref().unwrap().verdict
}

fn listed(kext: &Kext, base: u64) -> LoadedImage {
    let mut image = LoadedImage::new(ImageKind::Kext);
    image.name = Some(kext.name.to_owned());
    image.uuid = kext.uuid;
    image.placements = vec![Placement::LoadedAt(Address(base))];
    image.origin = Origin::Listing;
    image
}

#[test]
fn a_kext_without_address_is_placed_where_its_calls_fit() {
    let zfs = Kext::new("zfs", 90, 3);
    let trace = resolve(report(vec![placed(&zfs, BASE, 10, 14)]), &[(&zfs, None)]);
    assert_eq!(bases(&trace), [("zfs".to_owned(), BASE)]);
    let image = &trace.images[0];
    assert_eq!(image.used.as_ref().unwrap().placed_by, PlacedBy::Inferred);
    assert_eq!(image.frames, 5);
    let evidence = image.evidence.as_ref().unwrap();
    assert_eq!(
        evidence.to_string(),
        "agrees 9 of 9 (5/5 return addresses, 4/4 direct calls)"
    );
    assert!(trace.unused.is_empty());
}

#[test]
fn two_kexts_are_placed_from_the_same_stack() {
    let (spl, zfs) = (Kext::new("spl", 40, 5), Kext::new("zfs", 90, 3));
    let far = BASE + 0x1_0000;
    let mut frames: Vec<u64> = spl.stack(2, 6).iter().map(|at| at + BASE).collect();
    frames.extend(zfs.stack(20, 24).iter().map(|at| at + far));
    let trace = resolve(report(vec![thread(frames)]), &[(&zfs, None), (&spl, None)]);
    let mut found = bases(&trace);
    found.sort();
    assert_eq!(found, [("spl".to_owned(), BASE), ("zfs".to_owned(), far)]);
}

#[test]
fn a_kext_without_frames_is_placed_nowhere() {
    let (spl, zfs) = (Kext::new("spl", 40, 5), Kext::new("zfs", 90, 3));
    let trace = resolve(report(vec![placed(&zfs, BASE, 10, 16)]), &[(&spl, None)]);
    assert!(bases(&trace).is_empty());
    assert_ne!(trace.inferences[0].outcome, Outcome::Placed);
    assert_eq!(trace.unused.len(), 1);
}

#[test]
fn one_frame_is_not_enough_to_place_a_kext() {
    let zfs = Kext::new("zfs", 90, 3);
    let trace = resolve(report(vec![placed(&zfs, BASE, 10, 10)]), &[(&zfs, None)]);
    assert!(bases(&trace).is_empty());
}

#[test]
fn a_kext_at_a_wrong_address_gives_no_names_and_says_where_it_fits() {
    let zfs = Kext::new("zfs", 90, 3);
    let trace = resolve(
        report(vec![placed(&zfs, BASE, 10, 14)]),
        &[(&zfs, Some(BASE - 0x1000))],
    );
    assert_eq!(verdict(&trace), Verdict::Contradicted);
    assert!(bases(&trace).is_empty());
    let why = &trace.unused[0].why;
    assert!(
        why.contains(&format!("__TEXT would fit at {BASE:#x}")),
        "{why}"
    );
    let frame = &trace.report.processes[0].threads[0].stacks[0].frames[3];
    assert_eq!(
        trace.contradiction(SpaceId::Kernel, frame),
        Some(Contradiction::NoCall)
    );
}

#[test]
fn a_contradicted_kext_is_used_when_the_user_insists() {
    let zfs = Kext::new("zfs", 90, 3);
    let options = ResolveOptions {
        allow_mismatch: true,
        ..ResolveOptions::default()
    };
    let symbols = symbols(&[(&zfs, Some(BASE - 0x1000))]);
    let trace = kstack::resolve(report(vec![placed(&zfs, BASE, 10, 14)]), &symbols, &options);
    assert_eq!(bases(&trace).len(), 1);
    assert_eq!(verdict(&trace), Verdict::Contradicted);
}

#[test]
fn uuid_and_code_together_are_proof() {
    let zfs = Kext::new("zfs", 90, 3).with_uuid();
    let mut report = report(vec![placed(&zfs, BASE, 10, 14)]);
    report.kernel.images.push(listed(&zfs, BASE));
    assert_eq!(verdict(&resolve(report, &[(&zfs, None)])), Verdict::Proven);
}

#[test]
fn the_stack_of_a_running_thread_is_not_held_against_a_kext() {
    let zfs = Kext::new("zfs", 90, 3);
    let mut stale = thread([BASE + 0x1111, BASE + 0x1113, BASE + 0x1115]);
    stale.state = Some(ThreadState::RUN);
    let trace = resolve(
        report(vec![placed(&zfs, BASE, 10, 12), stale]),
        &[(&zfs, Some(BASE))],
    );
    assert_eq!(verdict(&trace), Verdict::Agrees);
}

#[test]
fn one_frame_that_cannot_be_among_many_that_are_is_marked_and_the_kext_stays() {
    let zfs = Kext::new("zfs", 90, 3);
    let mut frames: Vec<u64> = zfs.stack(10, 20).iter().map(|at| at + BASE).collect();
    frames.push(BASE + 0x1013);
    let trace = resolve(report(vec![thread(frames)]), &[(&zfs, Some(BASE))]);
    assert_eq!(verdict(&trace), Verdict::Agrees);
    let frame = &trace.report.processes[0].threads[0].stacks[0].frames[13];
    assert_eq!(
        trace.contradiction(SpaceId::Kernel, frame),
        Some(Contradiction::NoCall)
    );
}

#[test]
fn an_instruction_interrupted_by_a_fault_is_not_held_against_a_kext() {
    let zfs = Kext::new("zfs", 90, 3);
    let mut frames = zfs.stack(10, 12);
    // The handler of the fault is the kernel's; the frame is where the fault was.
    frames[0] -= 3;
    let trace = resolve(
        report(vec![thread(frames.iter().map(|at| at + BASE))]),
        &[(&zfs, Some(BASE))],
    );
    assert_eq!(verdict(&trace), Verdict::Agrees);
}

#[test]
fn a_waiting_thread_was_interrupted_by_nothing_but_a_fault_of_memory() {
    let zfs = Kext::new("zfs", 90, 3);
    let mut frames = zfs.stack(10, 12);
    // Not at `pop rbp`, which follows the call, but at `ret`, which follows none and cannot fault.
    frames[0] += 1;
    let thread = thread(frames.iter().map(|at| at + BASE));
    let waits = report(vec![thread.clone()]);
    let trace = resolve(waits, &[(&zfs, Some(BASE))]);
    assert_eq!(verdict(&trace), Verdict::Contradicted);

    // Nothing is known of the thread, so an interrupt may have come anywhere.
    let mut unknown = thread;
    unknown.state = None;
    let trace = resolve(report(vec![unknown]), &[(&zfs, Some(BASE))]);
    assert_eq!(verdict(&trace), Verdict::Agrees);
}

#[test]
fn a_call_that_leads_elsewhere_contradicts() {
    let zfs = Kext::new("zfs", 90, 3);
    // Every frame follows a call, but none calls the next.
    let frames = [5, 40, 20, 70].map(|function| zfs.inward[function] + BASE);
    let trace = resolve(report(vec![thread(frames)]), &[(&zfs, Some(BASE))]);
    assert_eq!(verdict(&trace), Verdict::Contradicted);
}

#[test]
fn of_two_builds_the_one_that_fits_is_placed() {
    let (old, new) = (Kext::new("zfs", 90, 3), Kext::new("zfs", 90, 4));
    let trace = resolve(
        report(vec![placed(&old, BASE, 10, 14)]),
        &[(&new, None), (&old, None)],
    );
    assert_eq!(bases(&trace), [("zfs".to_owned(), BASE)]);
    let used = trace.images[0].used.as_ref().unwrap();
    assert_eq!(used.paths, ["1/zfs"]);
}

#[test]
fn of_two_builds_the_one_that_fits_speaks_for_a_listed_kext() {
    let (old, new) = (Kext::new("zfs", 90, 3), Kext::new("zfs", 90, 4));
    let mut report = report(vec![placed(&old, BASE, 10, 14)]);
    report.kernel.images.push(listed(&old, BASE));
    let trace = resolve(report, &[(&new, None), (&old, None)]);
    let used = trace.images[0].used.as_ref().unwrap();
    assert_eq!(used.paths, ["1/zfs"]);
    assert_eq!(verdict(&trace), Verdict::Agrees);
}

#[test]
fn builds_that_fit_alike_are_not_chosen_between() {
    let zfs = Kext::new("zfs", 90, 3);
    let trace = resolve(
        report(vec![placed(&zfs, BASE, 10, 14)]),
        &[(&zfs, None), (&zfs, None)],
    );
    assert!(bases(&trace).is_empty());
    let outcomes: Vec<_> = trace.inferences.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [Outcome::BuildsAlike, Outcome::BuildsAlike]);
}

#[test]
fn code_that_was_cut_out_of_a_file_contradicts_nothing() {
    let mut zfs = Kext::new("zfs", 90, 3);
    let thread = placed(&zfs, BASE, 10, 14);
    zfs.code.fill(0x90);
    let trace = resolve(report(vec![thread]), &[(&zfs, Some(BASE))]);
    assert_eq!(verdict(&trace), Verdict::NotCheckable);
    assert_eq!(bases(&trace).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_code_and_any_frames_are_weighed(
        code in prop::collection::vec(any::<u8>(), 64..2000),
        frames in prop::collection::vec(0_u64..0x3000, 0..40),
        is_placed in any::<bool>(),
    ) {
        let mut kext = Kext::new("zfs", 1, 3);
        kext.code = code;
        let thread = thread(frames.into_iter().map(|at| at + BASE));
        let base = is_placed.then_some(BASE);
        let trace = resolve(report(vec![thread]), &[(&kext, base)]);
        prop_assert!(trace.images.len() <= 1);
    }

    #[test]
    fn addresses_at_the_ends_of_the_address_space_are_no_danger(
        frames in prop::collection::vec(prop_oneof![0_u64..0x4000, u64::MAX - 0x4000..=u64::MAX], 0..20),
    ) {
        let kext = Kext::new("zfs", 20, 3);
        let _ = resolve(report(vec![thread(frames)]), &[(&kext, None)]);
    }
}

/// The same code as a kernel, and what to add to the linked addresses of the kext.
fn as_kernel(kext: &Kext) -> (Vec<u8>, u64) {
    let mut program = Program::kernel(Arch::X86_64, 9);
    program.add(Function::new("first", kext.code.len() as u64));
    let moved = program.code_start() - Program::kext("", Arch::X86_64, 1).code_start();
    let mut image = program.binary_image();
    image.segments[0].sections[0].data = Some(kext.code.clone());
    (image.build(), moved)
}

#[test]
fn the_slide_of_a_kernel_is_found_from_its_code() {
    let slide = 0x1260_0000;
    let code = Kext::new("kernel", 90, 3);
    let (file, moved) = as_kernel(&code);
    let frames = code.stack(10, 16).into_iter().map(|at| at + moved + slide);
    let mut report = report(vec![thread(frames)]);
    report.kernel.basis = Basis::Slid;
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "kernel", None, file);
    let options = ResolveOptions::default();
    let found = kstack::kernel_slide(&report, &symbols, &options);
    assert_eq!(found.map(|found| found.0), Some(slide));
    let trace = kstack::resolve(report, &symbols, &options);
    let used = trace.images[0].used.as_ref().unwrap();
    assert_eq!(used.placed_by, PlacedBy::Inferred);
    assert_eq!(used.slides.segments[0].slide.0, slide);
}

#[test]
fn a_kernel_that_lies_with_a_slide_nobody_told_of_is_moved_there() {
    let slide = 0x1260_0000;
    let code = Kext::new("kernel", 90, 3);
    let (file, moved) = as_kernel(&code);
    let frames = code.stack(10, 16).into_iter().map(|at| at + moved + slide);
    let mut report = report(vec![thread(frames)]);
    report.kernel.basis = Basis::Unknown;
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "kernel", None, file);
    let trace = kstack::resolve(report, &symbols, &ResolveOptions::default());
    let used = trace.images[0].used.as_ref().unwrap();
    assert_eq!(used.slides.segments[0].slide.0, slide);
}

#[test]
fn each_file_that_is_looked_for_gives_chance_its_own_places() {
    let (zfs, spl) = (Kext::new("zfs", 90, 3), Kext::new("spl", 40, 5));
    let left = |kexts: &[(&Kext, Option<u64>)]| {
        let trace = resolve(report(vec![placed(&zfs, BASE, 10, 14)]), kexts);
        let mut inferences = trace.inferences.iter();
        let zfs = inferences.find(|one| one.path == "0/zfs").unwrap();
        (zfs.candidates[0].bits, zfs.candidates[0].surplus)
    };
    let (bits, alone) = left(&[(&zfs, None)]);
    let (bits_of_two, of_two) = left(&[(&zfs, None), (&spl, None)]);
    assert!((bits - bits_of_two).abs() < 1e-9);
    assert!((alone - of_two - 1.0).abs() < 1e-9);
}

fn rendered(trace: &Trace, format: &str) -> String {
    let mut renderers = kstack::RENDERERS.iter();
    let renderer = renderers.find(|renderer| renderer.name == format).unwrap();
    let mut out = Vec::new();
    (renderer.write)(trace, &kstack::RenderOptions::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_verdict_and_the_frames_against_it_stand_in_every_output() {
    let zfs = Kext::new("zfs", 90, 3);
    let mut frames: Vec<u64> = zfs.stack(10, 20).iter().map(|at| at + BASE).collect();
    frames.push(BASE + 0x1013);
    let trace = resolve(report(vec![thread(frames)]), &[(&zfs, Some(BASE))]);
    let verdict = "agrees 21 of 22 (11/12 return addresses, 10/10 direct calls)";
    let mark = "[contradicts the symbol file: no call ends here]";
    for format in ["text", "markdown"] {
        let text = rendered(&trace, format);
        assert!(text.contains(verdict) && text.contains(mark), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&rendered(&trace, "json")).unwrap();
    let evidence = &json["images"][0]["evidence"];
    assert_eq!(evidence["verdict"], "agrees");
    assert_eq!(evidence["return_addresses"]["agree"], 11);
    assert_eq!(evidence["return_addresses"]["of"], 12);
    let frame = &json["processes"][0]["threads"][0]["stacks"][0]["frames"][13];
    assert_eq!(frame["contradicts"], "no-call");
}
