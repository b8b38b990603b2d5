//! What is known of the report and the machine, and how the document was made.

use std::io::{self, Write};

use kstack_model::ImageKind;

use super::room::Dropped;
use super::write_fence;
use crate::render::document::Document;
use crate::render::escape::{CodeSpan, Whole};

/// What the head of a document may take.
pub(in super::super) const LONGEST_HEAD: usize = 12_000;

/// Title, facts and command as far as there is room.
pub(in super::super) fn head(
    document: &Document<'_>,
    title: &str,
    room: usize,
    dropped: &mut Dropped,
) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    writeln!(head, "# {title}\n")?;
    write_facts(document, &mut head)?;
    let longest = LONGEST_HEAD.min(room / 3);
    dropped.cut(&mut head, longest);
    // Of several traces the first tells it.
    if document.options.trace_index.index <= 1 {
        add_command(document, longest, &mut head)?;
    }
    Ok(head)
}

fn write_facts(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    for field in &document.head {
        let value = CodeSpan(&field.value);
        if field.is_fact {
            writeln!(out, "- {}: {value}", CodeSpan(&field.name))?;
        } else {
            writeln!(out, "- {}: {value}", field.name)?;
        }
    }
    for (name, image) in document.images() {
        let concerns = image.used.is_some() || image.frames > 0;
        if image.image.kind == ImageKind::Kext && concerns {
            write!(out, "- Kext: {}", CodeSpan(name))?;
            match &image.image.version {
                Some(version) => writeln!(out, " {}", CodeSpan(version))?,
                None => writeln!(out, ", version not stated")?,
            }
        }
    }
    Ok(())
}

/// Adds the command that made the output, whole or not at all: a shell could not read back a part of it.
pub(in super::super) fn add_command(
    document: &Document<'_>,
    longest: usize,
    head: &mut Vec<u8>,
) -> io::Result<()> {
    let Some(command) = &document.options.command else {
        return Ok(());
    };
    let mut written = Vec::new();
    writeln!(written, "\nMade by, and repeated with:\n")?;
    let command = format!("{}\n", Whole(command));
    write_fence("sh", command.as_bytes(), &mut written)?;
    if head.len() + written.len() <= longest {
        head.extend(written);
    }
    Ok(())
}
