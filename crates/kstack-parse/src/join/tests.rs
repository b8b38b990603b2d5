use super::*;

const ZFS: Uuid = Uuid::from_bytes([0x2f; 16]);
const SPL: Uuid = Uuid::from_bytes([0x51; 16]);
const BASE: Address = Address(0xffff_ff7f_8123_4000);

fn kext(name: &str, uuid: Option<Uuid>, at: Option<Address>) -> LoadedImage {
    LoadedImage {
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        uuid,
        placements: at.map(Placement::LoadedAt).into_iter().collect(),
        ..LoadedImage::new(ImageKind::Kext)
    }
}

fn report(basis: Basis, images: Vec<LoadedImage>) -> Report {
    Report {
        kernel: AddressSpace {
            basis,
            images,
            ..AddressSpace::default()
        },
        ..Report::default()
    }
}

fn joined(own: Vec<LoadedImage>, listed: Vec<LoadedImage>) -> Report {
    let mut trace = report(Basis::Unslid, own);
    join(&mut trace, &report(Basis::Unslid, listed)).unwrap();
    trace
}

fn names(report: &Report) -> Vec<&str> {
    let images = report.kernel.images.iter();
    images.filter_map(|image| image.name.as_deref()).collect()
}

#[test]
fn an_image_with_the_same_uuid_gets_what_it_lacks() {
    let listed = LoadedImage {
        size: Some(0x5000),
        version: Some("1.2".to_owned()),
        ..kext("net.example.zfs", Some(ZFS), Some(BASE))
    };
    let trace = joined(vec![kext("", Some(ZFS), Some(BASE))], vec![listed]);
    let [image] = &trace.kernel.images[..] else {
        panic!("one image")
    };
    assert_eq!(image.name.as_deref(), Some("net.example.zfs"));
    assert_eq!(
        (image.size, image.version.as_deref()),
        (Some(0x5000), Some("1.2"))
    );
    assert_eq!(image.origin, Origin::Report);
    assert!(trace.notes.is_empty());
}

#[test]
fn without_uuids_the_load_address_tells_that_two_are_the_same() {
    let trace = joined(
        vec![kext("", Some(ZFS), Some(BASE))],
        vec![kext("net.example.zfs", None, Some(BASE))],
    );
    assert_eq!(names(&trace), ["net.example.zfs"]);
    assert_eq!(trace.kernel.images[0].uuid, Some(ZFS));
}

#[test]
fn another_uuid_at_an_address_of_the_trace_is_refused_with_a_note() {
    let trace = joined(
        vec![kext("a", Some(ZFS), Some(BASE))],
        vec![kext("b", Some(SPL), Some(BASE))],
    );
    assert_eq!(names(&trace), ["a"]);
    assert_eq!(
        trace.notes[0].text,
        "b is listed at 0xffffff7f81234000, where the trace has an image of another UUID; the trace's own is used"
    );
}

#[test]
fn an_image_that_only_the_list_has_is_added_as_the_lists() {
    let trace = joined(
        vec![kext("a", Some(ZFS), Some(BASE))],
        vec![kext("b", Some(SPL), Some(Address(0x1000)))],
    );
    assert_eq!(trace.kernel.images[1].origin, Origin::Listing);
}

#[test]
fn an_image_without_uuid_and_address_is_added() {
    let trace = joined(vec![kext("a", None, None)], vec![kext("b", None, None)]);
    assert_eq!(names(&trace), ["a", "b"]);
}

#[test]
fn the_traces_own_address_stays_and_the_difference_is_noted() {
    let trace = joined(
        vec![kext("zfs", Some(ZFS), Some(BASE))],
        vec![kext("zfs", Some(ZFS), Some(Address(0x1000)))],
    );
    assert_eq!(trace.kernel.images[0].load_address(), Some(BASE));
    assert_eq!(
        trace.notes[0].text,
        "zfs is listed at 0x1000 instead of 0xffffff7f81234000; the trace's own word is used"
    );
}

#[test]
fn a_placed_segment_is_no_contradiction_to_a_load_address() {
    let mut own = kext("zfs", Some(ZFS), None);
    own.placements.push(Placement::SegmentAt {
        segment: "__TEXT_EXEC".to_owned(),
        address: BASE,
    });
    let trace = joined(
        vec![own.clone()],
        vec![kext("zfs", Some(ZFS), Some(Address(0x1000)))],
    );
    assert_eq!(trace.kernel.images, [own]);
    assert!(trace.notes.is_empty());
}

#[test]
fn a_pseudo_kext_with_the_kernels_uuid_is_not_the_kernel() {
    let kernel = LoadedImage {
        kind: ImageKind::Kernel,
        ..kext("", Some(ZFS), Some(BASE))
    };
    let pseudo = |name| LoadedImage {
        kind: ImageKind::PseudoKext,
        ..kext(name, Some(ZFS), None)
    };
    let listed = vec![pseudo("com.apple.kpi.bsd"), pseudo("com.apple.kpi.mach")];
    let trace = joined(vec![kernel], listed);
    assert_eq!(trace.kernel.images[0].name, None);
    assert_eq!(names(&trace), ["com.apple.kpi.bsd", "com.apple.kpi.mach"]);
}

#[test]
fn an_unslid_list_is_moved_by_the_slide_of_a_slid_trace() {
    let mut trace = report(Basis::Slid, vec![]);
    trace.kernel.slides = vec![(SlideOf::Kernel, Slide(0x200_0000))];
    let listing = report(Basis::Unslid, vec![kext("zfs", None, Some(BASE))]);
    join(&mut trace, &listing).unwrap();
    let moved = Address(BASE.0 + 0x200_0000);
    assert_eq!(trace.kernel.images[0].load_address(), Some(moved));
}

