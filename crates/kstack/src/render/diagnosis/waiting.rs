//! Deadlocks, chains, and what several threads wait for.

use std::io::{self, Write};

use kstack_model::Side;

use super::super::document::Document;
use super::super::escape::Visible;
use super::super::frame;
use super::super::stacks::{Palette, write_line};
use super::super::words::Count;
use super::{Section, Shown};
use crate::diagnose::{
    Deadlock, Diagnosis, Node, Root, SharedWait, ThreadIndex, WaitEdge, heaviest,
};
use crate::resolve::SpaceId;

/// Waits of one chain that are shown: this many at each end.
const ENDS: usize = 6;

pub(in super::super) fn sections(
    diagnosis: &Diagnosis<'_>,
    document: &Document<'_>,
    shown: Shown,
    style: Palette,
) -> io::Result<Vec<Section>> {
    let writer = Writer {
        diagnosis,
        document,
        shown,
        style,
    };
    let (certain, possible): (Vec<&Deadlock>, Vec<&Deadlock>) = diagnosis
        .deadlocks
        .iter()
        .partition(|deadlock| deadlock.is_certain);
    let (inferred, recorded): (Vec<&SharedWait>, Vec<&SharedWait>) = diagnosis
        .shared
        .iter()
        .partition(|shared| shared.by.is_inferred());
    Ok(vec![
        writer.deadlocks("Deadlocks", None, &certain)?,
        writer.deadlocks(
            "Possible deadlocks",
            Some("not every owner is known: another thread of a process may still answer"),
            &possible,
        )?,
        writer.roots()?,
        writer.shared("Waiting for the same thing", None, &recorded)?,
        writer.shared(
            "Waiting for the same thing, by inference",
            Some(
                "nothing records who owns what these wait for: threads are put together by equal wait events \
                 and by the function below the wait primitive, which proves nothing",
            ),
            &inferred,
        )?,
    ])
}

struct Writer<'a> {
    diagnosis: &'a Diagnosis<'a>,
    document: &'a Document<'a>,
    shown: Shown,
    style: Palette,
}

