use std::io::{self, Read};

use kstack_model::{Address, Arch, FrameKind, ImageKind, LoadedImage, Placement, Report};
use kstack_symbols::{Role, StatedPlace, SymbolSet};
use kstack_synth::macho::{Debugged, Function, Inlined, Program, SymbolIn};
use proptest::prelude::*;

use super::stream::Piece;
use super::{AnnotateOptions, Annotator};

const BASE: u64 = 0xffff_ff7f_80e5_0000;
const NAMED: &str = " [spl_cv_wait + 36 (spl)]";

/// A kext whose functions have known ends.
fn kext(name: &str, seed: u8) -> Program {
    Program {
        function_starts: true,
        ..Program::kext(name, Arch::X86_64, seed)
    }
}

/// `spl` at [`BASE`] with one function at 0x1000.
fn symbols() -> SymbolSet {
    let wait = Function::new("spl_cv_wait", 64);
    let spl = kext("spl", 1).with(wait);
    placed(&[(&spl, BASE)])
}

fn placed(programs: &[(&Program, u64)]) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    for (program, base) in programs {
        let placed = StatedPlace {
            segment: None,
            address: Address(*base),
        };
        symbols.add_bytes(Role::Kext, &program.name, Some(placed), program.binary());
    }
    symbols
}

fn annotated_with(symbols: &SymbolSet, options: AnnotateOptions, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut annotator = Annotator::new(Report::default(), symbols, options);
    annotator.copy(&mut &*text, &mut out).unwrap();
    out
}

fn annotated(text: &str) -> String {
    let out = annotated_with(&symbols(), AnnotateOptions::default(), text.as_bytes());
    String::from_utf8(out).unwrap()
}

#[test]
fn an_address_in_code_gets_its_name_behind_it() {
    assert_eq!(
        annotated("rip: 0xFFFFFF7F80E51024, ffffff7f80e51024.\r\n"),
        format!("rip: 0xFFFFFF7F80E51024{NAMED}, ffffff7f80e51024{NAMED}.\r\n")
    );
}

#[test]
fn what_is_not_code_is_left_alone() {
    let text = "header 0xffffff7f80e50000 end 0xffffff7f80e51040 null 0x0 data 0xffffff8006608a6c";
    assert_eq!(annotated(text), text);
}

#[test]
fn an_offset_counts_from_the_header_of_the_named_image() {
    for form in ["spl + 0x1024", "spl+0x1024", "spl + 4132", "(spl +4132)"] {
        let end = form.len() - usize::from(form.ends_with(')'));
        let expected = format!("{}{NAMED}{}", &form[..end], &form[end..]);
        assert_eq!(annotated(form), expected);
    }
}

#[test]
fn an_offset_into_something_else_is_left_alone() {
    for text in [
        "com.example.spl + 0x1024",
        "nospl + 0x1024",
        "mach_kernel`spl + 0x1024",
        "panic (in spl) + 4132",
        "spl + 0x10",
        "spl + 0x1024z",
        "spl +\n0x1024",
    ] {
        assert_eq!(annotated(text), text);
    }
}

#[test]
fn an_image_answers_to_every_name_it_has() {
    let mut image = LoadedImage::new(ImageKind::Kext);
    image.name = Some("net.example.spl".to_owned());
    image.executable = Some("spl".to_owned());
    image.placements = vec![Placement::LoadedAt(Address(BASE))];
    let mut report = Report::default();
    report.kernel.images.push(image);
    let mut symbols = SymbolSet::default();
    let spl = kext("spl", 1).with(Function::new("spl_cv_wait", 64));
    symbols.add_bytes(Role::Kext, "spl", None, spl.binary());
    let mut out = Vec::new();
    let mut annotator = Annotator::new(report, &symbols, AnnotateOptions::default());
    let mut text: &[u8] = b"net.example.spl + 4132 spl + 4132";
    annotator.copy(&mut text, &mut out).unwrap();
    let named = "[spl_cv_wait + 36 (net.example.spl)]";
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!("net.example.spl + 4132 {named} spl + 4132 {named}")
    );
}

#[test]
fn a_name_that_two_images_have_names_neither() {
    let one = kext("spl", 1).with(Function::new("spl_cv_wait", 64));
    let other = kext("spl", 2).with(Function::new("spl_other", 64));
    let symbols = placed(&[(&one, BASE), (&other, BASE + 0x10_0000)]);
    let text = b"spl + 4132";
    assert_eq!(
        annotated_with(&symbols, AnnotateOptions::default(), text),
        text
    );
}

#[test]
fn code_of_two_images_at_one_place_is_left_alone() {
    let one = kext("one", 1).with(Function::new("in_one", 64));
    let other = kext("other", 2).with(Function::new("in_other", 64));
    let symbols = placed(&[(&one, BASE), (&other, BASE)]);
    let text = b"0xffffff7f80e51024";
    assert_eq!(
        annotated_with(&symbols, AnnotateOptions::default(), text),
        text
    );
}

