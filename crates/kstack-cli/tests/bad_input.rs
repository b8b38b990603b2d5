//! What people get wrong: each gives one clear sentence, and the rest of the trace still comes out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kstack_synth::macho::{Function, InfoPlist, Program, Symbol, dsym_bundle, fat, kext_bundle};
use kstack_synth::text::{Frame, Symstacks};
use tempfile::TempDir;

fn kstack(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kstack"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with a trace whose one kext frame `spl` names, and `spl.kext` with its dSYM.
fn desk() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let spl = spl(1);
    let plist = InfoPlist {
        executable: Some("spl".to_owned()),
        identifier: Some("net.example.spl".to_owned()),
        version: Some("1.0".to_owned()),
    };
    kext_bundle(folder.path(), "spl", &plist.xml(), Some(&spl.binary())).unwrap();
    dsym_bundle(folder.path(), "spl.kext", "spl", &spl.dsym()).unwrap();
    fs::write(folder.path().join("trace.txt"), trace()).unwrap();
    folder
}

fn spl(seed: u8) -> Program {
    Program::kext("spl", kstack::model::Arch::X86_64, seed).with(Function::new("spl_cv_wait", 64))
}

const BASE: &str = "0xffffff7f80e50000";

fn trace() -> String {
    let frames = [
        Frame::bare(0xffff_ff80_002b_3d3e),
        Frame::bare(0xffff_ff7f_80e5_1024),
    ];
    Symstacks::new()
        .process(156, "zpool")
        .thread(0x4e2)
        .kernel_stack(&frames)
        .build()
}

/// Runs `symbolicate` with the good kext beside `bad`, and returns what is said about `bad`.
fn beside(folder: &Path, bad: &str) -> String {
    let good = format!("spl.kext@{BASE}");
    let output = kstack(
        folder,
        &["symbolicate", "trace.txt", "--kext", bad, "--kext", &good],
    );
    let text = stdout(&output);
    assert!(
        text.contains("spl_cv_wait (in net.example.spl) + 36"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1), "{text}");
    let not_used = text.split("Files not used:").nth(1).unwrap();
    not_used.lines().nth(1).unwrap().trim().to_owned()
}

