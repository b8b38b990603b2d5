//! Dumps of kcdata built for the purpose; Apple's samples are compared in `kcdata_conformance`.

use kstack_parse::{Datum, Dictionary, Limits, dump};
use kstack_synth::kcdata::{self, Buffer, TypeField};

fn root(bytes: &[u8]) -> (String, Dictionary) {
    let mut dump = dump(bytes, &Limits::default()).unwrap();
    assert_eq!(dump.buffers.len(), 1);
    let (name, value) = dump.buffers.remove(0).entries.remove(0);
    let Datum::Dictionary(content) = value else {
        panic!("a buffer is a dictionary")
    };
    (name.into_owned(), content)
}

fn names(dictionary: &Dictionary) -> Vec<&str> {
    dictionary
        .entries
        .iter()
        .map(|(name, _)| name.as_ref())
        .collect()
}

fn inner<'a>(dictionary: &'a Dictionary, name: &str) -> &'a Dictionary {
    match dictionary.get(name) {
        Some(Datum::Dictionary(inner)) => inner,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn containers_are_keyed_by_kind_and_id() {
    let bytes = Buffer::stackshot()
        .task(5, |task| {
            task.thread(8, |thread| thread).thread(9, |thread| thread)
        })
        .container(0x9fe, 1, |unknown| unknown)
        .end();
    let (name, content) = root(&bytes);
    assert_eq!(name, "kcdata_stackshot");
    assert_eq!(names(&content), ["task_snapshots", "2558"]);
    let task = inner(inner(&content, "task_snapshots"), "5");
    assert_eq!(names(inner(task, "thread_snapshots")), ["8", "9"]);
}

#[test]
fn structs_scalars_texts_and_merged_structs_have_their_own_shapes() {
    let bytes = Buffer::stackshot()
        .text(0x90e, "keepsyms=1")
        .item(0x33, &7_u64.to_le_bytes())
        .item(0x32, &[1_u32.to_le_bytes(), 2_u32.to_le_bytes()].concat())
        .item(0x91a, &[3_u64.to_le_bytes(), 4_u64.to_le_bytes()].concat())
        .named_u64("stackshot_tries", 1)
        .end();
    let (_, content) = root(&bytes);
    assert_eq!(
        names(&content),
        [
            "boot_args",
            "mach_absolute_time",
            "mach_timebase_info",
            "stackshot_duration",
            "stackshot_duration_outer",
            "stackshot_tries"
        ]
    );
    assert_eq!(
        content.get("boot_args"),
        Some(&Datum::Text("keepsyms=1".to_owned()))
    );
    assert_eq!(
        inner(&content, "mach_timebase_info").get("denom"),
        Some(&Datum::Unsigned(2))
    );
}

#[test]
fn arrays_of_one_type_are_one_array() {
    let one = |id: u64| kcdata::words(&[id]);
    let (_, content) = root(
        &Buffer::stackshot()
            .array(0x918, &one(1))
            .array(0x918, &one(2))
            .end(),
    );
    let both = Datum::List(vec![Datum::Signed(1), Datum::Signed(2)]);
    assert_eq!(content.get("nonrunnable_tasks"), Some(&both));
}

#[test]
fn a_name_that_comes_twice_is_kept_twice() {
    let bytes = Buffer::stackshot()
        .named_u32("x", 1)
        .named_u32("x", 2)
        .named_u32("x", 3)
        .end();
    assert_eq!(names(&root(&bytes).1), ["x", "x (2)", "x (3)"]);
}

#[test]
fn bytes_that_no_table_knows_are_kept() {
    let bytes = Buffer::stackshot()
        .item(0x9ee, &[1, 2, 3])
        .item(0x9ef, &[4])
        .item(0x910, &[0, 64, 0, 0])
        .item(0x32, &[1, 0, 0, 0, 1, 0, 0, 0, 9])
        .end();
    let (_, content) = root(&bytes);
    assert_eq!(
        content.get("Type_0x9ee"),
        Some(&Datum::Bytes(vec![1, 2, 3]))
    );
    assert_eq!(content.get("Type_0x9ef"), Some(&Datum::Unsigned(4)));
    let grown = inner(&content, "mach_timebase_info");
    assert_eq!(grown.get("unknown_bytes"), Some(&Datum::Bytes(vec![9])));
}

#[test]
fn an_array_whose_numbers_do_not_fit_is_shown_as_bytes() {
    let bytes = Buffer::stackshot()
        .raw(0x20, 16, 0x916 << 32 | 3, &[1; 16])
        .end();
    let dump = dump(&bytes, &Limits::default()).unwrap();
    assert_eq!(dump.notes.len(), 1);
    assert_eq!(
        names(inner(&dump.buffers[0], "kcdata_stackshot")),
        ["Type_0x20"]
    );
}

#[test]
fn a_type_that_the_buffer_defines_is_used() {
    let field = |name, flags, unit, offset, size, count| TypeField {
        name,
        flags,
        unit,
        offset,
        size,
        count,
    };
    let fields = [
        field("config", 0, 5, 0, 2, 0),
        field("label", 1, 1, 2, 1, 6),
    ];
    let bytes = Buffer::begin(0x1e21_c09f)
        .type_definition(0x1040, "test_config", &fields)
        .type_definition(0x1041, "ignored", &[field("single", 0, 7, 0, 4, 0)])
        .item(0x1040, b"\x07\0alpha\0")
        .array(0x1041, &kcdata::half_words(&[5, 6]))
        .end();
    let (name, content) = root(&bytes);
    assert_eq!(name, "xnupost_testconfig");
    assert_eq!(
        names(&content),
        [
            "typedef[test_config]",
            "typedef[single]",
            "test_config",
            "single"
        ]
    );
    let config = inner(&content, "test_config");
    assert_eq!(config.get("config"), Some(&Datum::Unsigned(7)));
    assert_eq!(config.get("label"), Some(&Datum::Text("alpha".to_owned())));
    assert_eq!(
        content.get("single"),
        Some(&Datum::List(vec![Datum::Unsigned(5), Datum::Unsigned(6)]))
    );
    let lines = inner(&content, "typedef[test_config]").get("fields");
    let line = |text: &str| Datum::Text(text.to_owned());
    assert_eq!(
        lines,
        Some(&Datum::List(vec![
            line("[0,2] uint16_t  config;"),
            line("[2,6] char  label[6];")
        ]))
    );
}

#[test]
fn a_definition_does_not_replace_a_known_tag() {
    let field = TypeField {
        name: "forged",
        flags: 0,
        unit: 9,
        offset: 0,
        size: 8,
        count: 0,
    };
    let bytes = Buffer::stackshot()
        .type_definition(0x33, "forged", &[field])
        .item(0x33, &[1; 8])
        .end();
    assert_eq!(
        names(&root(&bytes).1),
        ["typedef[forged]", "mach_absolute_time"]
    );
}

#[test]
fn a_buffer_in_a_buffer_stands_under_its_own_name() {
    let inside = Buffer::begin(0xdead_f157)
        .item(0x805, &7_u32.to_le_bytes())
        .end();
    let (_, content) = root(&Buffer::begin(0xdead_f157).nested(&inside).end());
    assert_eq!(
        inner(&content, "kcdata_crashinfo").get("pid"),
        Some(&Datum::Signed(7))
    );
}

#[test]
fn several_buffers_are_dumped_one_after_another() {
    let file = [Buffer::stackshot().end(), Buffer::begin(0x53a2_0900).end()].concat();
    let dump = dump(&file, &Limits::default()).unwrap();
    let roots: Vec<_> = dump.buffers.iter().flat_map(names).collect();
    assert_eq!(roots, ["kcdata_stackshot", "kcdata_reason"]);
}

#[test]
fn what_is_no_kcdata_is_refused() {
    let error = dump(b"panic(cpu 0 caller 0x0)", &Limits::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no kcdata buffer begins here"),
        "{error}"
    );
}

#[test]
fn nothing_is_expanded_beyond_the_limit_of_values() {
    let limits = Limits {
        items: 10,
        frames: 10,
        ..Limits::default()
    };
    let bytes = Buffer::stackshot()
        .array(0x916, &kcdata::words(&[0; 100]))
        .end();
    let dump = dump(&bytes, &limits).unwrap();
    assert_eq!(
        dump.notes[0].text,
        "the dump ends here at the limit of 20 values"
    );
    let content = inner(&dump.buffers[0], "kcdata_stackshot");
    assert_eq!(content.get("user_stack_frames"), Some(&Datum::List(vec![])));
}
