//! Panic logs and `.ips` files.
//!
//! How they are counted: a frame is a line of a backtrace, or a pair of row
//! and offset in JSON without the zero pairs that end a stack. Where no
//! backtrace is printed the caller, pc and lr of panic line and registers are
//! the frames. Each other processor ("CORE n") is a thread with its pc, and
//! its lr where that differs. Images are the kernel, the kernel collection
//! where it is mentioned, monitors with an address, and every kext named once.

use kstack_model::{Address, At, FrameKind, Report, Side, Slide, SlideOf, Stack, ThreadRole};

use crate::{Expected, corpus, counted, read};

pub(crate) const TABLE: &[Expected] = &[
    Expected {
        file: "panic-arm64/ios12b2-qemu-applimage4-oneline.txt",
        reports: &[counted("panic-text", 1, 1, 0, 1)],
    },
    Expected {
        file: "panic-arm64/ios14.1-kda-oneline.txt",
        reports: &[counted("panic-text", 3, 1, 0, 1)],
    },
    Expected {
        file: "panic-arm64/ios26.1-a13-readme-wrapped.txt",
        reports: &[counted("panic-text", 1, 2, 0, 1)],
    },
    Expected {
        file: "panic-arm64/ios26.2.1-a19-mte-aks-uaf.ips",
        reports: &[
            counted("panic-ips", 31, 242, 3, 6),
            counted("stackshot-ips", 13154, 15, 3, 3152),
        ],
    },
    Expected {
        file: "panic-arm64/m1-12.4-coretrust.txt",
        reports: &[counted("panic-text", 3, 2, 3, 1)],
    },
    Expected {
        file: "panic-arm64/m1pro-13.0b7-frida-vmmap.txt",
        reports: &[counted("panic-text", 30, 244, 3, 10)],
    },
    Expected {
        file: "panic-ppc-arm32/ios-armv7-arm64-prefetch.txt",
        reports: &[counted("panic-text", 3, 1, 0, 1)],
    },
    Expected {
        file: "panic-ppc-arm32/ios7-arm64-pc-alignment.txt",
        reports: &[counted("panic-text", 3, 1, 0, 1)],
    },
    Expected {
        file: "panic-ppc-arm32/xnu-arm-port-sendsig.txt",
        reports: &[counted("panic-text", 1, 1, 1, 1)],
    },
    Expected {
        file: "panic-x86/10.11-osunserializebinary.txt",
        reports: &[counted("panic-text", 11, 1, 1, 1)],
    },
    Expected {
        file: "panic-x86/10.13.3-selfbuilt-development-assert.txt",
        reports: &[counted("panic-text", 12, 1, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.13.4-nvidia-noslide-snipped.txt",
        reports: &[counted("panic-text", 25, 7, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.14-os-reason-free.txt",
        reports: &[counted("panic-text", 15, 1, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.14-usb-overflow.txt",
        reports: &[counted("panic-text", 19, 5, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.14-watchevent-uaf.txt",
        reports: &[counted("panic-text", 18, 1, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.14.3-in6-selectsrc-46892.txt",
        reports: &[counted("panic-text", 14, 1, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.14.3-stf-ioctl-46891.txt",
        reports: &[counted("panic-text", 18, 1, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.14.4b1-igfx-cpp-comment.txt",
        reports: &[counted("panic-text", 22, 3, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.14.6-vnode-rele-47592.txt",
        reports: &[counted("panic-text", 11, 2, 1, 1)],
    },
    Expected {
        file: "panic-x86/10.15.7-watchdog-virtualsmc-hook.txt",
        reports: &[counted("panic-text", 19, 5, 1, 1)],
    },
    Expected {
        file: "panic-x86/10.8-devicelock-doublefault-kext.txt",
        reports: &[counted("panic-text", 46, 10, 0, 1)],
    },
    Expected {
        file: "panic-x86/10.8-zfs-alpha-symbol-only-2.txt",
        reports: &[counted("panic-text", 0, 2, 0, 1)],
    },
    Expected {
        file: "panic-x86/11.5-tailq-first-char-lost-base64-pages.txt",
        reports: &[counted("panic-text", 14, 9, 2, 1)],
    },
    Expected {
        file: "panic-x86/12.x-oclp-usb-kfree.txt",
        reports: &[counted("panic-text", 19, 12, 2, 1)],
    },
    Expected {
        file: "stackshot/ios16.2-forcereset-151.ips",
        reports: &[
            counted("panic-ips", 18, 171, 3, 6),
            counted("stackshot-ips", 282, 22, 3, 275),
        ],
    },
];

fn stacks(report: &Report) -> impl Iterator<Item = &Stack> {
    let threads = report.processes.iter().flat_map(|process| &process.threads);
    threads.flat_map(|thread| &thread.stacks)
}

/// The kernel frames of the panicked thread.
fn panicked(report: &Report) -> Vec<(Address, FrameKind)> {
    let mut threads = report.processes.iter().flat_map(|process| &process.threads);
    let thread = threads
        .find(|thread| thread.role == ThreadRole::Panicked)
        .unwrap();
    let stack = thread
        .stacks
        .iter()
        .find(|stack| stack.side == Side::Kernel)
        .unwrap();
    let frames = stack.frames.iter().map(|frame| match frame.at {
        At::Absolute(address) => (address, frame.kind),
        At::InImage { .. } | At::Unknown => {
            panic!("a frame of the panicked thread without address")
        }
    });
    frames.collect()
}

fn slide(report: &Report, of: SlideOf) -> Slide {
    let mut slides = report.kernel.slides.iter();
    slides.find(|(own, _)| *own == of).unwrap().1
}

#[test]
fn the_stackshot_in_a_panic_is_the_unslid_image_of_its_backtrace() {
    let Some(corpus) = corpus() else { return };
    let reports = read(&corpus, "panic-arm64/ios26.2.1-a19-mte-aks-uaf.ips");
    let [panic, stackshot] = &reports[..] else {
        panic!("two reports")
    };
    let slide = slide(stackshot, SlideOf::KernelCollection);
    assert_eq!(slide, Slide(0x4789_0000));
    let unslid: Vec<u64> = panicked(panic)
        .iter()
        .map(|(at, _)| (*at - slide).0)
        .collect();
    let taken: Vec<u64> = panicked(stackshot).iter().map(|(at, _)| at.0).collect();
    // The stackshot was taken some calls below the panic: all but its first frame are in the backtrace.
    assert_eq!(taken[1..], unslid[5..]);
}

#[test]
fn a_faulting_pc_in_the_backtrace_is_an_instruction_pointer_and_the_only_one() {
    let Some(corpus) = corpus() else { return };
    for (file, pc) in [
        (
            "panic-arm64/ios26.2.1-a19-mte-aks-uaf.ips",
            0xffff_fe00_502c_34e0,
        ),
        (
            "panic-x86/10.14.3-stf-ioctl-46891.txt",
            0xffff_ff80_114a_2ec8,
        ),
        (
            "panic-x86/10.11-osunserializebinary.txt",
            0xffff_ff80_18c8_019a,
        ),
    ] {
        let frames = panicked(&read(&corpus, file)[0]);
        let pointers = frames
            .iter()
            .filter(|(_, kind)| *kind == FrameKind::InstructionPointer);
        assert_eq!(
            pointers.map(|(at, _)| at.0).collect::<Vec<u64>>(),
            [pc],
            "{file}"
        );
    }
}

#[test]
fn the_stated_slide_is_the_known_one() {
    let Some(corpus) = corpus() else { return };
    let reports = read(&corpus, "panic-x86/10.11-osunserializebinary.txt");
    assert_eq!(slide(&reports[0], SlideOf::Kernel), Slide(0x1840_0000));
}

#[test]
fn two_panics_of_one_kernel_differ_by_their_slides_alone() {
    let Some(corpus) = corpus() else { return };
    let by_symbol = |file| {
        let reports = read(&corpus, file);
        let stack = stacks(&reports[0]).next().unwrap().clone();
        let symbols = stack.frames.into_iter().filter_map(|frame| {
            let said = frame.said?;
            let At::Absolute(address) = frame.at else {
                return None;
            };
            Some((said.symbol.clone()?, address.0 - said.offset?))
        });
        symbols.collect::<std::collections::BTreeMap<String, u64>>()
    };
    let one = by_symbol("panic-x86/10.14.3-in6-selectsrc-46892.txt");
    let other = by_symbol("panic-x86/10.14.3-stf-ioctl-46891.txt");
    let both: Vec<u64> = one
        .iter()
        .filter_map(|(symbol, at)| Some(at - other.get(symbol)?))
        .collect();
    assert_eq!(both, [0x4a0_0000; 8]);
}

#[test]
fn signed_registers_give_bare_frames_with_the_printed_value_beside_them() {
    let Some(corpus) = corpus() else { return };
    let reports = read(&corpus, "panic-arm64/ios14.1-kda-oneline.txt");
    let frames = &stacks(&reports[0]).next().unwrap().frames;
    assert_eq!(frames[2].at, At::Absolute(Address(0xffff_fff0_25f5_d4d0)));
    let raw = frames[2].said.as_ref().unwrap().raw;
    assert_eq!(raw, Some(Address(0xddf8_2e70_25f5_d4d0)));
}
