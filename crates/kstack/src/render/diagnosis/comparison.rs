//! What changed between two reports.

use std::io::{self, Write};

use super::super::document::{Document, StackBlock};
use super::super::escape::Visible;
use super::super::stacks::{Palette, write_stack};
use super::super::words::{Count, fingerprint};
use super::stacks::write_doing;
use super::waiting::{left_out, write_who};
use super::{Section, Shown};
use crate::diagnose::Diagnosis;
use crate::diagnose::compare::{Comparison, Panics, Proof, Stuck};

pub(super) fn sections(
    before: &Diagnosis<'_>,
    after: &Diagnosis<'_>,
    comparison: &Comparison,
    document: &Document<'_>,
    shown: Shown,
    style: Palette,
) -> io::Result<Vec<Section>> {
    let mut sections = vec![reports(before, after, comparison)?];
    if let Some(why) = &comparison.not_one_boot {
        sections.push(Section {
            title: "Not one boot".to_owned(),
            about: None,
            lines: format!("    {}\n", Visible(why)).into_bytes(),
        });
    }
    if comparison.shrunk > 0 {
        let threads = Count(comparison.shrunk, "thread");
        sections.push(Section {
            title: "Not in order".to_owned(),
            about: None,
            lines: format!(
                "    {threads} had a processor for less time after than before: pass the earlier report first\n"
            )
            .into_bytes(),
        });
    }
    sections.push(fingerprints(before, after)?);
    if let Some(panics) = &comparison.panics {
        sections.push(write_panics(panics)?);
    }
    for proof in [Proof::LastRun, Proof::CpuTime, Proof::Frames] {
        sections.push(stuck(after, comparison, proof, document, shown, style)?);
    }
    sections.push(grown(after, comparison, shown)?);
    let moved = comparison.moved.iter().map(|(_, after)| *after);
    for (title, diagnosis, threads) in [
        ("New", after, comparison.new.clone()),
        ("Gone", before, comparison.gone.clone()),
        ("Moved", after, moved.collect()),
    ] {
        let mut lines = Vec::new();
        write_who(diagnosis, threads.iter().copied(), "    ", &mut lines)?;
        sections.push(Section {
            title: format!("{title}: {}", Count(threads.len(), "thread")),
            about: None,
            lines,
        });
    }
    if comparison.idle > 0 {
        sections.push(Section {
            title: "Folded away".to_owned(),
            about: None,
            lines: format!(
                "    {} with nothing to do in both\n",
                Count(comparison.idle, "thread")
            )
            .into_bytes(),
        });
    }
    sections.retain(|section| !section.lines.is_empty());
    Ok(sections)
}

/// What is compared: the files, what they are, and when they were taken.
fn reports(
    before: &Diagnosis<'_>,
    after: &Diagnosis<'_>,
    comparison: &Comparison,
) -> io::Result<Section> {
    let mut lines = Vec::new();
    let names = comparison.names.as_ref();
    for (which, name, diagnosis) in [
        ("before", names.map(|(before, _)| before), before),
        ("after", names.map(|(_, after)| after), after),
    ] {
        let report = &diagnosis.trace.report;
        let mut words: Vec<&str> = name.map(String::as_str).into_iter().collect();
        words.push(report.format);
        let machine = &report.machine;
        words.extend(machine.os_version.as_deref().or(report.variant.as_deref()));
        words.extend(machine.captured_at.as_deref());
        writeln!(lines, "    {which}: {}", Visible(&words.join(", ")))?;
    }
    Ok(Section {
        title: "Reports".to_owned(),
        about: None,
        lines,
    })
}

