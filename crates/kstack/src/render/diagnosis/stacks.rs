//! Stacks that are the same, once, under why they matter.

use std::io::{self, Write};

use super::super::document::{Document, StackBlock};
use super::super::escape::Visible;
use super::super::stacks::{Palette, write_stack};
use super::super::words::Count;
use super::waiting::{left_out, write_who};
use super::{Section, Shown};
use crate::diagnose::{Diagnosis, Group, Rank, ThreadIndex};

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
            write_group(diagnosis, document, group, shown, style, &mut lines)?;
        }
        left_out(groups.len(), shown, &mut lines)?;
        sections.push(Section {
            title: format!(
                "Stacks, {}: {} of {}",
                rank.in_words(),
                Count(groups.len(), "stack"),
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
    shown: Shown,
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
    let threads: Vec<ThreadIndex> = group.threads().collect();
    write_doing(diagnosis, &threads, shown, lines)?;
    for stack in &entry.thread.stacks {
        let block = StackBlock::new(stack, entry.process_index);
        write_stack(document, &block, style, lines)?;
    }
    Ok(())
}

/// What threads with one stack do. What only some of them do is said of these.
pub(super) fn write_doing(
    diagnosis: &Diagnosis<'_>,
    threads: &[ThreadIndex],
    shown: Shown,
    lines: &mut Vec<u8>,
) -> io::Result<()> {
    /// Ways that are told of all that are shown; a stack shared by hundreds of threads has as many.
    const MOST: usize = 5;
    let most = shown.most.div_ceil(MOST);
    let (mut common, rest) = diagnosis.doing_together(threads);
    common.extend(diagnosis.processor_time_in_words(threads));
    if !common.is_empty() {
        writeln!(lines, "        {}", Visible(&common.join("; ")))?;
    }
    // What each of many does alone is seldom worth a line for each.
    if let [(1, first), _, _, ..] = rest.as_slice()
        && rest.len() == threads.len()
        && shown.most != usize::MAX
    {
        let first = Visible(first);
        return writeln!(
            lines,
            "        each differs, the first {first}; {} tells the others",
            shown.rest
        );
    }
    for (count, words) in rest.iter().take(most) {
        let who = match count {
            1 => "1 of them".to_owned(),
            several => format!("each of {several}"),
        };
        writeln!(lines, "        {who}: {}", Visible(words))?;
    }
    let more = rest.get(most..).unwrap_or_default();
    if !more.is_empty() {
        let threads: usize = more.iter().map(|(count, _)| count).sum();
        let ways = Count(more.len(), "other way");
        writeln!(
            lines,
            "        {threads} of them in {ways}; {} tells",
            shown.rest
        )?;
    }
    Ok(())
}
