//! Pieces of a kernel collection, with the dSYM of a kext in it.
#![no_main]

use std::sync::LazyLock;

use kstack_fuzz::{ask, pieces};
use kstack_model::{Arch, Uuid};
use kstack_symbols::{Role, SymbolSet};
use kstack_synth::macho::{Program, fileset};
use libfuzzer_sys::fuzz_target;

struct Base {
    collection: Vec<u8>,
    dsym: Vec<u8>,
}

static BASES: LazyLock<Vec<Base>> = LazyLock::new(|| {
    let bases = [Arch::Arm64e, Arch::X86_64].into_iter().map(|arch| {
        let (mut kernel, mut kext) = (Program::kernel(arch, 1), Program::kext("demo", arch, 2));
        kernel.add_many(3);
        kext.add_many(3);
        let apart = kext.binary_image().moved(|segment| match segment {
            "__TEXT" => kernel.base + 0x100_0000,
            "__TEXT_EXEC" => kernel.base + 0x200_0000,
            _ => kernel.base + 0x300_0000,
        });
        let images = [
            ("com.apple.kernel", kernel.binary_image()),
            ("org.example.demo", apart),
        ];
        Base {
            collection: fileset(Uuid::from_bytes([9; 16]), &images),
            dsym: kext.dsym(),
        }
    });
    bases.collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let base = &BASES[usize::from(*which) % BASES.len()];
    let mut collection = base.collection.clone();
    for piece in pieces(bytes) {
        piece.put_or_cut(&mut collection);
    }
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "Boot.kc", None, collection);
    symbols.add_bytes(Role::Dsym, "demo.dSYM", None, base.dsym.clone());
    ask(&symbols);
});
