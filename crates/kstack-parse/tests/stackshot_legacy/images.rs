//! Kernel, kexts, user images and shared caches.

use kstack_model::{Address, Arch, ImageKind, Uuid, Value};
use kstack_synth::legacy::{Generation, Kind, Task, Trace};

use super::{fact, generations_with, read_one, task, thread};

fn uuid(byte: u8) -> Uuid {
    Uuid::from_bytes([byte; 16])
}

#[test]
fn the_kernel_task_lists_the_kernel_and_its_kexts() {
    let kernel = Task {
        load_infos: vec![
            (0xffff_ff80_0020_0000, uuid(1)),
            (0xffff_ff7f_8070_0000, uuid(2)),
            (0xffff_ff7f_8080_0000, uuid(0)),
        ],
        ..task(0)
    };
    let trace = Trace::new(Generation::G6).task(&kernel);
    let report = read_one(&trace.thread(&thread(0, 1)).build());
    let images: Vec<_> = report
        .kernel
        .images
        .iter()
        .map(|image| (image.kind, image.load_address().unwrap().0, image.uuid))
        .collect();
    assert_eq!(
        images,
        [
            (ImageKind::Kernel, 0xffff_ff80_0020_0000, Some(uuid(1))),
            (ImageKind::Kext, 0xffff_ff7f_8070_0000, Some(uuid(2))),
            (ImageKind::Kext, 0xffff_ff7f_8080_0000, None),
        ]
    );
    assert_eq!(report.processes[0].space.images, []);
    assert_eq!(report.machine.arch, Some(Arch::X86_64));
}

#[test]
fn images_of_narrow_and_wide_tasks_lie_in_their_process() {
    for generation in generations_with(Kind::Task) {
        for is_wide in [false, true] {
            let given = Task {
                is_wide,
                load_infos: vec![(0x1000, uuid(3)), (0x8fe0_0000, uuid(4))],
                ..task(5)
            };
            let trace = Trace::new(generation).task(&given).thread(&thread(5, 1));
            let report = read_one(&trace.build());
            let images = &report.processes[0].space.images;
            let loaded: Vec<_> = images
                .iter()
                .filter_map(|image| image.load_address())
                .collect();
            assert_eq!(loaded, [Address(0x1000), Address(0x8fe0_0000)]);
            assert!(images.iter().all(|image| image.kind == ImageKind::User));
            assert_eq!(report.kernel.images, []);
        }
    }
}

#[test]
fn the_shared_cache_is_a_text_in_10_9_and_a_uuid_later() {
    let shared_cache = *b"dyld_v1  x86_64h";
    let given = Task {
        shared_cache,
        ..task(5)
    };
    let values = [Generation::G6, Generation::G7].map(|generation| {
        let trace = Trace::new(generation).task(&given).thread(&thread(5, 1));
        let report = read_one(&trace.build());
        fact(&report.processes[0].facts, "shared_cache_identifier").cloned()
    });
    assert_eq!(values[0], Some(Value::Text("dyld_v1  x86_64h".into())));
    assert_eq!(values[1], Some(Value::Uuid(Uuid::from_bytes(shared_cache))));
}
