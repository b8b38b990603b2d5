//! Listings of loaded kexts: one image for each row that has an index.

use kstack_model::{Address, ImageKind};

use crate::{Expected, corpus, counted, read};

pub(super) const TABLE: &[Expected] = &[
    Expected {
        file: "kextstat/10.10-kextstat-k-l-noheader.txt",
        reports: &[counted("kextstat", 0, 3, 0, 0)],
    },
    Expected {
        file: "kextstat/10.11.5-hackintosh-full.txt",
        reports: &[counted("kextstat", 0, 124, 0, 0)],
    },
    Expected {
        file: "kextstat/10.9-kextstat-k-nvidia.txt",
        reports: &[counted("kextstat", 0, 3, 0, 0)],
    },
    Expected {
        file: "kextstat/10.x-two-driver-pair.txt",
        reports: &[counted("kextstat", 0, 2, 0, 0)],
    },
];

/// Version, address and size of its three rows are published with it.
#[test]
fn a_listing_without_titles_has_its_known_answer() {
    let Some(corpus) = corpus() else { return };
    let report = read(&corpus, TABLE[0].file).remove(0);
    let images = report.kernel.images.iter();
    let rows: Vec<_> = images
        .map(|image| (image.version.as_deref(), image.load_address(), image.size))
        .collect();
    assert_eq!(
        rows,
        [
            (
                Some("1.0"),
                Some(Address(0xffff_ff7f_81ae_d000)),
                Some(266_240)
            ),
            (
                Some("1.4"),
                Some(Address(0xffff_ff7f_807f_3000)),
                Some(36_864)
            ),
            (
                Some("2.8"),
                Some(Address(0xffff_ff7f_8087_5000)),
                Some(167_936)
            ),
        ]
    );
}

/// Seven `com.apple.kpi` rows in the one, a row of 0xd0 bytes in the other.
#[test]
fn rows_without_code_are_pseudo_kexts() {
    let Some(corpus) = corpus() else { return };
    for (row, expected) in [(1, 7), (3, 1)] {
        let report = read(&corpus, TABLE[row].file).remove(0);
        let images = report.kernel.images.iter();
        let pseudo = images.filter(|image| image.kind == ImageKind::PseudoKext);
        assert_eq!(pseudo.count(), expected, "{}", TABLE[row].file);
    }
}
