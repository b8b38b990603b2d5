//! Where the answer goes, and whether in colour.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use kstack::model::Report;
use kstack::render::{RENDERERS, Renderer};
use kstack::{Redactor, Selection, Trace};

use crate::args::{OutputArgs, RedactArgs, SelectArgs, When};
use crate::pager::Paged;

/// The writer that was asked for. It must be flushed.
pub(crate) fn open(args: &OutputArgs) -> anyhow::Result<Box<dyn Write>> {
    Ok(match &args.output {
        Some(path) if path.as_os_str() != "-" => {
            let file = File::create(path).with_context(|| format!("writing {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        _ if wants_pager(args) => Box::new(BufWriter::with_capacity(1 << 16, Paged::default())),
        _ => Box::new(BufWriter::with_capacity(1 << 16, io::stdout().lock())),
    })
}

/// The writer for a format. A picture that cannot be drawn does not empty the file of an earlier one.
pub(crate) fn open_for<'a>(
    format: &Renderer,
    args: &'a OutputArgs,
) -> anyhow::Result<Box<dyn Write + 'a>> {
    match format.holds_several {
        true => open(args),
        false => Ok(Box::new(Late { args, opened: None })),
    }
}

/// Counts what is written, so that traces of one document can share it.
pub(crate) struct Counting<W> {
    pub(crate) out: W,
    pub(crate) written: usize,
}

impl<W: Write> Counting<W> {
    pub(crate) fn new(out: W) -> Counting<W> {
        Counting { out, written: 0 }
    }
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written;
        Ok(written)
    }

    // Renderers write in small pieces, for which a buffer has a short way.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opened with the first byte.
struct Late<'a> {
    args: &'a OutputArgs,
    opened: Option<Box<dyn Write>>,
}

impl Write for Late<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => open(self.args).map_err(|why| io::Error::other(format!("{why:#}")))?,
        };
        self.opened.insert(opened).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.opened.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// As git does it: on a terminal, unless told otherwise.
fn wants_pager(args: &OutputArgs) -> bool {
    match args.pager {
        _ if args.no_pager => false,
        When::Always => true,
        When::Never => false,
        When::Auto => io::stdout().is_terminal(),
    }
}

/// Whether a person sees the answer as it is written: then nothing else need tell that it is coming.
pub(crate) fn is_seen(args: &OutputArgs) -> bool {
    !is_to_file(args) && io::stdout().is_terminal()
}

/// Whether the answer goes to a file, where nobody may look at once.
pub(crate) fn is_to_file(args: &OutputArgs) -> bool {
    args.output
        .as_ref()
        .is_some_and(|path| path.as_os_str() != "-")
}

/// How wide the terminal is, when the answer goes to one.
pub(crate) fn columns(args: &OutputArgs) -> Option<usize> {
    if !is_seen(args) {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Whether to write colour: as asked, else on a terminal and without `NO_COLOR`.
pub(crate) fn color(args: &OutputArgs) -> bool {
    match args.color {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            let choice = anstream::AutoStream::choice(&io::stdout());
            args.output.is_none() && choice != anstream::ColorChoice::Never
        }
    }
}

/// Takes the name of a renderer; help and the completions of shells have them all.
pub(crate) fn renderers() -> impl TypedValueParser<Value = &'static Renderer> {
    let names = RENDERERS
        .iter()
        .map(|renderer| PossibleValue::new(renderer.name).help(renderer.about));
    PossibleValuesParser::new(names).try_map(|name| {
        let mut renderers = RENDERERS.iter();
        let renderer = renderers.find(|renderer| renderer.name == name);
        renderer.ok_or_else(|| format!("no format {name}"))
    })
}

/// Takes out of traces what is private, if that was asked for.
pub(crate) struct Redaction(Option<Redactor>);

impl Redaction {
    /// Knows what is private from all the reports, so that each secret has one placeholder.
    pub(crate) fn of<'a>(
        args: &RedactArgs,
        reports: impl IntoIterator<Item = &'a Report>,
    ) -> Redaction {
        Redaction(args.redact.then(|| Redactor::of(reports)))
    }

    pub(crate) fn redact(&self, trace: &mut Trace) {
        if let Some(redactor) = &self.0 {
            redactor.redact(trace);
        }
    }

    /// The selection for the traces as they are shown.
    pub(crate) fn selection(&self, args: &SelectArgs) -> Selection {
        let selection = args.selection();
        match &self.0 {
            Some(redactor) => redactor.selection(selection),
            None => selection,
        }
    }
}

/// The command to show, if it may be: it names files and processes.
pub(crate) fn shown_command(args: &RedactArgs) -> Option<String> {
    (!args.redact).then(command_line)
}

/// The command as typed, quoted so that a shell reads it back.
pub(crate) fn command_line() -> String {
    let mut line = "kstack".to_owned();
    for argument in env::args_os().skip(1) {
        line.push(' ');
        line.push_str(&quoted(&argument.to_string_lossy()));
    }
    line
}

fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=@:,+%".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// One line for the person at the terminal, apart from the answer.
pub(crate) fn complain(what: &str) {
    // Standard error may be closed; there is nobody left to tell then.
    let _ = writeln!(io::stderr().lock(), "kstack: {}", harmless(what));
}

/// Without what a terminal acts on: names in complaints are from files that anyone may have written.
fn harmless(what: &str) -> String {
    let mut shown = String::new();
    for c in what.chars() {
        match c {
            '\n' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_does_not_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\nc");
    }

    #[test]
    fn a_shell_reads_the_repeated_command_back() {
        assert_eq!(quoted("samples/zfs.kext@0x10"), "samples/zfs.kext@0x10");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
    }
}
