//! Which file speaks for which image, where it lies, and what is said when it does not.

use kstack::model::{
    Address, Arch, Basis, Frame, FrameKind, ImageKind, LoadedImage, Origin, Placement, Report,
    Side, Slide, SlideOf, Stack, Thread, Uuid,
};
use kstack::resolve::{MatchedBy, PlacedBy, Resolution, SpaceId, Trace, UnusedReason, Why};
use kstack::symbols::{Certainty, Role, StatedPlace, SymbolSet};
use kstack::{ResolveOptions, resolve};
use kstack_synth::macho::{Function, Program, fat};

const BASE: u64 = 0xffff_ff7f_80e5_0000;

/// A kext with `first` and `second`, 64 bytes each.
fn kext(name: &str, seed: u8) -> Program {
    kext_for(Arch::X86_64, name, seed)
}

fn kext_for(arch: Arch, name: &str, seed: u8) -> Program {
    Program::kext(name, arch, seed)
        .with(Function::new("first", 64))
        .with(Function::new("second", 64))
}

fn start_of(program: &Program, function: &str) -> u64 {
    program.function(function).unwrap().start
}

fn image(name: &str, at: Option<u64>, uuid: Option<u8>) -> LoadedImage {
    LoadedImage {
        name: Some(name.to_owned()),
        uuid: uuid.map(|seed| Uuid::from_bytes([seed; 16])),
        placements: at
            .map(|at| Placement::LoadedAt(Address(at)))
            .into_iter()
            .collect(),
        ..LoadedImage::new(ImageKind::Kext)
    }
}

/// One thread with a kernel stack of return addresses.
fn report(images: Vec<LoadedImage>, addresses: &[u64]) -> Report {
    let frame = |at: &u64| Frame::new(Address(*at), FrameKind::ReturnAddress);
    let stack = Stack::new(Side::Kernel, addresses.iter().map(frame).collect());
    let mut report = Report::of_threads(vec![Thread::with_stack(stack)]);
    report.machine.arch = Some(Arch::X86_64);
    report.kernel.basis = Basis::Unslid;
    report.kernel.images = images;
    report
}

fn set(files: &[(Role, &str, Option<u64>, Vec<u8>)]) -> SymbolSet {
    let mut set = SymbolSet::default();
    for (role, name, at, bytes) in files {
        let placed = at.map(|at| StatedPlace {
            segment: None,
            address: Address(at),
        });
        set.add_bytes(*role, name, placed, bytes.clone());
    }
    set
}

fn resolutions(trace: &Trace) -> Vec<&Resolution> {
    let frames = &trace.report.processes[0].threads[0].stacks[0].frames;
    frames
        .iter()
        .map(|frame| trace.resolution(SpaceId::Kernel, frame))
        .collect()
}

fn name(resolution: &Resolution) -> (&str, u64) {
    match resolution {
        Resolution::Named { named, offset, .. } => (&named.name, *offset),
        other => panic!("no name: {other:?}"),
    }
}

fn resolved(report: Report, symbols: &SymbolSet) -> Trace {
    resolve(report, symbols, &ResolveOptions::default())
}

#[test]
fn a_call_that_ends_a_function_is_named_after_it_and_not_after_the_next() {
    let spl = kext("spl", 1);
    let after_first = BASE + start_of(&spl, "first") + 64;
    assert_eq!(after_first, BASE + start_of(&spl, "second"));
    let symbols = set(&[(Role::Kext, "spl", Some(BASE), spl.dsym())]);
    let trace = resolved(report(vec![], &[after_first]), &symbols);
    assert_eq!(name(resolutions(&trace)[0]), ("first", 64));
}

#[test]
fn an_interrupted_instruction_is_looked_up_where_it_is() {
    let spl = kext("spl", 1);
    let second = BASE + start_of(&spl, "second");
    let mut report = report(vec![], &[second]);
    report.processes[0].threads[0].stacks[0].frames[0].kind = FrameKind::InstructionPointer;
    let symbols = set(&[(Role::Kext, "spl", Some(BASE), spl.dsym())]);
    assert_eq!(
        name(resolutions(&resolved(report, &symbols))[0]),
        ("second", 0)
    );
}

