//! Zones and records of a zone log written down.

use std::io::{self, Write};

use kstack_model::Stack;
use serde::Serialize;

use super::diagnosis::sections::missing_lines;
use super::document::{Document, StackBlock};
use super::escape::Visible;
use super::json::{Writer, harmless};
use super::stacks::{COLORS, PLAIN, write_frames};
use super::words::Count;
use super::{RenderOptions, diagnosis::Shown};
use crate::leaks::{LeakKind, Leaks};
use crate::missing::Missing;
use crate::resolve::{SpaceId, Trace};
use crate::zones::ZoneHistory;

/// Writes zones for a person: suspects with their reasons, then the table.
///
/// # Errors
///
/// Those of the writer.
pub fn write_zones(
    histories: &[ZoneHistory],
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = if options.color { COLORS } else { PLAIN };
    let (heading, mark) = (style.heading, style.mark);
    let suspects: Vec<&ZoneHistory> = histories
        .iter()
        .filter(|zone| !zone.suspected.is_empty())
        .collect();
    if !suspects.is_empty() {
        writeln!(out, "{heading}Suspects:{heading:#}")?;
    }
    for zone in &suspects {
        writeln!(out, "    {mark}{}{mark:#}", Visible(&zone.name))?;
        for why in &zone.suspected {
            writeln!(out, "        {}", Visible(why))?;
        }
    }
    if !suspects.is_empty() {
        writeln!(out)?;
    }
    let several = histories.iter().any(|zone| zone.tables.len() > 1);
    let growth = if several { "       growth" } else { "" };
    writeln!(
        out,
        "{heading}       in use      element     elements         size{growth}  zone{heading:#}"
    )?;
    for zone in histories.iter().take(shown.most) {
        let Some(last) = zone.last() else { continue };
        write!(
            out,
            "{:>13} {:>12} {:>12} {:>12}",
            last.used(),
            last.element,
            last.in_use,
            last.size
        )?;
        if several {
            match zone.growth_in_bytes() {
                Some(growth) => write!(out, " {growth:>+12}")?,
                None => write!(out, " {:>12}", "-")?,
            }
        }
        writeln!(out, "  {}", Visible(&zone.name))?;
    }
    write_more(histories.len(), shown, out)
}

/// Writes zones for programs.
///
/// # Errors
///
/// Those of the writer.
pub fn write_zones_json(histories: &[ZoneHistory], out: &mut dyn Write) -> io::Result<()> {
    let zones = histories.iter().map(|history| ZoneJson {
        name: &history.name,
        tables: history
            .tables
            .iter()
            .map(|table| table.as_ref().map(TableJson::of))
            .collect(),
        growth: history.growth(),
        growth_bytes: history.growth_in_bytes(),
        suspected: &history.suspected,
    });
    write_json("zones", zones.collect::<Vec<_>>(), Vec::new(), out)
}

/// Writes the records of a zone log for a person.
///
/// # Errors
///
/// Those of the writer.
pub fn write_leaks(
    trace: &Trace,
    leaks: &Leaks<'_>,
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = if options.color { COLORS } else { PLAIN };
    let heading = style.heading;
    let document = Document::bare(trace, options, Vec::new());
    for (position, kind) in leaks.kinds.iter().enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        let records = count(kind.records, "record");
        let stacks = Count(kind.stacks.len(), "stack");
        writeln!(
            out,
            "{heading}{}: {records}, {stacks}{heading:#}",
            Visible(kind.name)
        )?;
        writeln!(
            out,
            "\n{heading}Functions, by the records that pass through them:{heading:#}"
        )?;
        for (function, count) in kind.functions.iter().take(shown.most) {
            writeln!(out, "{}  {}", share(kind, *count), Visible(function))?;
        }
        write_more(kind.functions.len(), shown, out)?;
        writeln!(out, "\n{heading}Stacks:{heading:#}")?;
        for (stack, records) in kind.stacks.iter().take(shown.most) {
            let share = kind.per_mille(*records);
            let records = count(*records, "record");
            writeln!(
                out,
                "    {heading}{records}, {}.{} %{heading:#}",
                share / 10,
                share % 10
            )?;
            write_frames(&document, &StackBlock::new(stack, 0), style, out)?;
        }
        write_more(kind.stacks.len(), shown, out)?;
    }
    if let Some(index) = leaks.oldest {
        writeln!(out, "\nThe oldest record is at index {index} of the log.")?;
    }
    let missing = missing_lines(trace, &Missing::of(trace), shown)?;
    if !missing.is_empty() {
        writeln!(out, "\n{heading}What is missing:{heading:#}")?;
        out.write_all(&missing)?;
    }
    for note in trace.report.notes.iter().chain(&trace.notes) {
        writeln!(out, "note: {}", Visible(&note.to_string()))?;
    }
    Ok(())
}

