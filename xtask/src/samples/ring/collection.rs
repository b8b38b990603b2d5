//! `samples/kernel-collection`: a kernel and two kexts in one file, the segments of each far apart.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use kstack_model::{Arch, Uuid};
use kstack_synth::macho::{FileType, Image, Section, Segment, Symbol, fileset};
use kstack_synth::panic::{Layout, PanicLog};

use super::kit::{Built, Plan, Target};
use super::panics::capitals;
use super::{IDENTIFIER, KEPT};
use crate::samples::code::Code;
use crate::samples::invent;

const ROPE: &str = "org.example.rope";

/// `ldr w0, [x9]`: where `ring_pop` reads the length of a message, here through a null pointer.
const LOAD_THROUGH_X9: [u8; 4] = 0xb940_0120_u32.to_le_bytes();

/// By how much the boot moved the whole collection.
const SLIDE: u64 = 0x12a0_0000;

/// Where the segments of one image were put: headers with headers, code with code, data with data.
struct Spot {
    text: u64,
    exec: u64,
    data: u64,
}

const KERNEL_AT: Spot = Spot {
    text: 0xffff_fe00_0700_8000,
    exec: 0xffff_fe00_0746_c000,
    data: 0xffff_fe00_0a01_4000,
};
const RING_AT: Spot = Spot {
    text: 0xffff_fe00_0702_4000,
    exec: 0xffff_fe00_0891_4000,
    data: 0xffff_fe00_0a3f_8000,
};
const ROPE_AT: Spot = Spot {
    text: 0xffff_fe00_0702_8000,
    exec: 0xffff_fe00_0891_c000,
    data: 0xffff_fe00_0a40_4000,
};

/// Writes the collection, the dSYMs of the kexts as their developer has them, and a panic.
pub(super) fn write(ring: &Built, headers: &Path, folder: &Path, work: &Path) -> Result<()> {
    let build = |name, uuid: &str| {
        let plan = Plan {
            name,
            source: &folder.join(format!("src/{name}.c")),
            headers,
            target: Target::Arm64e,
            uuid: *invent::uuid(uuid).as_bytes(),
            define: None,
        };
        Built::new(&plan, work)
    };
    let (kernel, rope) = (
        build("kernel", "kernel of a collection")?,
        build("rope", ROPE)?,
    );
    let mut kernel_image = placed(&kernel, &KERNEL_AT, |_| true)?;
    kernel_image.file_type = FileType::Execute;
    let images = [
        ("com.apple.kernel", kernel_image),
        (
            IDENTIFIER,
            placed(ring, &RING_AT, |name| KEPT.contains(&name))?,
        ),
        (ROPE, placed(&rope, &ROPE_AT, |_| false)?),
    ];
    let collection = fileset(invent::uuid("a collection"), &images);
    fs::write(folder.join("BootKernelExtensions.kc"), collection)?;
    for (name, built) in [("ring", ring), ("rope", &rope)] {
        built.write_dsym(&folder.join(format!("symbols/{name}.kext.dSYM")))?;
    }
    fs::write(folder.join("panic.log"), panic_log(&kernel, ring, &rope)?)?;
    Ok(())
}

/// The image, linked where the collection has it, with the symbols that are kept.
fn placed(built: &Built, spot: &Spot, keep: impl Fn(&str) -> bool) -> Result<Image> {
    let file = &built.file;
    let mut segments = Vec::new();
    for segment in file.segments()? {
        let sections = segment.sections.iter().map(|section| Section {
            segment: segment.name.clone(),
            name: section.name.clone(),
            address: section.address,
            size: section.size,
            data: file
                .bytes
                .get(section.offset..section.offset + section.size as usize)
                .filter(|_| section.offset != 0)
                .map(<[u8]>::to_vec),
            flags: section.flags,
        });
        segments.push(Segment {
            name: segment.name.clone(),
            vmaddr: segment.address,
            vmsize: segment.size,
            sections: sections.collect(),
        });
    }
    let symbols = file.symbols()?;
    let kept = symbols.iter().filter(|symbol| symbol.is_defined());
    let kept = kept.filter(|symbol| symbol.name.strip_prefix('_').is_some_and(&keep));
    let image = Image {
        arch: Arch::Arm64e,
        file_type: FileType::KextBundle,
        uuid: Some(uuid_of(file)?),
        segments,
        symbols: kept
            .map(|symbol| Symbol::external(&symbol.name, symbol.section, symbol.value))
            .collect(),
        function_starts: None,
        exports: Vec::new(),
    };
    relinked(image, spot)
}

fn uuid_of(file: &crate::macho::MachO) -> Result<Uuid> {
    let command = file.command(crate::macho::LC_UUID).context("no UUID")?;
    Ok(Uuid::from_bytes(command[8..24].try_into()?))
}

/// Moves each segment to its spot, and lets the code that computes addresses of data follow.
fn relinked(mut image: Image, spot: &Spot) -> Result<Image> {
    let before = image.segments.clone();
    let linked = |name: &str| {
        before
            .iter()
            .find(|s| s.name == name)
            .map_or(0, |s| s.vmaddr)
    };
    let delta = |name: &str| match name {
        "__TEXT" => spot.text.wrapping_sub(linked(name)),
        "__TEXT_EXEC" => spot.exec.wrapping_sub(linked(name)),
        _ => spot.data.wrapping_sub(linked("__DATA")),
    };
    for segment in &mut image.segments {
        for section in segment
            .sections
            .iter_mut()
            .filter(|section| section.name == "__text")
        {
            let at = section.address;
            for (index, word) in section
                .data
                .iter_mut()
                .flat_map(|data| data.chunks_exact_mut(4))
                .enumerate()
            {
                let here = at + 4 * index as u64;
                let instruction = u32::from_le_bytes(word.try_into()?);
                let Some(page) = adrp_page(instruction, here) else {
                    continue;
                };
                let inside = |s: &&Segment| (s.vmaddr..s.vmaddr + s.vmsize).contains(&page);
                let target = before.iter().find(inside).context("adrp leads nowhere")?;
                let (from, to) = (
                    here.wrapping_add(delta(&segment.name)),
                    page.wrapping_add(delta(&target.name)),
                );
                word.copy_from_slice(&with_page(instruction, from, to)?.to_le_bytes());
            }
        }
    }
    Ok(image.moved(delta))
}