#[test]
fn two_kexts_and_a_kernel_are_named_in_one_trace() {
    let (spl, zfs) = (kext("spl", 1), kext("zfs", 2));
    let kernel = Program::kernel(Arch::X86_64, 3).with(Function::new("msleep", 64));
    let zfs_base = BASE + 0x10_0000;
    let symbols = set(&[
        (Role::Kernel, "mach_kernel", None, kernel.binary()),
        (Role::Kext, "spl", Some(BASE), spl.binary()),
        (Role::Kext, "zfs", Some(zfs_base), zfs.dsym()),
    ]);
    let addresses = [
        start_of(&kernel, "msleep") + 20,
        BASE + start_of(&spl, "first") + 20,
        zfs_base + start_of(&zfs, "second") + 20,
    ];
    let trace = resolved(report(vec![], &addresses), &symbols);
    let names: Vec<_> = resolutions(&trace).into_iter().map(name).collect();
    assert_eq!(names, [("msleep", 20), ("first", 20), ("second", 20)]);
    assert_eq!(
        trace.images[0].used.as_ref().unwrap().placed_by,
        PlacedBy::Linked
    );
    assert_eq!(
        trace.images[1].used.as_ref().unwrap().placed_by,
        PlacedBy::Given
    );
}

#[test]
fn a_uuid_outweighs_a_name() {
    let spl = kext("spl", 1);
    let symbols = set(&[(Role::Kext, "spl", None, spl.dsym())]);
    let images = vec![
        image("net.example.spl", Some(BASE + 0x10_0000), Some(9)),
        image("com.example.renamed", Some(BASE), Some(1)),
    ];
    let trace = resolved(
        report(images, &[BASE + start_of(&spl, "first") + 8]),
        &symbols,
    );
    assert_eq!(name(resolutions(&trace)[0]), ("first", 8));
    assert_eq!(
        trace.images[1].used.as_ref().unwrap().matched_by,
        MatchedBy::Uuid
    );
    assert!(trace.images[0].used.is_none());
}

#[test]
fn another_build_is_refused_with_both_uuids() {
    let spl = kext("spl", 1);
    let symbols = set(&[(Role::Kext, "spl", None, spl.dsym())]);
    let images = || vec![image("net.example.spl", Some(BASE), Some(9))];
    let at = BASE + start_of(&spl, "first") + 8;
    let trace = resolved(report(images(), &[at]), &symbols);
    assert!(matches!(
        resolutions(&trace)[0],
        Resolution::ImageOnly {
            why: Why::UuidMismatch | Why::NearestImageBelow,
            ..
        }
    ));
    let why = &trace.unused[0].why;
    assert_eq!(trace.unused[0].reason, UnusedReason::OtherBuild);
    assert!(
        why.contains("01010101-0101-0101-0101-010101010101"),
        "{why}"
    );
    assert!(
        why.contains("09090909-0909-0909-0909-090909090909"),
        "{why}"
    );
    assert_eq!(trace.images[0].refused.len(), 1);

    let options = ResolveOptions {
        allow_mismatch: true,
        ..ResolveOptions::default()
    };
    let trace = resolve(report(images(), &[at]), &symbols, &options);
    assert_eq!(name(resolutions(&trace)[0]), ("first", 8));
    assert!(trace.images[0].used.as_ref().unwrap().mismatched);
}

#[test]
fn an_address_given_by_hand_wins_over_the_reports_and_that_is_said() {
    let spl = kext("spl", 1);
    let given = BASE + 0x20_0000;
    let symbols = set(&[(Role::Kext, "spl", Some(given), spl.dsym())]);
    let images = vec![image("net.example.spl", Some(BASE), Some(1))];
    let trace = resolved(
        report(images, &[given + start_of(&spl, "first") + 4]),
        &symbols,
    );
    assert_eq!(name(resolutions(&trace)[0]), ("first", 4));
    assert_eq!(
        trace.images[0].used.as_ref().unwrap().placed_by,
        PlacedBy::Given
    );
    assert!(
        trace.notes[0].text.contains("as given by hand"),
        "{}",
        trace.notes[0]
    );
}