/// Writes the records of a zone log for programs.
///
/// # Errors
///
/// Those of the writer.
pub fn write_leaks_json(trace: &Trace, leaks: &Leaks<'_>, out: &mut dyn Write) -> io::Result<()> {
    let options = RenderOptions::default();
    let writer = Writer::new(trace, &options);
    let frames = |stack: &'_ Stack| -> Result<Vec<serde_json::Value>, serde_json::Error> {
        let frames = stack.frames.iter();
        frames
            .map(|frame| serde_json::to_value(writer.frame(SpaceId::Kernel, frame, None)))
            .collect()
    };
    let mut kinds = Vec::new();
    for kind in &leaks.kinds {
        let functions = kind.functions.iter().map(|(function, count)| FunctionJson {
            function: function.clone(),
            records: *count,
        });
        let mut stacks = Vec::new();
        for (stack, count) in &kind.stacks {
            stacks.push(StackJson {
                records: *count,
                frames: frames(stack)?,
            });
        }
        kinds.push(LeakJson {
            kind: kind.name,
            records: kind.records,
            functions: functions.collect(),
            stacks,
        });
    }
    let notes = trace.report.notes.iter().chain(&trace.notes);
    let notes = notes.map(ToString::to_string).collect();
    write_json("leaks", kinds, notes, out)
}

fn count(records: u64, what: &'static str) -> String {
    usize::try_from(records).map_or_else(
        |_| format!("{records} {what}s"),
        |count| Count(count, what).to_string(),
    )
}

fn share(kind: &LeakKind<'_>, count: u64) -> String {
    let share = kind.per_mille(count);
    format!("{count:>9}  {:>3}.{} %", share / 10, share % 10)
}

fn write_more(all: usize, shown: Shown, out: &mut dyn Write) -> io::Result<()> {
    match all.saturating_sub(shown.most) {
        0 => Ok(()),
        more => writeln!(out, "    … and {more} more; {} shows them", shown.rest),
    }
}

fn write_json<T: Serialize>(
    kind: &'static str,
    items: T,
    notes: Vec<String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let document = DocumentJson {
        schema: super::wire::SCHEMA,
        kind,
        items,
        notes,
    };
    harmless::write_pretty(&document, out)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct DocumentJson<T> {
    schema: u32,
    kind: &'static str,
    items: T,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct ZoneJson<'a> {
    name: &'a str,
    tables: Vec<Option<TableJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth_bytes: Option<i64>,
    suspected: &'a [String],
}

#[derive(Serialize)]
struct TableJson<'a> {
    element: u64,
    in_use: u64,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<u64>,
    flags: &'a str,
}

impl TableJson<'_> {
    fn of(zone: &kstack_parse::zones::Zone) -> TableJson<'_> {
        TableJson {
            element: zone.element,
            in_use: zone.in_use,
            size: zone.size,
            most: zone.most,
            flags: &zone.flags,
        }
    }
}

#[derive(Serialize)]
struct LeakJson<'a> {
    kind: &'a str,
    records: u64,
    functions: Vec<FunctionJson>,
    stacks: Vec<StackJson>,
}

#[derive(Serialize)]
struct FunctionJson {
    function: String,
    records: u64,
}

#[derive(Serialize)]
struct StackJson {
    records: u64,
    frames: Vec<serde_json::Value>,
}
