//! A symbol file that somebody writes to while it is mapped.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use kstack::model::{Address, Arch, Basis, Frame, FrameKind, Report, Side, Stack, Thread};
use kstack::resolve::ResolveOptions;
use kstack::symbols::{Request, Role, StatedPlace, SymbolSet};
use kstack_synth::macho::{Function, Program};

const BASE: u64 = 0xffff_ff7f_8123_4000;

fn kext(function: &str) -> Vec<u8> {
    let program = Program::kext("zfs", Arch::X86_64, 1);
    program.with(Function::new(function, 0x40)).binary()
}

/// Opens `zfs` of the folder, lets something happen to it, and resolves: the notes.
fn notes(folder: &Path, meanwhile: impl FnOnce(&Path)) -> Vec<String> {
    let path = folder.join("zfs");
    fs::write(&path, kext("spa_sync")).unwrap();
    // As installed an hour ago: file systems count time in steps.
    let before = SystemTime::now() - Duration::from_secs(3600);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(before).unwrap();
    drop(file);
    let symbols = SymbolSet::open(&[Request {
        role: Role::Kext,
        path: path.clone(),
        placed: Some(StatedPlace {
            segment: None,
            address: Address(BASE),
        }),
    }]);
    meanwhile(&path);
    let start = Program::kext("zfs", Arch::X86_64, 1).code_start();
    let frame = Frame::new(Address(BASE + start + 8), FrameKind::InstructionPointer);
    let thread = Thread::with_stack(Stack::new(Side::Kernel, vec![frame]));
    let mut report = Report::of_threads(vec![thread]);
    report.machine.arch = Some(Arch::X86_64);
    report.kernel.basis = Basis::Unslid;
    let trace = kstack::resolve(report, &symbols, &ResolveOptions::default());
    trace
        .notes
        .iter()
        .map(|note| note.text.to_string())
        .collect()
}

#[test]
fn a_file_rewritten_in_place_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // As long as before, and the same file.
    let notes = notes(folder.path(), |path| {
        fs::write(path, kext("arc_read")).unwrap()
    });
    assert!(
        notes
            .iter()
            .any(|note| note.contains("zfs: changed while it was read")),
        "{notes:?}"
    );
}

#[test]
fn a_file_that_stays_as_it_is_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(notes(folder.path(), |_| ()), Vec::<String>::new());
}

/// The mapped file is the old one to its end.
#[cfg(unix)]
#[test]
fn a_file_replaced_by_another_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let notes = notes(folder.path(), |path| {
        let new = path.with_extension("new");
        fs::write(&new, kext("arc_read")).unwrap();
        fs::rename(&new, path).unwrap();
    });
    assert_eq!(notes, Vec::<String>::new());
}