#[test]
fn a_listing_places_what_the_report_does_not() {
    let spl = kext("spl", 1);
    let mut listed = image("net.example.spl", Some(BASE), None);
    listed.origin = Origin::Listing;
    let symbols = set(&[(Role::Kext, "spl", None, spl.dsym())]);
    let trace = resolved(
        report(vec![listed], &[BASE + start_of(&spl, "second") + 4]),
        &symbols,
    );
    let used = trace.images[0].used.as_ref().unwrap();
    assert_eq!(
        (used.matched_by, used.placed_by),
        (MatchedBy::ExecutableName, PlacedBy::Listing)
    );
}

#[test]
fn a_kext_that_nothing_places_says_which_address_is_missing_and_the_rest_is_named() {
    let (spl, zfs) = (kext("spl", 1), kext("zfs", 2));
    let symbols = set(&[
        (Role::Kext, "spl", None, spl.dsym()),
        (Role::Kext, "zfs", Some(BASE), zfs.dsym()),
    ]);
    let trace = resolved(
        report(vec![], &[BASE + start_of(&zfs, "first") + 4]),
        &symbols,
    );
    assert_eq!(name(resolutions(&trace)[0]), ("first", 4));
    let unused = &trace.unused[0];
    assert_eq!(unused.reason, UnusedReason::NotPlaced);
    assert!(
        unused.why.contains("load address of spl is not known"),
        "{}",
        unused.why
    );
    assert!(
        unused.why.contains("spl@ADDRESS (the unslid one"),
        "{}",
        unused.why
    );
}

#[test]
fn a_sym_file_lies_where_it_is_linked() {
    let mut spl = Program::kext("net.example.spl.sym", Arch::X86_64, 1);
    spl.base = BASE;
    let spl = spl.with(Function::new("first", 64));
    let symbols = set(&[(Role::Kext, "net.example.spl.sym", None, spl.binary())]);
    let trace = resolved(report(vec![], &[start_of(&spl, "first") + 4]), &symbols);
    assert_eq!(
        trace.images[0].used.as_ref().unwrap().placed_by,
        PlacedBy::Linked
    );
    assert!(matches!(
        resolutions(&trace)[0],
        Resolution::Named { named, .. } if &*named.name == "first" && named.certainty == Certainty::Nearest
    ));
}

#[test]
fn a_linked_address_does_not_serve_slid_ones_unless_the_slide_is_stated() {
    let kernel = Program::kernel(Arch::X86_64, 3).with(Function::new("msleep", 64));
    let symbols = set(&[(Role::Kernel, "kernel", None, kernel.binary())]);
    let slide = 0x1c0_0000;
    let mut slid = report(vec![], &[start_of(&kernel, "msleep") + slide + 4]);
    slid.kernel.basis = Basis::Slid;
    let trace = resolved(slid.clone(), &symbols);
    assert_eq!(trace.unused[0].reason, UnusedReason::NotPlaced);
    slid.kernel.slides.push((SlideOf::Kernel, Slide(slide)));
    let trace = resolved(slid, &symbols);
    assert_eq!(name(resolutions(&trace)[0]), ("msleep", 4));
    assert_eq!(
        trace.images[0].used.as_ref().unwrap().placed_by,
        PlacedBy::Slide
    );
}