impl Writer<'_> {
    fn deadlocks(
        &self,
        title: &str,
        about: Option<&'static str>,
        deadlocks: &[&Deadlock],
    ) -> io::Result<Section> {
        let mut lines = Vec::new();
        for deadlock in deadlocks.iter().take(self.shown.most) {
            let mark = self.style.mark;
            match deadlock.waits.len() {
                1 => write!(
                    lines,
                    "    {mark}1 thread waits for itself{mark:#}: it owns what it waits for"
                )?,
                threads => write!(
                    lines,
                    "    {mark}{threads} threads wait in a circle{mark:#}"
                )?,
            }
            match self.diagnosis.chains.waiters_of(deadlock) {
                0 => writeln!(lines)?,
                1 => writeln!(lines, "; 1 more waits for it")?,
                more => writeln!(lines, "; {more} more wait for it")?,
            }
            self.waits(&deadlock.waits, &mut lines)?;
        }
        left_out(deadlocks.len(), self.shown, &mut lines)?;
        Ok(Section {
            title: format!("{title}: {}", deadlocks.len()),
            about,
            lines,
        })
    }

    fn roots(&self) -> io::Result<Section> {
        let mut lines = Vec::new();
        let roots = &self.diagnosis.chains.roots;
        for root in roots.iter().take(self.shown.most) {
            self.root(root, &mut lines)?;
        }
        left_out(roots.len(), self.shown, &mut lines)?;
        Ok(Section {
            title: "Whom the others wait for".to_owned(),
            about: None,
            lines,
        })
    }

    fn root(&self, root: &Root, lines: &mut Vec<u8>) -> io::Result<()> {
        let wait = if root.waiters == 1 { "waits" } else { "wait" };
        let whom = self.diagnosis.whose_turn(root.node);
        let heading = self.style.heading;
        writeln!(
            lines,
            "    {heading}{} {wait} for {}{heading:#}",
            Count(root.waiters, "thread"),
            Visible(&whom)
        )?;
        if let Node::Thread(thread) = root.node {
            self.doing(thread, "        ", lines)?;
        }
        let longest = Count(root.longest.len(), "wait");
        writeln!(lines, "      the longest chain has {longest}:")?;
        self.waits(&root.longest, lines)
    }

    /// The waits of a chain or a circle, each with the frame at which the thread waits.
    fn waits(&self, edges: &[WaitEdge], lines: &mut Vec<u8>) -> io::Result<()> {
        let skipped = edges.len().saturating_sub(2 * ENDS);
        for (position, edge) in edges.iter().enumerate() {
            if skipped > 0 && position == ENDS {
                writeln!(lines, "        … {} not shown …", Count(skipped, "wait"))?;
            }
            if skipped > 0 && (ENDS..ENDS + skipped).contains(&position) {
                continue;
            }
            let (thread, what) = (self.diagnosis.thread(edge.from), self.diagnosis.edge(edge));
            writeln!(lines, "        {} {}", Visible(&thread), Visible(&what))?;
            self.frame(edge.from, lines)?;
        }
        Ok(())
    }

    /// The frame at which a thread waits.
    fn frame(&self, thread: ThreadIndex, lines: &mut Vec<u8>) -> io::Result<()> {
        let Some(entry) = self.diagnosis.threads.get(thread) else {
            return Ok(());
        };
        let Some((side, index)) = entry.waits_at(&self.diagnosis.labels) else {
            return Ok(());
        };
        let stack = heaviest(entry.thread, side);
        let Some(frame) = stack.and_then(|stack| stack.frames.get(index)) else {
            return Ok(());
        };
        let mut shown = Vec::new();
        let space = SpaceId::of(side, entry.process_index);
        frame::lines(self.document, space, frame, None, &mut shown);
        for line in &shown {
            let user = if side == Side::Kernel {
                ""
            } else {
                "in user space, "
            };
            write!(lines, "            at {user}")?;
            write_line(line, self.style, lines)?;
        }
        Ok(())
    }

    fn doing(&self, thread: ThreadIndex, indent: &str, lines: &mut Vec<u8>) -> io::Result<()> {
        let mut doing = self.diagnosis.doing(thread);
        doing.extend(self.diagnosis.processor_time_in_words(&[thread]));
        if doing.is_empty() {
            return Ok(());
        }
        writeln!(lines, "{indent}{}", Visible(&doing.join("; ")))
    }

    fn shared(
        &self,
        title: &str,
        about: Option<&'static str>,
        all: &[&SharedWait],
    ) -> io::Result<Section> {
        let mut lines = Vec::new();
        for shared in all.iter().take(self.shown.most) {
            let object = self.diagnosis.shared_object(shared.by);
            let threads = Count(shared.threads.len(), "thread");
            let heading = self.style.heading;
            writeln!(
                lines,
                "    {heading}{threads} wait for {}{heading:#}",
                Visible(&object)
            )?;
            write_who(
                self.diagnosis,
                shared.threads.iter().copied(),
                "        ",
                &mut lines,
            )?;
        }
        left_out(all.len(), self.shown, &mut lines)?;
        Ok(Section {
            title: title.to_owned(),
            about,
            lines,
        })
    }
}

/// Threads by process, so that a name stands once: `zpool (PID 156): 0x4e2, 0x4e3`.
pub(super) fn write_who(
    diagnosis: &Diagnosis<'_>,
    threads: impl Iterator<Item = ThreadIndex>,
    indent: &str,
    lines: &mut Vec<u8>,
) -> io::Result<()> {
    const MOST: usize = 12;
    let mut last = None;
    let mut more = 0;
    for (position, index) in threads.enumerate() {
        let Some(entry) = diagnosis.threads.get(index) else {
            continue;
        };
        if position >= MOST {
            more += 1;
            continue;
        }
        if last == Some(entry.process_index) {
            write!(lines, ", ")?;
        } else {
            if last.is_some() {
                writeln!(lines)?;
            }
            let process = crate::diagnose::process_in_words(entry.process);
            write!(lines, "{indent}{}: ", Visible(&process))?;
            last = Some(entry.process_index);
        }
        match entry.thread.id {
            Some(id) => write!(lines, "{id:#x}")?,
            None => write!(lines, "no id")?,
        }
        if let Some(name) = &entry.thread.name {
            write!(lines, " \"{}\"", Visible(name))?;
        }
    }
    if more > 0 {
        write!(lines, " and {} more", more)?;
    }
    if last.is_some() {
        writeln!(lines)?;
    }
    Ok(())
}

/// How many of a kind are not shown, and how to see them.
pub(super) fn left_out(all: usize, shown: Shown, lines: &mut Vec<u8>) -> io::Result<()> {
    match all.saturating_sub(shown.most) {
        0 => Ok(()),
        more => writeln!(lines, "    … and {more} more; {} shows them", shown.rest),
    }
}
