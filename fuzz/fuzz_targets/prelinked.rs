//! Any bytes as the list of kexts in a prelinked kernel.
#![no_main]

use std::sync::LazyLock;

use kstack_fuzz::ask;
use kstack_model::Arch;
use kstack_symbols::{Role, SymbolSet};
use kstack_synth::macho::Image;
use kstack_synth::macho::{Program, prelinked_image};
use libfuzzer_sys::fuzz_target;

static KERNEL: LazyLock<Image> = LazyLock::new(|| {
    let mut kernel = Program::kernel(Arch::X86_64, 1);
    kernel.add_many(3);
    let kext = |seed: u8, moved: u64| {
        let mut kext = Program::kext("demo", Arch::X86_64, seed);
        kext.add_many(2);
        kext.binary_image().moved(|_| moved).build()
    };
    let kexts = [
        ("org.example.a", kext(2, 0xffff_ff7f_80a0_0000)),
        ("org.example.b", kext(3, 0xffff_ff7f_80b0_0000)),
    ];
    prelinked_image(&kernel.binary_image(), &kexts)
});

fuzz_target!(|bytes: &[u8]| {
    let mut kernel = KERNEL.clone();
    let list = kernel.segments.last_mut().expect("the list comes last");
    list.vmsize = bytes.len() as u64;
    list.sections[0].size = bytes.len() as u64;
    list.sections[0].data = Some(bytes.to_vec());
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "prelinkedkernel", None, kernel.build());
    assert!(!symbols.files().is_empty(), "the kernel itself is sound");
    ask(&symbols);
});