#[test]
fn two_kexts_given_at_one_address_are_reported_and_neither_names_a_frame() {
    let (spl, zfs) = (kext("spl", 1), kext("zfs", 2));
    let symbols = set(&[
        (Role::Kext, "spl", Some(BASE), spl.dsym()),
        (Role::Kext, "zfs", Some(BASE), zfs.dsym()),
    ]);
    let trace = resolved(
        report(vec![], &[BASE + start_of(&zfs, "first") + 4]),
        &symbols,
    );
    assert_eq!(
        resolutions(&trace)[0],
        &Resolution::Nowhere { why: Why::Overlap }
    );
    assert!(
        trace.notes[0].text.contains("spl and zfs both lie at"),
        "{}",
        trace.notes[0]
    );
}

#[test]
fn the_slice_is_chosen_by_uuid_before_architecture() {
    let (intel, haswell) = (kext("spl", 1), kext_for(Arch::X86_64H, "spl", 2));
    let file = fat(&[intel.binary(), haswell.binary()]);
    let symbols = set(&[(Role::Kext, "spl", None, file.clone())]);
    let images = vec![image("net.example.spl", Some(BASE), Some(2))];
    let trace = resolved(
        report(images, &[BASE + start_of(&haswell, "first")]),
        &symbols,
    );
    assert_eq!(trace.images[0].used.as_ref().unwrap().uuid, haswell.uuid);

    let trace = resolved(
        report(vec![], &[]),
        &set(&[(Role::Kext, "spl", Some(BASE), file)]),
    );
    assert_eq!(trace.unused[0].reason, UnusedReason::NoSlice);
    assert!(
        trace.unused[0].why.contains("x86_64, x86_64h"),
        "{}",
        trace.unused[0].why
    );
    assert!(
        trace.unused[0].why.contains("--arch"),
        "{}",
        trace.unused[0].why
    );
}

#[test]
fn a_file_of_another_architecture_is_not_used() {
    let spl = kext_for(Arch::Arm64e, "spl", 1);
    let symbols = set(&[(Role::Kext, "spl", Some(BASE), spl.binary())]);
    let trace = resolved(report(vec![], &[BASE + 0x1000]), &symbols);
    assert_eq!(trace.unused[0].reason, UnusedReason::NoSlice);
    assert_eq!(trace.unused[0].why, "has no x86_64 slice, only arm64e");
}

#[test]
fn the_header_of_a_kext_with_its_code_apart_does_not_place_that_code() {
    let zfs = Program::kext("zfs", Arch::Arm64e, 1).with(Function::new("taskq_thread", 64));
    let header = 0xfffe_0007_1d00_0000;
    let code = 0xfffe_0008_4e40_0000;
    let offset = start_of(&zfs, "taskq_thread") + 8;
    let mut split = image("zfs", Some(header), Some(1));
    let mut slid = report(vec![split.clone()], &[header + offset]);
    slid.machine.arch = Some(Arch::Arm64e);
    let symbols = set(&[(Role::Kext, "zfs", None, zfs.dsym())]);
    let trace = resolved(slid.clone(), &symbols);
    assert!(!resolutions(&trace)[0].is_sure());

    // The code's own place serves the code, and the header's goes on serving the header.
    split.placements.push(Placement::SegmentAt {
        segment: "__TEXT_EXEC".to_owned(),
        address: Address(code),
    });
    slid.kernel.images = vec![split];
    let text_exec = zfs.code_start() & !0x3fff;
    let frames = &mut slid.processes[0].threads[0].stacks[0].frames;
    frames[0] = Frame::new(Address(code + offset - text_exec), FrameKind::ReturnAddress);
    let trace = resolved(slid, &symbols);
    assert_eq!(name(resolutions(&trace)[0]), ("taskq_thread", 8));
}

#[test]
fn a_found_file_serves_by_uuid_and_is_refused_by_name_when_builds_differ() {
    let spl = kext("spl", 1);
    let found = |uuid| {
        let images = vec![image("net.example.spl", Some(BASE), Some(uuid))];
        let symbols = set(&[(Role::Found, "builds/spl", None, spl.dsym())]);
        resolved(
            report(images, &[BASE + start_of(&spl, "first") + 4]),
            &symbols,
        )
    };
    assert_eq!(name(resolutions(&found(1))[0]), ("first", 4));
    let refused = found(7);
    assert!(refused.images[0].used.is_none());
    assert_eq!(refused.images[0].refused.len(), 1);
}

