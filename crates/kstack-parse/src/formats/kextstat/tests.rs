use kstack_model::{Address, ImageKind, LoadedImage, Uuid};
use kstack_synth::text::{Frame, Kextstat, Symstacks};
use proptest::prelude::*;

use super::*;

const ZFS: Uuid = Uuid::from_bytes([0x2f; 16]);
const BASE: u64 = 0xffff_ff7f_8123_4000;

fn reports(text: &str) -> Vec<Report> {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn report(text: &str) -> Report {
    let mut reports = reports(text);
    assert_eq!(reports.len(), 1, "in {text}");
    reports.remove(0)
}

/// The one image of a text.
fn image(text: &str) -> LoadedImage {
    let mut report = report(text);
    assert_eq!(report.kernel.images.len(), 1, "in {text}");
    report.kernel.images.remove(0)
}

fn names(report: &Report) -> Vec<&str> {
    let images = report.kernel.images.iter();
    images.filter_map(|image| image.name.as_deref()).collect()
}

fn notes(report: &Report) -> Vec<String> {
    report.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_row_gives_name_version_uuid_address_and_size() {
    let text = Kextstat::new()
        .kext("net.example.zfs", Some(ZFS), BASE, 0x5000)
        .build();
    let report = report(&text);
    assert_eq!(report.kernel.basis, kstack_model::Basis::Unslid);
    assert!(report.processes.is_empty() && report.notes.is_empty());
    let zfs = image(&text);
    assert_eq!(zfs.name.as_deref(), Some("net.example.zfs"));
    assert_eq!(zfs.version.as_deref(), Some("1.0.1"));
    assert_eq!((zfs.uuid, zfs.size), (Some(ZFS), Some(0x5000)));
    assert_eq!(zfs.load_address(), Some(Address(BASE)));
    assert_eq!(zfs.kind, ImageKind::Kext);
}

#[test]
fn every_set_of_columns_is_read() {
    for row in [
        "  100    2 0xffffff7f81234000 0x5000     0x5000     net.example.zfs (1.0) <85 4 1>",
        "  100    2 0xffffff7f81234000 0x5000     0x5000     net.example.zfs (1.0)  ",
        "  100    2 0xffffff7f81234000 0x5000     net.example.zfs (1.0) <85 4 1>",
        "100 2 0xffffff7f81234000 0x5000 0x4000 net.example.zfs (1.0) 2F2F2F2F-2F2F-2F2F-2F2F-2F2F2F2F2F2F <>",
        "100\t2\t0xffffff7f81234000\t0x5000\t0x5000\tnet.example.zfs\t(1.0)\t<85 4 1>",
        "> 100 2 0xffffff7f81234000 0x5000 0x5000 net.example.zfs (1.0) &lt;85 4&gt;\r",
        "> > 100 2 0xFFFFFF7F81234000 0x5000 0x5000 net.example.zfs (1.0) <85 4",
        "100 2 0xffffff7f81234000 0x5000 0x5000 x86_64 net.example.zfs (1.0) <85>",
        "100 2 0xffffff7f81234000 0x5000 0x5000 net.example.zfs(1.0)",
    ] {
        let report = report(row);
        assert!(report.notes.is_empty(), "{row}: {:?}", report.notes);
        let zfs = image(row);
        assert_eq!(zfs.name.as_deref(), Some("net.example.zfs"), "{row}");
        assert_eq!(zfs.version.as_deref(), Some("1.0"), "{row}");
        assert_eq!(zfs.size, Some(0x5000), "{row}");
        assert_eq!(zfs.load_address(), Some(Address(BASE)), "{row}");
        assert_eq!(sniff(row.as_bytes()), Sniff::Yes, "{row}");
    }
}

#[test]
fn the_architecture_column_tells_the_machine() {
    let report = report("1 2 0xffffff7f81234000 0x5000 0x5000 x86_64 net.example.zfs (1.0)");
    assert_eq!(report.machine.arch, Some(kstack_model::Arch::X86_64));
}

#[test]
fn an_architecture_without_a_name_keeps_its_numbers() {
    let row = |arch: &str| {
        report(&format!(
            "1 2 0xffffff7f81234000 0x5000 0x5000 {arch} net.example.zfs (1.0)"
        ))
    };
    let expected = Some(kstack_model::Arch::Other(0x63, 0x2));
    assert_eq!(row("0x00000063/0x2").machine.arch, expected);
    assert_eq!(row("????/????").machine.arch, None);
}

#[test]
fn what_kextstat_itself_does_not_know_is_no_damage() {
    let report = report(
        "   ??   ?? 0xffffff7f81234000 0x5000     ????       net.example.zfs (1.0) no UUID <7 ??>",
    );
    let zfs = &report.kernel.images[0];
    assert_eq!((zfs.load_address(), zfs.uuid), (Some(Address(BASE)), None));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[test]
fn a_32_bit_address_is_read() {
    let row = "   70    0 0x2ddb9000 0x5000     0x4000     net.example.zfs (1.0) <7 6 5>";
    assert_eq!(image(row).load_address(), Some(Address(0x2ddb_9000)));
}

#[test]
fn messages_of_kmutil_name_the_variant() {
    let text = Kextstat::without_header()
        .line("Executing: /usr/bin/kmutil showloaded")
        .line("No variant specified, falling back to release")
        .kext("net.example.zfs", Some(ZFS), BASE, 0x5000)
        .build();
    assert_eq!(report(&text).variant.as_deref(), Some("kmutil showloaded"));
}

#[test]
fn a_version_can_hold_anything() {
    for version in ["1.0.0d1", "2.0 (beta 3)", "1.0 final", "", "1.0)(x", "<4>"] {
        let row =
            format!("1 2 0xffffff7f81234000 0x5000 0x5000 net.example.zfs ({version}) <5 4 3>");
        let expected = Some(version).filter(|version| !version.is_empty());
        assert_eq!(image(&row).version.as_deref(), expected);
    }
}

#[test]
fn rows_without_code_are_pseudo_kexts() {
    for row in [
        "    1  142 0                  0          0          com.apple.kpi.bsd (20.5.0) <>",
        "    1   83 0xffffff7f80a42000 0x9c80     0x9c80     com.apple.kpi.bsd (15.5.0)",
        "   12    0 0x0                0x0        0x0        com.apple.kernel (9.8.0)",
        "  132    1 0xffffff8031ae5400 0xd0       0xd0       net.example.private (1.0)",
        "  132    1 0                  0          0          __kernel__ (1.0) <>",
    ] {
        let image = image(row);
        assert_eq!(image.kind, ImageKind::PseudoKext, "{row}");
        let stated = row.contains("0xffff");
        assert_eq!(image.load_address().is_some(), stated, "{row}");
    }
}

#[test]
fn the_kernel_with_an_address_and_a_size_is_the_kernel() {
    let row = "1 2 0xffffff8000200000 0x800000 0x800000 __kernel__ (1.0) <>";
    assert_eq!(image(row).kind, ImageKind::Kernel);
}

#[test]
fn a_kext_without_an_address_is_said_to_be_unplaced() {
    let text = Kextstat::new()
        .kext("net.example.spl", None, BASE, 0x5000)
        .kext("net.example.zfs", Some(ZFS), 0, 0x5b1)
        .kext("net.example.icp", None, 0, 0x5b1)
        .build();
    let report = report(&text);
    let zfs = &report.kernel.images[1];
    assert_eq!((zfs.kind, zfs.load_address()), (ImageKind::Kext, None));
    assert_eq!(
        notes(&report),
        [
            "2 kexts have no address in the list, so no frame can be told to be theirs (the first at line 3)"
        ]
    );
}

#[test]
fn a_nil_uuid_is_none() {
    let row = "1 2 0xffffff7f81234000 0x5000 0x5000 net.example.zfs (1.0) 00000000-0000-0000-0000-000000000000 <>";
    assert_eq!(image(row).uuid, None);
}

#[test]
fn a_redacted_uuid_costs_only_itself() {
    let report =
        report("\n1 2 0xffffff7f81234000 0x5000 0x5000 net.example.zfs (1.0) [REDACTED] <7 6>");
    assert_eq!(report.kernel.images[0].version.as_deref(), Some("1.0"));
    assert_eq!(
        notes(&report),
        ["line 2: the UUID of net.example.zfs is not read: \"[REDACTED]\""]
    );
}

#[test]
fn a_damaged_column_costs_only_itself() {
    for (row, part) in [
        (
            "? 2 0xffffff7f81234000 0x5000 0x5000 net.example.zfs (1.0)",
            "index",
        ),
        (
            "1 2 0xffffff7f8123zzzz 0x5000 0x5000 net.example.zfs (1.0)",
            "address",
        ),
        (
            "1 2 0xfffffffff7f81234000 0x5000 0x5000 net.example.zfs (1.0)",
            "address",
        ),
        (
            "1 2 0xffffff7f81234000 5000 0x5000 net.example.zfs (1.0)",
            "size",
        ),
        (
            "1 2 0xffffff7f81234000 0x5000 0x#000 net.example.zfs (1.0)",
            "wired size",
        ),
    ] {
        let report = report(row);
        let expected = format!("line 1: the {part} of net.example.zfs is not read");
        assert!(notes(&report)[0].starts_with(&expected), "{row}");
        assert_eq!(names(&report), ["net.example.zfs"]);
        let zfs = &report.kernel.images[0];
        assert_eq!(zfs.load_address().is_none(), part == "address");
        assert_eq!(zfs.size.is_none(), part == "size");
    }
}

#[test]
fn a_remark_behind_a_row_is_noted_and_not_read() {
    let report =
        report("1 2 0xffffff7f81234000 0x5000 0x5000 net.example.zfs (1.0) <7> <--- this one");
    assert_eq!(report.kernel.images[0].version.as_deref(), Some("1.0"));
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn a_row_broken_by_a_terminal_or_a_mail_program_is_joined() {
    let row = "  120    1 0xffffff7f81234000 0x5000     0x5000     net.example.zfs (1.0) \
               2F2F2F2F-2F2F-2F2F-2F2F-2F2F2F2F2F2F <7 6 5>";
    let whole = image(row);
    for column in [47, 52, 55, 60, 64, 66, 70, 74, 80, 90, 100, 110] {
        let (first, rest) = row.split_at(column);
        let broken = format!("{}\n{rest}\n", first.trim_end());
        let at_a_space = first.ends_with(' ') || rest.starts_with(' ');
        if at_a_space || column >= 60 {
            assert_eq!(image(&broken), whole, "broken at {column}: {broken}");
            assert_eq!(sniff(broken.as_bytes()), Sniff::Yes);
            let expected = usize::from(column < 110);
            assert_eq!(report(&broken).notes.len(), expected, "{column}");
        }
    }
}

#[test]
fn the_line_behind_a_whole_row_is_left_alone() {
    let text = Kextstat::new()
        .kext("net.example.zfs", None, BASE, 0x5000)
        .line("2f2f2f2f is what I remember (of it)")
        .kext("net.example.spl", None, BASE + 0x5000, 0x5000)
        .build();
    let report = report(&text);
    assert_eq!(names(&report), ["net.example.zfs", "net.example.spl"]);
    assert!(report.notes.is_empty());
}

#[test]
fn an_ellipsis_in_the_list_is_noted() {
    let text = Kextstat::new()
        .line("...")
        .kext("net.example.zfs", Some(ZFS), BASE, 0x5000)
        .build();
    assert_eq!(notes(&report(&text)), ["line 2: rows are left out here"]);
}

#[test]
fn lines_of_other_texts_are_not_rows() {
    for line in [
        "net.example.zfs(1.0)[2F2F2F2F-2F2F-2F2F-2F2F-2F2F2F2F2F2F]@0xffffff7f81234000->0xffffff7f81238fff",
        "   dependency: net.example.spl(1.0)@0xffffff7f81230000",
        "last loaded kext at 123456789: net.example.zfs 1.0 (addr 0xffffff7f81234000, size 20480)",
        "0xffffff7f81234000 - 0xffffff7f81238fff net.example.zfs (1.0) <2F2F2F2F-2F2F-2F2F-2F2F-2F2F2F2F2F2F>",
        "*0xffffff7f81234000 - 0xffffff7f81238fff zfs (1.0.0) /Library/Extensions/zfs.kext",
        "    inner (in mach_kernel) + 12 (0xffffff8000210000)",
        "1  142 0 0 0 things (a list)",
        "8   net.example.zfs",
        "It took 2 to 3 hours 0 to find net.example.zfs (1.0)",
        "10 20 30 0x40 of net.example.zfs (1.0)",
        "1 2 0x1000 0x2000 0x3000 0x4000 (1.0)",
    ] {
        assert!(reports(line).is_empty(), "{line}");
        assert_eq!(sniff(line.as_bytes()), Sniff::No, "{line}");
    }
}

#[test]
fn a_list_among_chat_and_a_trace_keeps_its_own_lines() {
    let text = Kextstat::new()
        .kext("net.example.zfs", Some(ZFS), BASE, 0x5000)
        .line("and the trace (of the same boot):")
        .build()
        + &Symstacks::new()
            .process(7, "mkfile")
            .thread(1)
            .kernel_stack(&[Frame::bare(BASE + 0x10)])
            .build();
    assert_eq!(names(&report(&text)), ["net.example.zfs"]);
    let joined = crate::parse(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(joined.len(), 1);
    assert_eq!(joined[0].format, "symstacks");
    assert_eq!(names(&joined[0]), ["net.example.zfs"]);
}

#[test]
fn a_second_header_begins_a_second_list() {
    let list = |base| {
        Kextstat::new()
            .kext("net.example.zfs", None, base, 0x5000)
            .build()
    };
    let text = list(BASE) + &list(BASE + 0x1000);
    assert_eq!(reports(&text).len(), 2);
}

#[test]
fn an_index_given_anew_begins_a_second_list_and_a_repeated_row_does_not() {
    let row = |base| {
        Kextstat::without_header()
            .kext("net.example.zfs", None, base, 0x5000)
            .build()
    };
    assert_eq!(reports(&(row(BASE) + &row(BASE))).len(), 1);
    assert_eq!(reports(&(row(BASE) + &row(BASE + 0x1000))).len(), 2);
}

#[test]
fn a_header_or_messages_alone_come_close() {
    let header = Kextstat::new().build();
    assert!(matches!(sniff(header.as_bytes()), Sniff::Unsure(why) if why.contains("header")));
    let message = b"No variant specified, falling back to release\n";
    assert!(matches!(sniff(message), Sniff::Unsure(why) if why.contains("kmutil")));
}

#[test]
fn a_limit_ends_the_list_with_a_note() {
    let text = Kextstat::new()
        .kext("a.b", None, BASE, 0x5000)
        .kext("c.d", None, BASE + 0x5000, 0x5000)
        .build();
    let limits = Limits {
        items: 1,
        ..Limits::default()
    };
    let reports = parse(text.as_bytes(), &limits).unwrap();
    assert_eq!(names(&reports[0]), ["a.b"]);
    assert!(notes(&reports[0])[0].starts_with("line 3: the limit of items"));
}

/// A list with everything in it.
fn rich() -> String {
    Kextstat::new()
        .line("Executing: /usr/bin/kmutil showloaded")
        .kext("com.apple.kpi.bsd", Some(ZFS), 0, 0)
        .line("...")
        .kext("net.example.zfs", Some(ZFS), BASE, 0x5000)
        .line("  9 9 0xffffff7f81250000 0x5000 0x5000 net.example.long (1.0")
        .line("beta) [REDACTED] <1> ← é")
        .build()
}

#[test]
fn every_prefix_is_read_without_losing_a_whole_row() {
    let text = rich();
    for end in 0..=text.len() {
        let bytes = &text.as_bytes()[..end];
        let rows: usize = parse(bytes, &Limits::default())
            .unwrap()
            .iter()
            .map(|report| report.kernel.images.len())
            .sum();
        let whole = String::from_utf8_lossy(bytes).matches("<5 4 3>\n").count();
        assert!(rows >= whole, "at {end}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = sniff(&bytes);
        let _ = parse(&bytes, &Limits::default()).unwrap();
    }

    #[test]
    fn a_list_with_any_damage_is_read(at in 0_usize..400, byte: u8) {
        let mut bytes = rich().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = sniff(&bytes);
        let _ = parse(&bytes, &Limits::default()).unwrap();
    }

    #[test]
    fn what_is_sniffed_is_there(text in r"([0-9]{1,2}| |0x[0-9a-f]{1,9}|[a-z.]{3}|\(|\)|\n|>){0,40}") {
        if sniff(text.as_bytes()) == Sniff::Yes {
            prop_assert!(!reports(&text).is_empty());
        }
    }
}
