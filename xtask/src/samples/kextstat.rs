//! Listings of loaded kexts, as kextstat of 10.6 to 10.8 printed them.

use std::fmt::Write as _;

/// One row: name and version, load address, size, indexes of what it links against.
pub(crate) type Row<'a> = (&'a str, &'a str, u64, u64, &'a [u32]);

/// Prints the listing; `width` is that of the address column.
pub(crate) fn print(rows: &[Row<'_>], width: usize) -> String {
    let mut text = format!(
        "Index Refs {:<width$} {:<10} {:<10} Name (Version) <Linked Against>\n",
        "Address", "Size", "Wired"
    );
    for (index, (name, version, address, size, links)) in (1_u32..).zip(rows) {
        let references = rows.iter().filter(|row| row.4.contains(&index)).count();
        let links: Vec<String> = links.iter().rev().map(u32::to_string).collect();
        let links = if links.is_empty() {
            String::new()
        } else {
            format!(" <{}>", links.join(" "))
        };
        let [address, size] = [*address, *size].map(number);
        writeln!(
            text,
            "{index:>5} {references:>4} {address:<width$} {size:<10} {size:<10} {name} ({version}){links}"
        )
        .expect("a string takes all");
    }
    text
}

/// Pseudo-kexts, which name parts of the kernel, have zeros without a prefix.
fn number(number: u64) -> String {
    if number == 0 {
        "0".into()
    } else {
        format!("{number:#x}")
    }
}