#[test]
fn a_slid_list_is_moved_back_for_an_unslid_trace() {
    let mut trace = report(Basis::Unslid, vec![]);
    trace.kernel.slides = vec![(SlideOf::Kernel, Slide(0x200_0000))];
    let slid = Address(BASE.0 + 0x200_0000);
    join(
        &mut trace,
        &report(Basis::Slid, vec![kext("zfs", None, Some(slid))]),
    )
    .unwrap();
    assert_eq!(trace.kernel.images[0].load_address(), Some(BASE));
}

#[test]
fn kexts_move_with_their_collection_where_its_slide_is_stated() {
    let mut trace = report(Basis::Slid, vec![]);
    trace.kernel.slides = vec![
        (SlideOf::Kernel, Slide(0x10)),
        (SlideOf::KernelCollection, Slide(0x4000)),
    ];
    let listing = report(Basis::Unslid, vec![kext("zfs", None, Some(BASE))]);
    join(&mut trace, &listing).unwrap();
    let moved = Address(BASE.0 + 0x4000);
    assert_eq!(trace.kernel.images[0].load_address(), Some(moved));
}

#[test]
fn different_bases_without_a_slide_are_refused_and_nothing_changes() {
    let mut trace = report(Basis::Slid, vec![kext("a", None, None)]);
    let before = trace.clone();
    let listing = report(Basis::Unslid, vec![kext("zfs", None, Some(BASE))]);
    let mismatch = join(&mut trace, &listing).unwrap_err();
    assert_eq!(
        mismatch.to_string(),
        "the list's addresses are unslid, the trace's are slid, and nothing states the slide between them; pass --kernel-slide"
    );
    assert_eq!(trace, before);
}

#[test]
fn a_trace_of_unknown_basis_takes_the_list_with_a_note() {
    let mut trace = report(Basis::Unknown, vec![]);
    let listing = report(Basis::Unslid, vec![kext("zfs", None, Some(BASE))]);
    join(&mut trace, &listing).unwrap();
    assert_eq!(trace.kernel.images[0].load_address(), Some(BASE));
    assert!(trace.notes[0].text.starts_with("whether the trace's"));
}

#[test]
fn lists_and_traces_of_one_file_cannot_grow_past_the_limit() {
    let trace = Report {
        processes: vec![kstack_model::Process::default()],
        ..report(Basis::Unslid, vec![])
    };
    let listing = report(Basis::Unslid, vec![kext("zfs", None, Some(BASE)); 8]);
    let limits = Limits {
        items: 20,
        ..Limits::default()
    };
    let reports = vec![trace.clone(), trace.clone(), trace, listing];
    let joined = within_one_file(reports, &limits);
    let notes: Vec<usize> = joined.iter().map(|report| report.notes.len()).collect();
    assert_eq!(notes, [0, 0, 1]);
}

/// A slid trace without a stated slide, and an unslid list.
fn slid_and_listed(own: &[(&str, u64)], listed: &[(&str, u64)]) -> (Report, Report) {
    let images = |list: &[(&str, u64)], by: u64| {
        let kexts = list.iter();
        kexts
            .map(|(name, at)| kext(name, None, Some(Address(BASE.0 + at + by))))
            .collect()
    };
    let slide = 0x0c60_0000;
    (
        report(Basis::Slid, images(own, slide)),
        report(Basis::Unslid, images(listed, 0)),
    )
}

#[test]
fn a_kext_in_a_slid_trace_and_an_unslid_list_fixes_the_slide() {
    let (mut trace, list) = slid_and_listed(&[("spl", 0)], &[("spl", 0), ("zfs", 0x8000)]);
    join(&mut trace, &list).unwrap();
    let zfs = trace.kernel.images.last().unwrap();
    assert_eq!(
        zfs.load_address(),
        Some(Address(BASE.0 + 0x8000 + 0x0c60_0000))
    );
    assert_eq!(trace.kernel.slides, [(SlideOf::Kernel, Slide(0x0c60_0000))]);
    assert_eq!(
        trace.notes[0].text,
        "the kernel's slide 0xc600000 is not stated but derived: spl is at 0xffffff7f8d834000 with it and at 0xffffff7f81234000 without it"
    );
}

#[test]
fn kexts_that_show_different_slides_fix_none() {
    let (mut trace, list) = slid_and_listed(
        &[("spl", 0), ("zfs", 0x1000)],
        &[("spl", 0), ("zfs", 0x8000)],
    );
    assert!(join(&mut trace, &list).is_err());
    assert!(trace.kernel.slides.is_empty());
}

#[test]
fn another_build_in_the_list_fixes_no_slide() {
    let mut trace = report(
        Basis::Slid,
        vec![kext("spl", Some(SPL), Some(Address(0x5000)))],
    );
    let list = report(
        Basis::Unslid,
        vec![kext("spl", Some(ZFS), Some(Address(0x3000)))],
    );
    assert!(join(&mut trace, &list).is_err());
}

#[test]
fn a_difference_that_is_not_of_whole_pages_is_no_slide() {
    let mut trace = report(Basis::Slid, vec![kext("spl", None, Some(Address(0x5010)))]);
    let list = report(
        Basis::Unslid,
        vec![kext("spl", None, Some(Address(0x3000)))],
    );
    assert!(join(&mut trace, &list).is_err());
}
