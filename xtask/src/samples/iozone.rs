//! `docs/playbook/iozone`: two results of `iozone -b`, a spreadsheet of BIFF version 2.

use std::fs;
use std::path::Path;

use anyhow::Result;

// Records of BIFF 2: kind and length, then the fields, all little-endian.
const BEGIN: u16 = 0x09;
const END: u16 = 0x0a;
const NUMBER: u16 = 0x03;
const LABEL: u16 = 0x04;

/// KiB per second at best; the file size in KiB from where on the cache is too small.
type Disk = (u64, u64);

const HFS: Disk = (1_900_000, 16_384);
const ZFS: Disk = (1_300_000, 65_536);

/// Writes one result for each of two file systems on the same disk.
pub(crate) fn write(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("hfs.xls"), sheet(HFS))?;
    fs::write(folder.join("zfs.xls"), sheet(ZFS))?;
    Ok(())
}

fn sheet(disk: Disk) -> Vec<u8> {
    let mut sheet = record(BEGIN, &[2, 0, 0x10, 0]);
    let mut row = 0;
    for (report, share) in [
        ("Writer Report", 10),
        ("Re-writer Report", 13),
        ("Reader Report", 21),
    ] {
        sheet.extend(label(row, report));
        row += 1;
        for (column, length) in (1..).zip(record_lengths()) {
            sheet.extend(number(row, column, length));
        }
        for size in (6..18).map(|shift| 1_u64 << shift) {
            row += 1;
            sheet.extend(number(row, 0, size));
            let lengths = record_lengths().take_while(|length| *length <= size);
            for (column, length) in (1..).zip(lengths) {
                sheet.extend(number(row, column, speed(disk, size, length) * share / 10));
            }
        }
        row += 2;
    }
    sheet.extend(record(END, &[]));
    sheet
}

fn record_lengths() -> impl Iterator<Item = u64> {
    (2..10).map(|shift| 1 << shift)
}

/// Made up: longer records cost less, and a file larger than the cache goes at the speed of the disk.
fn speed((best, cache): Disk, size: u64, length: u64) -> u64 {
    let cached = best * length / (length + 6);
    match size > cache {
        true => cached * cache / (size * 2),
        false => cached * size / (size + 40),
    }
}

fn record(kind: u16, fields: &[u8]) -> Vec<u8> {
    let length = fields.len() as u16;
    [&kind.to_le_bytes(), &length.to_le_bytes(), fields].concat()
}

/// Row and column of a cell, and three bytes of how it looks.
fn cell(row: u16, column: u16) -> Vec<u8> {
    [row.to_le_bytes().as_slice(), &column.to_le_bytes(), &[0; 3]].concat()
}

fn number(row: u16, column: u16, value: u64) -> Vec<u8> {
    let value = (value as f64).to_le_bytes();
    record(NUMBER, &[cell(row, column), value.to_vec()].concat())
}

fn label(row: u16, text: &str) -> Vec<u8> {
    let text = [&[text.len() as u8], text.as_bytes()].concat();
    record(LABEL, &[cell(row, 0), text].concat())
}
