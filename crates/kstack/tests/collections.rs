//! Kernel collections and KDKs: which of their images the trace uses, and where they lie.

use std::fs;

use kstack::missing::Missing;
use kstack::model::{
    Address, Arch, Basis, Frame, FrameKind, ImageKind, LoadedImage, Placement, Report, Side, Slide,
    SlideOf, Stack, Thread, Uuid,
};
use kstack::resolve::{MatchedBy, PlacedBy, Resolution, SpaceId, Trace, UnusedReason};
use kstack::symbols::{Request, Role, SymbolSet};
use kstack::{ResolveOptions, resolve};
use kstack_synth::macho::{Function, InfoPlist, Program, dsym_bundle, fileset, kext_bundle};
use tempfile::TempDir;

const TEXT_EXEC: u64 = 0xffff_fe00_0840_0000;

fn kernel(seed: u8) -> Program {
    Program::kernel(Arch::Arm64e, seed).with(Function::new("thread_block", 0x40))
}

fn collection() -> SymbolSet {
    let kext = |seed, name| {
        let program = Program::kext("zfs", Arch::Arm64e, seed).with(Function::new(name, 0x40));
        program.binary_image().moved(move |segment| match segment {
            "__TEXT" => 0xffff_fe00_0720_0000 + u64::from(seed) * 0x1_0000,
            "__TEXT_EXEC" => TEXT_EXEC + u64::from(seed) * 0x1_0000,
            _ => 0xffff_fe00_0960_0000 + u64::from(seed) * 0x1_0000,
        })
    };
    let file = fileset(
        Uuid::from_bytes([9; 16]),
        &[
            ("com.apple.kernel", kernel(1).binary_image()),
            ("org.example.zfs", kext(2, "spa_sync")),
            ("org.example.idle", kext(3, "never_called")),
        ],
    );
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "kc", None, file);
    symbols
}

fn report(basis: Basis, images: Vec<LoadedImage>, addresses: &[u64]) -> Report {
    let frame = |at: &u64| Frame::new(Address(*at), FrameKind::ReturnAddress);
    let stack = Stack::new(Side::Kernel, addresses.iter().map(frame).collect());
    let mut report = Report::of_threads(vec![Thread::with_stack(stack)]);
    report.machine.arch = Some(Arch::Arm64e);
    report.kernel.basis = basis;
    report.kernel.images = images;
    report
}

fn trace(report: Report) -> Trace {
    resolve(report, &collection(), &ResolveOptions::default())
}

fn names(trace: &Trace) -> Vec<String> {
    let frames = &trace.report.processes[0].threads[0].stacks[0].frames;
    let name = |frame| match trace.resolution(SpaceId::Kernel, frame) {
        Resolution::Named { named, .. } => named.name.to_string(),
        other => format!("{other:?}"),
    };
    frames.iter().map(name).collect()
}

fn kernel_image(uuid: u8) -> LoadedImage {
    LoadedImage {
        uuid: Some(Uuid::from_bytes([uuid; 16])),
        ..LoadedImage::new(ImageKind::Kernel)
    }
}

/// Return addresses in the kernel and in the first kext.
fn addresses(slide: u64) -> [u64; 2] {
    let kernel = kernel(1).code_start() + 8;
    let kext = TEXT_EXEC + 0x2_0000 + 0x8000 + 8;
    [kernel + slide, kext + slide]
}

#[test]
fn kexts_that_nobody_lists_are_found_in_the_collection_of_the_kernel() {
    let trace = trace(report(Basis::Unslid, vec![kernel_image(1)], &addresses(0)));
    assert_eq!(names(&trace), ["thread_block", "spa_sync"]);
    let shown: Vec<String> = trace.images.iter().map(|image| image.name()).collect();
    // The kext without a frame stays out of the trace.
    assert_eq!(shown, ["com.apple.kernel", "org.example.zfs"]);
    let used = trace.images[1].used.as_ref().unwrap();
    assert_eq!(used.matched_by, MatchedBy::Collection);
    assert_eq!(used.placed_by, PlacedBy::Linked);
}

#[test]
fn the_slide_of_the_collection_moves_all_its_images() {
    let mut report = report(Basis::Slid, vec![kernel_image(1)], &addresses(0x1a00_0000));
    report.kernel.slides = vec![
        (SlideOf::Kernel, Slide(0x123_0000)),
        (SlideOf::KernelCollection, Slide(0x1a00_0000)),
    ];
    let trace = trace(report);
    assert_eq!(names(&trace), ["thread_block", "spa_sync"]);
    assert_eq!(
        trace.images[1].used.as_ref().unwrap().placed_by,
        PlacedBy::Slide
    );
}

#[test]
fn one_segment_of_an_entry_places_the_others() {
    let kext = LoadedImage {
        name: Some("org.example.zfs".to_owned()),
        placements: vec![Placement::LoadedAt(Address(0xffff_fe00_0722_0000))],
        ..LoadedImage::new(ImageKind::Kext)
    };
    let trace = trace(report(
        Basis::Unslid,
        vec![kernel_image(1), kext],
        &addresses(0),
    ));
    assert_eq!(names(&trace), ["thread_block", "spa_sync"]);
}