#[test]
fn of_several_found_builds_none_is_guessed() {
    let symbols = set(&[
        (Role::Found, "builds/1/spl", None, kext("spl", 1).dsym()),
        (Role::Found, "builds/2/spl", None, kext("spl", 2).dsym()),
    ]);
    let images = vec![image("net.example.spl", Some(BASE), None)];
    let trace = resolved(report(images, &[BASE + 0x1000]), &symbols);
    assert!(trace.images[0].used.is_none());
    assert_eq!(trace.images[0].refused.len(), 2);
    assert!(
        trace.images[0].refused[0]
            .why
            .contains("pass one with --kext")
    );
}

#[test]
fn a_second_file_for_one_image_is_said_to_be_superfluous() {
    let spl = kext("spl", 1);
    let symbols = set(&[
        (Role::Kext, "a/spl", None, spl.dsym()),
        (Role::Kext, "b/spl", None, spl.binary()),
    ]);
    let images = vec![image("net.example.spl", Some(BASE), Some(1))];
    let trace = resolved(
        report(images, &[BASE + start_of(&spl, "first") + 4]),
        &symbols,
    );
    assert_eq!(name(resolutions(&trace)[0]), ("first", 4));
    assert!(trace.unused.len() <= 1);
}

#[test]
fn the_same_kext_given_twice_names_as_if_given_once() {
    let spl = kext("spl", 1);
    let symbols = set(&[
        (Role::Kext, "a/spl", Some(BASE), spl.dsym()),
        (Role::Kext, "b/spl", Some(BASE), spl.dsym()),
    ]);
    let trace = resolved(
        report(vec![], &[BASE + start_of(&spl, "first") + 4]),
        &symbols,
    );
    assert_eq!(name(resolutions(&trace)[0]), ("first", 4));
    assert_eq!(trace.notes, []);
}

#[test]
fn damaged_debug_information_is_told_where_symbols_stand_in_for_it() {
    let program = kext("zfs", 1);
    let mut dsym = program.dsym_image();
    for section in &mut dsym.segments.last_mut().unwrap().sections {
        if section.name == "__debug_info" {
            section.data.as_mut().unwrap()[4..].fill(0xff);
        }
    }
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "zfs.kext", None, program.binary());
    symbols.add_bytes(Role::Dsym, "zfs.dSYM", None, dsym.build());
    let report = report(
        vec![image("zfs", Some(BASE), Some(1))],
        &[BASE + start_of(&program, "second") + 8],
    );
    let trace = resolve(report, &symbols, &ResolveOptions::default());
    let note = trace
        .notes
        .iter()
        .find(|note| note.text.contains("zfs.dSYM"));
    let note = &note.expect("a note about the damage").text;
    assert!(
        note.contains("part of its debug information cannot be read"),
        "{note}"
    );
    let Resolution::Named { named, .. } = resolutions(&trace)[0] else {
        panic!("a symbol names it");
    };
    assert_eq!(&*named.name, "second");
}

#[test]
fn a_kernel_with_few_symbols_tells_which_debug_kit_has_the_rest() {
    let mut kernel = Program::kernel(Arch::X86_64, 7).with(Function::new("first", 64));
    kernel.function_starts = false;
    let mut report = report(vec![], &[kernel.code_start() + 8]);
    report.machine.os_build = Some("18Z901".to_owned());
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "mach_kernel", None, kernel.binary());
    let trace = resolve(report, &symbols, &ResolveOptions::default());
    let note = trace
        .notes
        .iter()
        .find(|note| note.text.contains("Kernel Debug Kit"));
    let note = &note.expect("a note about the kit").text;
    assert!(
        note.contains("of build 18Z901 (its kernel has the UUID 07070707-"),
        "{note}"
    );
}