fn fingerprints(before: &Diagnosis<'_>, after: &Diagnosis<'_>) -> io::Result<Section> {
    let mut lines = Vec::new();
    for (which, diagnosis) in [("before", before), ("after", after)] {
        match &diagnosis.fingerprint {
            Some(of) => writeln!(lines, "    {which}: {}", fingerprint(of))?,
            None => writeln!(lines, "    {which}: none, too little is named")?,
        }
    }
    let both = before.fingerprint.zip(after.fingerprint);
    match both {
        Some((one, other)) if one.hash == other.hash => writeln!(lines, "    the same")?,
        Some(_) => writeln!(lines, "    not the same")?,
        None => {}
    }
    Ok(Section {
        title: "Fingerprints".to_owned(),
        about: None,
        lines,
    })
}

fn write_panics(panics: &Panics) -> io::Result<Section> {
    let mut lines = Vec::new();
    let frames = Count(panics.common.len(), "frame");
    match &panics.parts {
        None => writeln!(lines, "    the same {frames}:")?,
        Some(_) if panics.common.is_empty() => {
            writeln!(lines, "    they differ from the first frame on:")?
        }
        Some(_) => writeln!(lines, "    {frames} in common, innermost first:")?,
    }
    for frame in &panics.common {
        writeln!(lines, "        {}", Visible(frame))?;
    }
    if let Some((before, after)) = &panics.parts {
        for (which, frame) in [("before", before), ("after", after)] {
            let frame = frame.as_deref().unwrap_or("(the stack ends)");
            writeln!(lines, "    then {which}: {}", Visible(frame))?;
        }
    }
    Ok(Section {
        title: "The panics".to_owned(),
        about: None,
        lines,
    })
}

fn stuck(
    after: &Diagnosis<'_>,
    comparison: &Comparison,
    proof: Proof,
    document: &Document<'_>,
    shown: Shown,
    style: Palette,
) -> io::Result<Section> {
    let these: Vec<&Stuck> = comparison
        .stuck
        .iter()
        .filter(|stuck| stuck.proof == proof)
        .collect();
    let mut lines = Vec::new();
    // Threads stuck in one place stand together.
    let mut is_stuck = vec![false; after.threads.all.len()];
    for stuck in &these {
        if let Some(mark) = is_stuck.get_mut(stuck.after) {
            *mark = true;
        }
    }
    let takes = |thread: &usize| is_stuck.get(*thread) == Some(&true);
    let mut groups = 0;
    for group in &after.groups {
        let members: Vec<usize> = group.threads().filter(takes).collect();
        let Some(entry) = members.first().and_then(|first| after.threads.get(*first)) else {
            continue;
        };
        groups += 1;
        if groups > shown.most {
            continue;
        }
        let heading = style.heading;
        writeln!(
            lines,
            "    {heading}{}{heading:#}",
            Count(members.len(), "thread")
        )?;
        write_who(after, members.iter().copied(), "        ", &mut lines)?;
        write_doing(after, &members, shown, &mut lines)?;
        for stack in &entry.thread.stacks {
            let block = StackBlock::new(stack, entry.process_index);
            write_stack(document, &block, style, &mut lines)?;
        }
    }
    left_out(groups, shown, &mut lines)?;
    Ok(Section {
        title: format!("Not moved: {}", Count(these.len(), "thread")),
        about: Some(match proof {
            Proof::LastRun => {
                "the kernel's time of the last run is the same: it did not run in between"
            }
            Proof::CpuTime => "no processor time used in between",
            Proof::Frames => "the same frames; it may have moved and come back",
        }),
        lines,
    })
}

fn grown(after: &Diagnosis<'_>, comparison: &Comparison, shown: Shown) -> io::Result<Section> {
    let mut lines = Vec::new();
    for (thread, time) in comparison.grown.iter().take(shown.most) {
        writeln!(
            lines,
            "    {}: {time} more",
            Visible(&after.thread(*thread))
        )?;
    }
    left_out(comparison.grown.len(), shown, &mut lines)?;
    Ok(Section {
        title: format!(
            "Used a processor: {}",
            Count(comparison.grown.len(), "thread")
        ),
        about: None,
        lines,
    })
}
