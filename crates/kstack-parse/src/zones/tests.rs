//! Tables of zones in the layouts of several systems.

use super::*;
use proptest::prelude::*;

const ZPRINT: &str = "\
                            elem         cur         max        cur         max         cur  alloc  alloc
zone name                   size        size        size      #elts       #elts       inuse   size  count
----------------------------------------------------------------------------------------------------------
zones                        592         88K        119K        152         206         143     8K     13
kalloc.128                   128      1.5M            2M      12288       16384       12000     4K     32 C
data zone 2                   64          4K        ----         64        ----           9     4K     64 CX
";

const KGMACROS: &str = "\
ZONE               COUNT   TOT_SZ   MAX_SZ   ELT_SZ ALLOC_SZ         TOT_ALLOC         TOT_FREE NAME
0x000000002800c000    143    90112   121856      592     8192              500              357 zones CX$
0x000000002800c200  12000  1572864        0      128     4096            90000            78000 kalloc.128 X$
";

const LLDB: &str = "\
       ZONE            TOT_SZ PAGE_COUNT ALLOC_ELTS  FREE_ELTS    FREE_SZ ALL_FREE_PGS     ELT_SZ      ALLOC(  ELTS    PGS  WASTE)      FLAGS      NAME
0xffffff8000c81450      90112         22        143          9       5328          0        592       8192     13      2    496    X$ O   zones
0xffffff8000c81650    1572864        384      12000        288      36864          0        128       4096     32      1      0  CX$     vm objects (max: 123)
";

const NEWER: &str = "\
                    ___________________SIZE (bytes)____________________  ______ELEMENTS (#)______  ____PAGES____  ____ALLOC CHUNK CONFIG_____
ZONE                      TOTAL       ALLOC       CACHE        FREE     ALLOC   CACHE    FREE   COUNT   FREE  SIZE (P)   ELTS WASTE  ELT_SZ   FLAGS                  NAME                \x20
0xfffffe0012c0a5c8    1,572,864   1,536,000      32,768       4,096    12,000     256      32      96      1   16K (1)    128     0     128   C     E  $             data.kalloc.128      (sequester: 16384)
0xfffffe0012c0a6d0        4,096         184           0       3,912         2       0      42       1      0    4K (1)     44    48      92    D                  % vm                   (max: 4096)
TOTALS                1,576,960   1,536,184      32,768       8,008                                    97      1  (sequester: 16,384)
";

fn zone(name: &str, element: u64, in_use: u64, size: u64, most: Option<u64>) -> Zone {
    Zone {
        name: name.to_owned(),
        element,
        in_use,
        size,
        most,
        flags: String::new(),
    }
}

fn without_flags(text: &str) -> Vec<Zone> {
    let zones = read(text.as_bytes()).unwrap();
    assert_eq!(zones.notes, []);
    let zones = zones.zones.into_iter();
    zones
        .map(|zone| Zone {
            flags: String::new(),
            ..zone
        })
        .collect()
}

#[test]
fn the_program_prints_units_dashes_and_names_with_blanks() {
    assert_eq!(
        without_flags(ZPRINT),
        [
            zone("zones", 592, 143, 88 << 10, Some(119 << 10)),
            zone("kalloc.128", 128, 12000, 3 << 19, Some(2 << 20)),
            zone("data zone 2", 64, 9, 4 << 10, None),
        ]
    );
    assert_eq!(read(ZPRINT.as_bytes()).unwrap().zones[2].flags, "CX");
}

#[test]
fn the_macros_say_in_their_titles_which_number_is_which() {
    let lldb = without_flags(LLDB);
    assert_eq!(lldb[0], zone("zones", 592, 143, 90112, None));
    assert_eq!(lldb[1], zone("vm objects", 128, 12000, 1_572_864, None));
    let gdb = without_flags(KGMACROS);
    assert_eq!(gdb[0], zone("zones", 592, 143, 90112, Some(121_856)));
}

#[test]
fn gdb_prints_sizes_as_hexadecimal_without_saying_so_and_flags_behind_the_name() {
    let of = |rows: &str| {
        let titles = KGMACROS.lines().next().unwrap();
        read(format!("{titles}\n{rows}").as_bytes()).unwrap()
    };
    let zones = of(
        "0xffffff8002a89250  9981  9c000  bd270  64  1000  77002  67021 vm objects CX\n\
         0xffffff8002a894a0  3  1000  3000  592  1000  3  0 zones X",
    );
    assert_eq!(zones.notes, []);
    let told = |zone: &Zone| (zone.name.clone(), zone.flags.clone(), zone.size, zone.most);
    assert_eq!(
        zones.zones.iter().map(told).collect::<Vec<_>>(),
        [
            (
                "vm objects".to_owned(),
                "CX".to_owned(),
                0x9c000,
                Some(0xbd270)
            ),
            ("zones".to_owned(), "X".to_owned(), 0x1000, Some(0x3000)),
        ]
    );
    // No letter tells here, but a chunk is a whole number of pages.
    let zones = of("0xffffff8002a89250  64  1000  2000  64  1000  70  6 kalloc.64 CX");
    assert_eq!(
        (zones.zones[0].size, zones.zones[0].most),
        (0x1000, Some(0x2000))
    );
}

#[test]
fn the_newer_macro_has_two_columns_of_a_name_and_commas_in_its_numbers() {
    assert_eq!(
        without_flags(NEWER),
        [
            zone("data.kalloc.128", 128, 12000, 1_572_864, None),
            zone("vm", 92, 2, 4096, None),
        ]
    );
    assert_eq!(read(NEWER.as_bytes()).unwrap().zones[0].flags, "CE$");
    assert_eq!(read(NEWER.as_bytes()).unwrap().zones[1].flags, "D%");
}

#[test]
fn a_damaged_row_costs_only_itself() {
    let text = LLDB.replace("      90112  ", "      9o112  ");
    let zones = read(text.as_bytes()).unwrap();
    assert_eq!((zones.zones.len(), zones.notes.len()), (1, 1));
}

#[test]
fn a_text_without_zones_is_an_error() {
    assert!(read(b"nothing here 1 2 3").is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_line_of_numbers_is_read_or_refused(line in "[a-zK0-9x.( )-]{0,120}") {
        let _ = read(format!("{LLDB}{line}\n0x{line}").as_bytes());
    }
}