#[test]
fn a_return_address_belongs_to_the_function_that_called() {
    let spl = kext("spl", 1)
        .with(Function::new("calls_panic", 64))
        .with(Function::new("after_it", 64));
    let symbols = placed(&[(&spl, BASE)]);
    let text = b"0xffffff7f80e51040";
    let as_given = annotated_with(&symbols, AnnotateOptions::default(), text);
    assert_eq!(as_given, b"0xffffff7f80e51040 [after_it + 0 (spl)]");
    let options = AnnotateOptions {
        kind: FrameKind::ReturnAddress,
        ..AnnotateOptions::default()
    };
    let at_call = annotated_with(&symbols, options, text);
    assert_eq!(at_call, b"0xffffff7f80e51040 [calls_panic + 64 (spl)]");
}

#[test]
fn a_signed_pointer_of_arm64_is_named_without_its_signature() {
    let kernel = Program::kernel(Arch::Arm64e, 1).with(Function::new("panic", 64));
    let at = kernel.code_start() + 4;
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "kernel", None, kernel.binary());
    let signed = at & !(0x7f << 56) & !(1 << 48);
    let text = format!("lr: {signed:#x}");
    let out = annotated_with(&symbols, AnnotateOptions::default(), text.as_bytes());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!("{text} [panic + 4 (kernel), {at:#x} without its signature]")
    );
}

#[test]
fn names_from_files_cannot_steer_the_terminal_or_fill_it() {
    let evil = Function::new(&format!("\u{1b}[2J\n{}", "x".repeat(100_000)), 64);
    let spl = kext("spl", 1).with(evil);
    let options = AnnotateOptions::default();
    let out = annotated_with(&placed(&[(&spl, BASE)]), options, b"0xffffff7f80e51024");
    assert!(!out.iter().any(u8::is_ascii_control));
    assert!(out.len() < 10_000);
}

#[test]
fn colours_end_with_the_name() {
    let options = AnnotateOptions {
        color: true,
        ..AnnotateOptions::default()
    };
    let out = annotated_with(&symbols(), options, b"0xffffff7f80e51024");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "0xffffff7f80e51024 [\u{1b}[32mspl_cv_wait\u{1b}[0m + 36 (spl)]"
    );
}

#[test]
fn inlined_functions_and_doubtful_names_say_so() {
    let mut inlined = Function::new("spl_cv_wait", 64);
    inlined.inlined = vec![Inlined::numbered(1)];
    let spl = kext("spl", 1).with(inlined);
    let mut symbols = SymbolSet::default();
    let place = StatedPlace {
        segment: None,
        address: Address(BASE),
    };
    symbols.add_bytes(Role::Kext, "spl", Some(place), spl.dsym());
    let text = b"0xffffff7f80e51020";
    let out = annotated_with(&symbols, AnnotateOptions::default(), text);
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(", inlined in spl_cv_wait + 32 (spl)"), "{out}");

    let mut stripped = Function::new("gone", 64);
    stripped.symbol = SymbolIn::Neither;
    stripped.debugged = Debugged::Not;
    let known = Function::new("known", 64);
    let spl = Program::kext("spl", Arch::X86_64, 1);
    let spl = spl.with(known).with(stripped);
    let symbols = placed(&[(&spl, BASE)]);
    let out = annotated_with(&symbols, AnnotateOptions::default(), b"0xffffff7f80e51050");
    assert_eq!(out, b"0xffffff7f80e51050 [after known + 80 (spl)]");
}

#[test]
fn a_digest_counts_what_it_lists_and_keeps_markup_out() {
    let symbols = symbols();
    let options = AnnotateOptions {
        color: true,
        ..AnnotateOptions::default()
    };
    let annotator = Annotator::new(Report::default(), &symbols, options);
    let mut text: &[u8] = b"```\n@you 0xffffff7f80e51024 spl + 0x1024\xff\x1b\n0xffffff7f80e51000";
    let mut out = Vec::new();
    annotator.digest(&mut text, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("- Named: 3 places\n"), "{out}");
    let rows = "| 2 | `0xffffff7f80e51024` | `spl_cv_wait + 36 (spl)` |\n\
                | 1 | `0xffffff7f80e51000` | `spl_cv_wait + 0 (spl)` |\n";
    assert!(out.contains(rows), "{out}");
    assert!(out.contains("| 3 | `spl`, given with its address"), "{out}");
    let folded = "````text\n```\n@you 0xffffff7f80e51024 [spl_cv_wait + 36 (spl)] \
                  spl + 0x1024 [spl_cv_wait + 36 (spl)]\u{fffd}\\u{1b}\n";
    assert!(out.contains(folded), "{out}");
}

#[test]
fn the_digest_of_a_huge_text_stays_postable_and_says_what_is_left_out() {
    let symbols = symbols();
    let annotator = Annotator::new(Report::default(), &symbols, AnnotateOptions::default());
    let lines =
        (0..20_000u64).map(|line| format!("line {line}: {:#x}\n", BASE + 0x1000 + line % 64));
    let text = lines.collect::<String>();
    let mut out = Vec::new();
    annotator.digest(&mut text.as_bytes(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.len() <= 60_000, "{}", out.len());
    assert!(out.contains("- Named: 20000 places\n"), "{out}");
    assert!(out.contains(" more bytes of it are left out."), "{out}");
    assert!(
        out.contains("\nDropped to stay under 60000 characters: "),
        "{out}"
    );
}

/// Gives a text in pieces of the sizes told, over and over.
struct InPieces<'a> {
    text: &'a [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Read for InPieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.next().unwrap().min(buffer.len());
        let mut piece = self.text.take(size as u64);
        let read = piece.read(buffer)?;
        self.text = &self.text[read..];
        Ok(read)
    }
}

