//! One panic prints two addresses of one kext: where its code lies, and where its header does.

use kstack::model::{Arch, Uuid};
use kstack::parse::Limits;
use kstack::render::{RenderOptions, images};
use kstack::resolve::{Resolution, ResolveOptions, SpaceId, Trace};
use kstack::symbols::{Role, SymbolSet};
use kstack_synth::macho::{Function, Program};
use kstack_synth::panic::{Layout, PanicLog};

/// Megabytes apart; in the file the code lies 0x8000 behind the header.
const EXEC: u64 = 0xffff_fe00_1a83_c000;
const HEADER: u64 = 0xffff_fe00_19ad_3000;

fn kext() -> Program {
    let mut program = Program::kext("zfs", Arch::Arm64e, 7);
    program.function_starts = true;
    program.with(Function::new("zio_wait", 0x40))
}

/// A frame in the code, and one that lies 8 bytes into what the kext has behind its header.
fn trace() -> Trace {
    let kext = kext();
    let uuid = Uuid::from_bytes([7; 16]).to_string().to_uppercase();
    let text = PanicLog::new(Layout::Arm64, EXEC, "Kernel data abort.")
        .machine("Kernel version: Darwin Kernel Version 21.9.9: Wed Jun  1 12:00:00 UTC 2022; root:xnu-8020.999.1~1/RELEASE_ARM64_T9999")
        .machine("Paniclog version: 13")
        .process(0, "kernel_task", 512)
        .frame(0xffff_fe61_23a4_a880, EXEC + 8, "")
        .frame(0xffff_fe61_23a4_aa40, HEADER + 0x1008, "")
        .kext(&format!("org.example.zfs(2.1)[{uuid}]@{EXEC:#x}->{:#x}", EXEC + 0x3fff))
        .tail(&format!("last started kext at 689456164: org.example.zfs\t2.1 (addr {HEADER:#x}, size 6100)"))
        .build();
    let report = kstack::parse::parse(text.as_bytes(), &Limits::default())
        .unwrap()
        .remove(0);
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "zfs", None, kext.binary());
    kstack::resolve(report, &symbols, &ResolveOptions::default())
}

#[test]
fn the_code_and_the_header_of_one_kext_each_place_their_own_region() {
    let trace = trace();
    let used = trace.images.iter().find_map(|image| image.used.as_ref());
    let mut segments = used.unwrap().slides.segments.iter();
    let mut slide = |name: &str| {
        let segment = segments.by_ref().find(|segment| segment.name == name);
        segment.unwrap().slide.0
    };
    assert_eq!(slide("__TEXT_EXEC"), EXEC - 0x8000);
    assert_eq!(slide("__TEXT"), HEADER);
}

#[test]
fn an_address_is_looked_up_in_the_region_it_lies_in() {
    let trace = trace();
    let frames = &trace.report.processes[0].threads[0].stacks[0].frames;
    let Resolution::Named { named, offset, .. } = trace.resolution(SpaceId::Kernel, &frames[0])
    else {
        panic!("{:?}", trace.resolution(SpaceId::Kernel, &frames[0]));
    };
    assert_eq!((&*named.name, *offset), ("zio_wait", 8));
    // Constants behind the header: in the kext, and no function, though one is 0x8000 farther on in the file.
    let Resolution::ImageOnly {
        offset_in_image, ..
    } = trace.resolution(SpaceId::Kernel, &frames[1])
    else {
        panic!("{:?}", trace.resolution(SpaceId::Kernel, &frames[1]));
    };
    assert_eq!(offset_in_image.0, 0x1008);
}

#[test]
fn the_list_of_images_says_where_each_region_lies() {
    let mut text = Vec::new();
    images::write_text(&trace(), &RenderOptions::default(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let places = format!("segments apart: __TEXT_EXEC at {EXEC:#x}, __TEXT at {HEADER:#x}");
    assert!(text.contains(&places), "{text}");
}
