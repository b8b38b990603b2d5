//! Stacks that are the same, once, under why they matter.

use std::io::{self, Write};

use super::super::document::{Document, StackBlock};
use super::super::escape::Visible;
use super::super::stacks::{Palette, write_stack};
use super::super::words::Count;
use super::waiting::{left_out, write_who};
use super::{Section, Shown};
use crate::diagnose::{Diagnosis, Group, Rank};

pub(super) fn sections(
    diagnosis: &Diagnosis<'_>,
    document: &Document<'_>,
    shown: Shown,
    style: Palette,
) -> io::Result<Vec<Section>> {
    let ranks = [
        Rank::Panicked,
        Rank::GivenKext,
        Rank::OtherKext,
        Rank::Uninterruptible,
        Rank::Ordinary,
    ];
    let mut sections = Vec::new();
    for rank in ranks {
        let groups: Vec<&Group> = diagnosis
            .groups
            .iter()
            .filter(|group| group.rank == rank)
            .collect();
        let threads: usize = groups.iter().map(|group| group.len()).sum();
        let mut lines = Vec::new();
        for (position, group) in groups.iter().take(shown.most).enumerate() {
            if position > 0 {
                writeln!(lines)?;
            }
            write_group(diagnosis, document, group, style, &mut lines)?;
        }
        left_out(groups.len(), shown, &mut lines)?;
        sections.push(Section {
            title: format!(
                "Stacks, {}: {} of {}",
                rank.in_words(),
                groups.len(),
                Count(threads, "thread")
            ),
            about: None,
            lines,
        });
    }
    Ok(sections)
}

/// Who has the stack, what the first of them does, and the stack itself.
fn write_group(
    diagnosis: &Diagnosis<'_>,
    document: &Document<'_>,
    group: &Group,
    style: Palette,
    lines: &mut Vec<u8>,
) -> io::Result<()> {
    let Some(first) = group.threads().next() else {
        return Ok(());
    };
    let Some(entry) = diagnosis.threads.get(first) else {
        return Ok(());
    };
    let heading = style.heading;
    write!(
        lines,
        "    {heading}{}{heading:#}",
        Count(group.len(), "thread")
    )?;
    match group.variants.len() {
        1 => writeln!(lines)?,
        shapes => writeln!(
            lines,
            ", {shapes} shapes that differ only in user frames or in the depth of a recursion; the most common:"
        )?,
    }
    write_who(diagnosis, group.threads(), "        ", lines)?;
    let doing = diagnosis.doing(first).join("; ");
    if !doing.is_empty() {
        writeln!(lines, "        {}", Visible(&doing))?;
    }
    for stack in &entry.thread.stacks {
        let block = StackBlock::new(stack, entry.process_index);
        write_stack(document, &block, style, lines)?;
    }
    Ok(())
}