#[test]
fn a_collection_of_another_build_names_nothing() {
    let trace = trace(report(Basis::Unslid, vec![kernel_image(7)], &addresses(0)));
    assert!(names(&trace).iter().all(|name| name.contains("Nowhere")));
    assert_eq!(trace.unused.len(), 1);
}

/// Kernels of a KDK with these seeds as UUIDs, by name.
fn kdk(kernels: &[(&str, u8)]) -> (TempDir, SymbolSet) {
    let folder = TempDir::new().unwrap();
    let kernel_folder = folder.path().join("System/Library/Kernels");
    let extensions = folder.path().join("System/Library/Extensions");
    fs::create_dir_all(&kernel_folder).unwrap();
    fs::create_dir_all(&extensions).unwrap();
    for (name, seed) in kernels {
        let program = kernel(*seed);
        fs::write(kernel_folder.join(name), program.binary()).unwrap();
        dsym_bundle(&kernel_folder, name, name, &program.dsym()).unwrap();
    }
    let program = Program::kext("zfs", Arch::Arm64e, 2).with(Function::new("spa_sync", 0x40));
    let plist = InfoPlist {
        executable: Some("zfs".to_owned()),
        identifier: Some("org.example.zfs".to_owned()),
        version: None,
    };
    kext_bundle(&extensions, "zfs", &plist.xml(), Some(&program.binary())).unwrap();
    dsym_bundle(&extensions, "zfs.kext", "zfs", &program.dsym()).unwrap();
    let symbols = SymbolSet::open(&[Request {
        role: Role::Kernel,
        path: folder.path().to_owned(),
        placed: None,
    }]);
    (folder, symbols)
}

const VARIANTS: &[(&str, u8)] = &[
    ("kernel", 4),
    ("kernel.development", 5),
    ("kernel.kasan", 6),
];

#[test]
fn the_kernel_of_a_kdk_is_chosen_by_uuid_and_its_kexts_serve_too() {
    let (_folder, symbols) = kdk(VARIANTS);
    let kext = LoadedImage {
        uuid: Some(Uuid::from_bytes([2; 16])),
        placements: vec![Placement::SegmentAt {
            segment: "__TEXT_EXEC".to_owned(),
            address: Address(0x8_0000_0000),
        }],
        ..LoadedImage::new(ImageKind::Kext)
    };
    let addresses = [kernel(5).code_start() + 8, 0x8_0000_0008];
    let report = report(Basis::Unslid, vec![kernel_image(5), kext], &addresses);
    let trace = resolve(report, &symbols, &ResolveOptions::default());
    assert_eq!(names(&trace), ["thread_block", "spa_sync"]);
    let paths = &trace.images[0].used.as_ref().unwrap().paths;
    assert!(paths[0].ends_with("kernel.development"), "{paths:?}");
    assert!(paths[1].ends_with("kernel.development.dSYM"), "{paths:?}");
    assert!(trace.unused.is_empty());
}

#[test]
fn without_a_kernel_uuid_the_variants_of_a_kdk_are_listed_and_none_is_used() {
    let (_folder, symbols) = kdk(VARIANTS);
    let report = report(Basis::Unslid, vec![], &[kernel(5).code_start() + 8]);
    let trace = resolve(report, &symbols, &ResolveOptions::default());
    assert!(trace.images.is_empty());
    assert_eq!(trace.unused.len(), 1);
    assert_eq!(trace.unused[0].reason, UnusedReason::SeveralKernels);
    for (name, _) in VARIANTS {
        let listed = format!("Kernels/{name} (arm64e ");
        assert!(
            trace.unused[0].why.contains(&listed),
            "{}",
            trace.unused[0].why
        );
    }
}

#[test]
fn a_kdk_with_one_kernel_needs_no_uuid() {
    let (_folder, symbols) = kdk(&[("kernel", 4)]);
    let report = report(Basis::Unslid, vec![], &[kernel(4).code_start() + 8]);
    let trace = resolve(report, &symbols, &ResolveOptions::default());
    assert_eq!(names(&trace), ["thread_block"]);
}

#[test]
fn a_kdk_of_another_build_says_which_uuids_it_has() {
    let (_folder, symbols) = kdk(VARIANTS);
    let report = report(
        Basis::Unslid,
        vec![kernel_image(8)],
        &[kernel(5).code_start() + 8],
    );
    let trace = resolve(report, &symbols, &ResolveOptions::default());
    assert_eq!(trace.unused[0].reason, UnusedReason::OtherBuild);
    assert!(
        trace.unused[0].why.contains("08080808-"),
        "{}",
        trace.unused[0].why
    );
    assert!(
        trace.unused[0].why.contains("05050505-"),
        "{}",
        trace.unused[0].why
    );
}

#[test]
fn frames_of_a_kernel_without_a_file_say_which_kdk_would_name_them() {
    let mut image = kernel_image(5);
    image.placements = vec![Placement::LoadedAt(Address(0xffff_fe00_0701_0000))];
    image.size = Some(0x10_0000);
    let mut report = report(Basis::Unslid, vec![image], &[0xffff_fe00_0701_8008]);
    report.machine.os_build = Some("24G84".to_owned());
    let trace = resolve(report, &SymbolSet::default(), &ResolveOptions::default());
    let missing = Missing::of(&trace);
    assert_eq!(
        missing.images[0].pass,
        "--kernel KDK, the Kernel Debug Kit of build 24G84, whose kernel has this UUID"
    );
}