fn in_pieces(symbols: &SymbolSet, text: &[u8], sizes: Vec<usize>) -> Vec<u8> {
    let mut out = Vec::new();
    let sizes = sizes.into_iter().cycle();
    let mut annotator = Annotator::new(Report::default(), symbols, AnnotateOptions::default());
    annotator
        .copy(&mut InPieces { text, sizes }, &mut out)
        .unwrap();
    out
}

/// The text without the brackets that were added; it had none of its own.
fn without_brackets(text: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut left = Vec::new();
    while let Some(at) = rest.windows(2).position(|bytes| bytes == b" [") {
        left.extend(&rest[..at]);
        let end = rest[at..].iter().position(|byte| *byte == b']').unwrap();
        rest = &rest[at + end + 1..];
    }
    left.extend(rest);
    left
}

#[test]
fn a_line_longer_than_memory_is_named_wherever_it_is_cut() {
    let symbols = symbols();
    let parts: [&[u8]; 4] = [
        b"0xffffff7f80e51024",
        b"spl + 0x1024",
        b"ffffff7f80e51024",
        b"fffffffffffffffffffffffffffffffff",
    ];
    let mut line = Vec::new();
    let mut expected = Vec::new();
    for (index, part) in (0..40_000_usize).zip(parts.iter().cycle()) {
        // Lengths that differ, so that cuts fall at every place of every part.
        let gap = ",".repeat(1 + index * 7 % 61);
        for text in [&mut line, &mut expected] {
            text.extend(gap.as_bytes());
            text.extend(*part);
        }
        if index % parts.len() < 3 {
            expected.extend(NAMED.as_bytes());
        }
    }
    assert!(line.len() > 4 * (256 << 10));
    assert!(in_pieces(&symbols, &line, vec![1 << 20]) == expected);
    assert!(in_pieces(&symbols, &line, vec![4093, 1, 70_001]) == expected);
}

/// Texts without brackets, made of what could be an address and what could not.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"0xffffff7f80e51024".to_vec()),
        Just(b"ffffff7f80e51000".to_vec()),
        Just(b"0x".to_vec()),
        Just(b"spl".to_vec()),
        Just(b" + ".to_vec()),
        Just(b"+".to_vec()),
        Just(b"0x1024".to_vec()),
        Just(b"4132".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b" ".to_vec()),
        Just(b"\0".to_vec()),
        prop::collection::vec(any::<u8>().prop_filter("no bracket", |b| *b != b'['), 0..6),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn without_the_added_brackets_the_text_is_what_it_was(text in texts()) {
        let out = annotated_with(&symbols(), AnnotateOptions::default(), &text);
        prop_assert_eq!(without_brackets(&out), text);
    }

    #[test]
    fn annotating_twice_adds_nothing(text in texts()) {
        let symbols = symbols();
        let once = annotated_with(&symbols, AnnotateOptions::default(), &text);
        let twice = annotated_with(&symbols, AnnotateOptions::default(), &once);
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn how_the_text_arrives_does_not_matter(
        text in texts(),
        sizes in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let symbols = symbols();
        let whole = annotated_with(&symbols, AnnotateOptions::default(), &text);
        prop_assert_eq!(in_pieces(&symbols, &text, sizes), whole);
    }

    #[test]
    fn where_a_line_is_cut_does_not_matter(
        text in texts(),
        cuts in prop::collection::vec(1_usize..30, 1..8),
    ) {
        let symbols = symbols();
        let whole = annotated_with(&symbols, AnnotateOptions::default(), &text);
        let mut annotator = Annotator::new(Report::default(), &symbols, AnnotateOptions::default());
        let (mut out, mut from) = (Vec::new(), 0);
        for cut in cuts.iter().cycle() {
            if from == text.len() {
                break;
            }
            let limit = text.len().min(from + cut);
            let piece = Piece { text: &text, from, limit };
            from = annotator.annotate(piece, &mut out, &mut Vec::new());
        }
        prop_assert_eq!(out, whole);
    }

    #[test]
    fn a_text_that_names_no_code_is_copied(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        // No image is placed, so nothing can be code.
        let out = annotated_with(&SymbolSet::default(), AnnotateOptions::default(), &text);
        prop_assert_eq!(out, text);
    }

    #[test]
    fn any_bytes_make_a_digest(text in texts()) {
        let symbols = symbols();
        let annotator = Annotator::new(Report::default(), &symbols, AnnotateOptions::default());
        let mut out = Vec::new();
        annotator.digest(&mut text.as_slice(), &mut out).unwrap();
        prop_assert!(String::from_utf8(out).is_ok());
    }
}
