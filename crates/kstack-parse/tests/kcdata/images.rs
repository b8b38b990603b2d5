//! Load information and shared caches.

use kstack_model::{Address, Basis, ImageKind, Placement, Slide, SlideOf, Value};
use kstack_synth::kcdata::{self, Buffer};

use super::{KERNEL, KEXT, fact, report, undamaged};

#[test]
fn kernel_and_kexts_are_unslid_images_of_the_kernel_space() {
    let list = [
        kcdata::load_info(KERNEL, [1; 16]),
        kcdata::load_info(KEXT, [2; 16]),
    ];
    let report = undamaged(Buffer::stackshot().task(0, |task| {
        task.item(0x905, &kcdata::task_snapshot(0, 0, "kernel_task"))
            .array(0x31, &list)
    }));
    assert_eq!(report.kernel.basis, Basis::Unslid);
    let kinds: Vec<_> = report
        .kernel
        .images
        .iter()
        .map(|image| image.kind)
        .collect();
    assert_eq!(kinds, [ImageKind::Kernel, ImageKind::Kext]);
    assert_eq!(report.kernel.images[1].load_address(), Some(Address(KEXT)));
    assert_eq!(report.kernel.images[1].uuid.unwrap().as_bytes(), &[2; 16]);
    assert_eq!(report.processes[0].space.images, []);
}

#[test]
fn a_text_exec_list_places_segments_and_joins_the_list_of_headers() {
    let headers = [kcdata::load_info(0xffff_fe00_0700_4000, [1; 16])];
    let texts = [
        kcdata::load_info(0xffff_fe00_0810_0000, [1; 16]),
        kcdata::load_info(0xffff_fe00_0950_0000, [2; 16]),
    ];
    let report = undamaged(
        Buffer::stackshot().task(0, |task| task.array(0x31, &headers).array(0x92e, &texts)),
    );
    let text_exec = |address| Placement::SegmentAt {
        segment: "__TEXT_EXEC".to_owned(),
        address: Address(address),
    };
    let [kernel, kext] = report.kernel.images.as_slice() else {
        panic!()
    };
    let header = Placement::LoadedAt(Address(0xffff_fe00_0700_4000));
    assert_eq!(
        kernel.placements,
        [header, text_exec(0xffff_fe00_0810_0000)]
    );
    assert_eq!(kext.placements, [text_exec(0xffff_fe00_0950_0000)]);
    assert_eq!(kext.kind, ImageKind::Kext);
}

#[test]
fn the_address_of_a_kernel_collection_places_nothing() {
    let collection = kcdata::load_info(0xffff_fe00_0000_0000, [3; 16]);
    let report = undamaged(Buffer::stackshot().task(0, |task| task.item(0x91c, &collection)));
    let [image] = report.kernel.images.as_slice() else {
        panic!()
    };
    assert_eq!(
        (image.kind, image.placements.len()),
        (ImageKind::KernelCollection, 0)
    );
    let stated = fact(
        &report.processes[0].facts,
        "kernelcache_load_info.imageLoadAddress",
    );
    assert_eq!(stated, Some(&Value::Hex(0xffff_fe00_0000_0000)));
}

#[test]
fn each_process_has_the_shared_cache_that_its_flags_name() {
    let cache = |id: u32, slide: u64, flags: u32| {
        let header = 0x1_8000_0000 + slide;
        let words = [
            slide.to_le_bytes(),
            [id as u8; 8],
            [id as u8; 8],
            [0; 8],
            header.to_le_bytes(),
        ]
        .concat();
        [
            words,
            id.to_le_bytes().to_vec(),
            flags.to_le_bytes().to_vec(),
        ]
        .concat()
    };
    let task = |buffer: Buffer, pid: i32, flags: u64, id: Option<u32>| {
        buffer.task(pid as u64, |task| {
            let mut record = kcdata::task_snapshot(pid as u64, pid, "a");
            record[8..16].copy_from_slice(&flags.to_le_bytes());
            let task = task.item(0x905, &record);
            match id {
                Some(id) => task.item(0x945, &id.to_le_bytes()),
                None => task,
            }
        })
    };
    let buffer = Buffer::stackshot()
        .container(0x942, 1, |c| {
            c.item(0x943, &cache(1, 0x4000, 1))
                .array(0x927, &[kcdata::load_info(0x1_8000_1000, [9; 16])])
        })
        .container(0x942, 2, |c| c.item(0x943, &cache(2, 0x8000, 0)));
    let buffer = task(buffer, 10, 0x4000_0000, None);
    let buffer = task(buffer, 11, 0x8000_0000, Some(2));
    let report = undamaged(task(buffer, 12, 0x2000_0000, None));
    let slides: Vec<_> = report
        .processes
        .iter()
        .map(|process| process.space.slides.clone())
        .collect();
    assert_eq!(
        slides,
        [
            vec![(SlideOf::SharedCache, Slide(0x4000))],
            vec![(SlideOf::SharedCache, Slide(0x8000))],
            vec![]
        ]
    );
    let image = &report.processes[0].space.images[0];
    assert_eq!(
        (image.kind, image.load_address()),
        (ImageKind::SharedCache, Some(Address(0x1_8000_4000)))
    );
    assert_eq!(report.shared_caches.len(), 2);
    assert_eq!(report.shared_caches[0].images.len(), 1);
}

#[test]
fn an_old_kernel_states_the_slide_of_the_shared_cache_as_a_load_address() {
    let system = [0x7000_u64.to_le_bytes().to_vec(), vec![8; 16]].concat();
    let report = undamaged(Buffer::stackshot().item(0x908, &system).task(5, |task| {
        task.item(0x905, &kcdata::task_snapshot(5, 5, "a"))
    }));
    let space = &report.processes[0].space;
    assert_eq!(space.slides, [(SlideOf::SharedCache, Slide(0x7000))]);
    assert_eq!(space.images[0].placements, []);
}

#[test]
fn a_list_of_images_that_the_kernel_could_not_read_is_told() {
    let list = [kcdata::load_info(0x1000, [1; 16]), vec![0; 24], vec![0; 24]];
    let bytes = Buffer::stackshot()
        .task(5, |task| {
            task.item(0x905, &kcdata::task_snapshot(5, 5, "zed"))
                .array(0x31, &list)
        })
        .end();
    let report = report(&bytes);
    assert_eq!(report.processes[0].space.images.len(), 1);
    assert_eq!(
        report.notes[0].text,
        "2 images of zed (5) are not known: the kernel could not read the list"
    );
}