#[test]
fn a_symbol_file_that_is_none_is_told_and_the_rest_is_named() {
    let folder = desk();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty"), "").unwrap();
    fs::write(at("notes.txt"), "the panic was on Tuesday\n").unwrap();
    fs::write(at("elf"), b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0").unwrap();
    fs::write(at("driver.sys"), b"MZ\x90\0\x03\0\0\0\x04\0\0\0").unwrap();
    fs::create_dir(at("folder")).unwrap();
    for (bad, sentence) in [
        ("missing.kext", "cannot be read:"),
        ("empty", "the file is empty"),
        (
            "notes.txt",
            "not a Mach-O file but text; pass the .kext bundle",
        ),
        (
            "elf",
            "not a Mach-O file but an ELF file; pass the .kext bundle",
        ),
        (
            "driver.sys",
            "not a Mach-O file but a Windows program; pass the .kext bundle",
        ),
        ("folder", "to search a folder, pass it with --symbols"),
    ] {
        let said = beside(folder.path(), bad);
        assert!(said.starts_with(bad) && said.contains(sentence), "{said}");
    }
}

#[test]
fn a_kext_without_an_executable_is_explained() {
    let folder = desk();
    let plist = InfoPlist {
        identifier: Some("net.example.codeless".to_owned()),
        ..InfoPlist::default()
    };
    kext_bundle(folder.path(), "codeless", &plist.xml(), None).unwrap();
    let said = beside(folder.path(), "codeless.kext");
    assert!(
        said.contains("without an executable (net.example.codeless)"),
        "{said}"
    );
}

#[test]
fn a_file_of_another_architecture_names_its_slices() {
    let folder = desk();
    let arm = Program::kext("arm", kstack::model::Arch::Arm64e, 3).with(Function::new("f", 64));
    fs::write(folder.path().join("arm"), arm.binary()).unwrap();
    let said = beside(folder.path(), "arm");
    assert!(said.contains("has no x86_64 slice, only arm64e"), "{said}");
}

#[test]
fn an_ambiguous_slice_lists_them_and_arch_decides() {
    let folder = desk();
    let haswell =
        Program::kext("spl", kstack::model::Arch::X86_64H, 2).with(Function::new("f", 64));
    fs::write(
        folder.path().join("fat"),
        fat(&[spl(3).binary(), haswell.binary()]),
    )
    .unwrap();
    let said = beside(folder.path(), "fat");
    assert!(said.contains("has slices x86_64, x86_64h"), "{said}");
    assert!(said.contains("pass --arch"), "{said}");
    let given = format!("fat@{BASE}");
    let output = kstack(
        folder.path(),
        &[
            "symbolicate",
            "trace.txt",
            "--kext",
            &given,
            "--arch",
            "x86_64",
        ],
    );
    assert!(
        stdout(&output).contains("after spl_cv_wait + 36"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_dsym_of_another_build_is_refused_with_both_uuids() {
    let folder = desk();
    dsym_bundle(folder.path(), "spl.kext", "spl", &spl(9).dsym()).unwrap();
    let given = format!("spl.kext@{BASE}");
    let output = kstack(
        folder.path(),
        &["symbolicate", "trace.txt", "--kext", &given],
    );
    let said = stderr(&output);
    assert!(
        said.contains("09090909-0909-0909-0909-090909090909"),
        "{said}"
    );
    assert!(
        said.contains("01010101-0101-0101-0101-010101010101"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("after spl_cv_wait + 36"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn two_kexts_at_one_address_are_reported() {
    let folder = desk();
    let zfs = Program::kext("zfs", kstack::model::Arch::X86_64, 2).with(Function::new("arc", 64));
    fs::write(folder.path().join("zfs"), zfs.dsym()).unwrap();
    let (spl, zfs) = (format!("spl.kext@{BASE}"), format!("zfs@{BASE}"));
    let output = kstack(
        folder.path(),
        &["symbolicate", "trace.txt", "--kext", &spl, "--kext", &zfs],
    );
    let text = stdout(&output);
    assert!(
        text.contains("net.example.spl and zfs both lie at 0xffffff7f80e50000"),
        "{text}"
    );
    assert!(
        text.contains("0xffffff7f80e51024 [two images lie there]"),
        "{text}"
    );
}

#[test]
fn an_odd_address_is_a_usage_error_that_shows_how_to_write_one() {
    let folder = desk();
    for odd in ["spl.kext@0xzz", "spl.kext@", "spl.kext@-5", "@0x10"] {
        let output = kstack(folder.path(), &["symbolicate", "trace.txt", "--kext", odd]);
        assert_eq!(output.status.code(), Some(2), "{odd}");
        assert!(stderr(&output).contains("PATH"), "{}", stderr(&output));
    }
    let output = kstack(folder.path(), &["lookup", "spl.kext", "12zz"]);
    assert!(
        stderr(&output).contains("\"12zz\" is not an address"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_address_without_an_image_is_shown_with_what_to_pass() {
    let folder = desk();
    let output = kstack(
        folder.path(),
        &["symbolicate", "trace.txt", "--kext", "spl.kext"],
    );
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text.contains("0xffffff80002b3d3e [no known image lies there]"),
        "{text}"
    );
    assert!(text.contains("pass --kernel PATH"), "{text}");
    assert!(
        text.contains("the load address of net.example.spl is not known"),
        "{text}"
    );
    assert!(text.contains("spl.kext@ADDRESS (the unslid one"), "{text}");
}

#[test]
fn a_report_that_is_none_lists_what_is_read() {
    let folder = desk();
    fs::write(folder.path().join("notes.txt"), "nothing of ours\n").unwrap();
    for (input, sentence) in [
        ("missing", "missing:"),
        (".", "a folder; pass the report file in it"),
        ("notes.txt", "stackshot-legacy"),
        (
            "spl.kext/Contents/MacOS/spl",
            "a Mach-O file; give it with --kext or --kernel",
        ),
    ] {
        let output = kstack(folder.path(), &["symbolicate", input]);
        assert_eq!(output.status.code(), Some(3), "{input}");
        assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    }
    let output = kstack(
        folder.path(),
        &["show", "notes.txt", "--input-format", "kextstat"],
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("nothing of format kextstat is in it"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn strict_fails_when_a_kernel_frame_has_no_name() {
    let folder = desk();
    let output = kstack(folder.path(), &["symbolicate", "trace.txt", "--strict"]);
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn standard_input_and_an_output_file_serve_as_report_and_answer() {
    let folder = desk();
    let given = format!("spl.kext@{BASE}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kstack"));
    command.args(["symbolicate", "-", "--kext", &given, "-o", "answer.txt"]);
    command.stdin(fs::File::open(folder.path().join("trace.txt")).unwrap());
    let output = command.current_dir(folder.path()).output().unwrap();
    assert_eq!(stdout(&output), "");
    let answer = fs::read_to_string(folder.path().join("answer.txt")).unwrap();
    assert!(answer.contains("spl_cv_wait"), "{answer}");
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    let folder = desk();
    let mut many = Symstacks::new();
    for pid in 0..20_000 {
        let frames = [Frame::bare(0xffff_ff80_0020_0000)];
        many = many
            .process(pid, "exampled")
            .thread(1)
            .kernel_stack(&frames);
    }
    fs::write(folder.path().join("many.txt"), many.build()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(["show", "many.txt"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn colour_is_written_only_when_asked_or_on_a_terminal() {
    let folder = desk();
    let plain = kstack(folder.path(), &["show", "trace.txt"]);
    assert!(!stdout(&plain).contains('\u{1b}'));
    let colored = kstack(folder.path(), &["show", "trace.txt", "--color", "always"]);
    assert!(stdout(&colored).contains('\u{1b}'));
}

#[test]
fn every_command_has_help_with_an_example() {
    let folder = PathBuf::from(".");
    for command in [
        "symbolicate",
        "show",
        "images",
        "place",
        "dump",
        "annotate",
        "diagnose",
        "diff",
        "flamegraph",
        "zones",
        "leaks",
        "link",
        "lldb",
        "index",
        "lookup",
        "formats",
    ] {
        let help = stdout(&kstack(&folder, &[command, "--help"]));
        assert!(
            help.contains("kstack ") && help.contains("Example"),
            "{help}"
        );
    }
}

#[test]
fn lookup_prints_one_line_of_json_for_each_address() {
    let folder = desk();
    let given = format!("spl.kext@{BASE}");
    let output = kstack(
        folder.path(),
        &[
            "lookup",
            &given,
            "0xffffff7f80e51024",
            "0x1",
            "--format",
            "json",
        ],
    );
    let lines: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["symbol"], "spl_cv_wait");
    assert_eq!(lines[0]["lookup"], "0xffffff7f80e51024");
    assert_eq!(lines[1]["why"], "no-image-there");
    let at_call = kstack(
        folder.path(),
        &[
            "lookup",
            &given,
            "0xffffff7f80e51024",
            "--return-addresses",
            "--format",
            "json",
        ],
    );
    assert!(
        stdout(&at_call).contains("\"lookup\":\"0xffffff7f80e51023\""),
        "{}",
        stdout(&at_call)
    );
}

#[test]
fn a_lookup_tells_which_object_file_of_a_debug_map_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let spl = spl(1);
    let mut image = spl.binary_image();
    let function = &spl.functions[0];
    let name = format!("_{}", function.name);
    for (kind, text, section, value) in [
        (0x64, "/Users/dana/spl/spl.c", 0, 0),
        (0x66, "/Users/dana/spl/spl.o", 1, 0),
        (0x24, name.as_str(), 1, function.start),
        (0x24, "", 0, function.size),
    ] {
        let stab = Symbol::stab(kind, text, section, value);
        image.symbols.push(stab);
    }
    fs::write(folder.path().join("spl"), image.build()).unwrap();
    let at = format!("{:#x}", function.start);
    let output = kstack(folder.path(), &["lookup", "spl", &at]);
    assert!(
        stderr(&output).contains("spl.o (missing)"),
        "{}",
        stderr(&output)
    );
    assert!(
        stdout(&output).contains(&function.name),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_refused_file_failed_without_a_word_when_the_answer_went_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/wrong-build");
    let answer = folder.path().join("answer.txt");
    let run = |more: &[&str]| {
        let words = ["symbolicate", "panic.log", "--kext", "1.0/ring.kext"];
        kstack(&samples, &[&words[..], more].concat())
    };
    let to_file = run(&["-o", answer.to_str().unwrap()]);
    assert_eq!(to_file.status.code(), Some(1));
    let said = stderr(&to_file);
    assert!(said.contains("1.0/ring.kext: "), "{said}");
    // Printed, the answer says so itself.
    let printed = run(&[]);
    assert_eq!(stderr(&printed), "");
    assert_eq!(stdout(&printed), fs::read_to_string(answer).unwrap());
}