/// The page that an `ADRP` at an address computes.
fn adrp_page(instruction: u32, at: u64) -> Option<u64> {
    (instruction & 0x9f00_0000 == 0x9000_0000).then(|| {
        let pages = (instruction >> 5 & 0x7_ffff) << 2 | instruction >> 29 & 3;
        let pages = i64::from((pages << 11) as i32 >> 11);
        (at & !0xfff).wrapping_add_signed(pages << 12)
    })
}

fn with_page(adrp: u32, at: u64, page: u64) -> Result<u32> {
    let pages = page.wrapping_sub(at & !0xfff).cast_signed() >> 12;
    ensure!(
        (-0x10_0000..0x10_0000).contains(&pages),
        "adrp does not reach {page:#x}"
    );
    let pages = pages as u32;
    Ok(adrp & 0x9f00_001f | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5)
}

/// The code of an image where the boot put it.
fn booted(built: &Built, spot: &Spot) -> Result<Code> {
    Ok(built
        .code
        .loaded_at(spot.exec + SLIDE - built.segment("__TEXT_EXEC")?))
}

/// The timer of the rope empties the ring, whose message is a null pointer.
fn panic_log(kernel: &Built, ring: &Built, rope: &Built) -> Result<String> {
    let code = booted(kernel, &KERNEL_AT)?;
    let (ring_code, rope_code) = (booted(ring, &RING_AT)?, booted(rope, &ROPE_AT)?);
    let fault = ring_code.bytes_in("ring_pop", &LOAD_THROUGH_X9)?;
    let after_pop = ring_code.call("ring_drain", "ring_pop")?;
    let handler = code.call("sleh_synchronous", "panic_with_thread_kernel_state")?;
    let frames = [
        code.call("panic_trap_to_debugger", "kdp_raise_exception")?,
        code.call("panic_with_thread_kernel_state", "panic_trap_to_debugger")?,
        handler,
        code.call("fleh_synchronous", "sleh_synchronous")?,
        fault,
        after_pop,
        rope_code.pointer_call("rope_haul")?,
        rope_code.call("rope_tick", "rope_haul")?,
        code.pointer_call("thread_call_invoke")?,
        code.call("thread_call_thread", "thread_call_invoke")?,
    ];
    let mut log = PanicLog::new(
        Layout::Arm64,
        handler,
        &format!("Kernel data abort. at pc {fault:#018x}, lr {after_pop:#018x} (saved state: 0xfffffe6123a4ae50)"),
    )
    .registers("\t  x0:  0xfffffe1712345d20 x1:  0x0000000000000000  x2:  0x0000000000000008  x3:  0xfffffe1712345d20")
    .registers(&format!("\t  x28: 0x000000000000008c fp:  0xfffffe6123a4b270  lr:  {after_pop:#018x}  sp:  0xfffffe6123a4b1a0"))
    .registers(&format!("\t  pc:  {fault:#018x} cpsr: 0x60401208         esr: 0x96000006          far: 0x0000000000000000"))
    .machine("Debugger message: panic\nMemory ID: 0x6\nOS release type: User\nOS version: 21Z901")
    .machine("Kernel version: Darwin Kernel Version 21.9.9: Wed Jun  1 12:00:00 UTC 2022; root:xnu-8020.999.1~1/RELEASE_ARM64_T9999")
    .machine(&format!("Fileset Kernelcache UUID: {}", capitals(*invent::uuid("a collection").as_bytes()).replace('-', "")))
    .machine(&format!("Kernel UUID: {}", capitals(*uuid_of(&kernel.file)?.as_bytes())))
    .machine(&format!("Paniclog version: 13\nKernelCache slide: {SLIDE:#018x}\nKernelCache base:  {:#018x}", KERNEL_AT.text + SLIDE - 0x4000))
    .machine(&format!("Kernel slide:      {SLIDE:#018x}\nKernel text base:  {:#018x}", KERNEL_AT.text + SLIDE))
    .machine(&format!("Kernel text exec slide: {SLIDE:#018x}\nKernel text exec base:  {:#018x}", KERNEL_AT.exec + SLIDE))
    .process(0, "kernel_task", 512);
    for (index, address) in (0_u64..).zip(frames) {
        log = log.frame(0xffff_fe61_23a4_a880 + 0x1c0 * index, address, "");
    }
    for (name, built, spot) in [(IDENTIFIER, ring, &RING_AT), (ROPE, rope, &ROPE_AT)] {
        let start = spot.exec + SLIDE;
        let uuid = capitals(*uuid_of(&built.file)?.as_bytes());
        log = log.kext(&format!(
            "{name}(1.0)[{uuid}]@{start:#x}->{:#x}",
            start + 0x3fff
        ));
    }
    Ok(log
        .tail(&format!(
            "last started kext at 689456164: {ROPE}\t1.0 (addr {:#x}, size 1200)",
            ROPE_AT.text + SLIDE
        ))
        .tail(&format!("loaded kexts:\n{ROPE}\t1.0\n{IDENTIFIER}\t1.0"))
        .build())
}
