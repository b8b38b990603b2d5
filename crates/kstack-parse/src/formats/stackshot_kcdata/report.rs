//! A buffer that holds a stackshot → a report.

use kstack_model::{Basis, Fact, Machine, Note, Report, Side, Value};

use super::buffer::{Buffer, Kind};
use super::facts::{self, Naming, Unknown};
use super::item::Item;
use super::task::{self, Caches, is_container};
use super::thread::{Threads, text};
use super::tree::{Node, Tree, children};
use super::wire::containers;
use super::{clock, cpu, images};
use crate::Limits;

const USECS_SINCE_EPOCH: u32 = 0x35;
const BOOTARGS: u32 = 0x90e;
const OSVERSION: u32 = 0x90f;
const DELTA_SINCE_TIMESTAMP: u32 = 0x912;
const OS_BUILD_VERSION: u32 = 0x947;

/// Reads one buffer. `frames_left` is what all buffers of the file together may still hold.
pub(crate) fn read(
    buffer: &Buffer<'_>,
    tree: Tree<'_>,
    limits: &Limits,
    frames_left: &mut usize,
) -> Report {
    let nodes = tree.nodes.as_slice();
    let mut report = Report {
        format: super::NAME,
        variant: Some(variant(buffer)),
        ..Report::default()
    };
    report.machine.arch = cpu::of_kernel(nodes);
    report.kernel.basis = Basis::Unslid;
    report.notes.extend(where_offsets_are(buffer, &tree.notes));
    report.notes.extend(tree.notes);
    let mut threads = Threads {
        arch: report.machine.arch,
        limits,
        frames_left: *frames_left,
        unknown: Unknown::default(),
        notes: Vec::new(),
        in_exclaves: 0,
        facts: Vec::new(),
    };
    let caches = system(&mut report, nodes, &mut threads.unknown);
    let unchanged = tasks(&mut report, nodes, &caches, &mut threads);
    report.shared_caches = caches.into_list();
    *frames_left = threads.frames_left;
    report.notes.append(&mut threads.notes);
    report
        .notes
        .extend(about_delta(buffer.kind, unchanged, &report.facts));
    report.notes.extend(about_exclaves(threads.in_exclaves));
    report.notes.extend(about_kernel(&report));
    report.notes.extend(threads.unknown.notes());
    report
}

fn variant(buffer: &Buffer<'_>) -> String {
    let kind = match buffer.kind {
        Kind::DeltaStackshot => "delta",
        _ => "full",
    };
    let packing = if buffer.compressed {
        ", compressed"
    } else {
        ""
    };
    format!("{kind}{packing}")
}

fn where_offsets_are(buffer: &Buffer<'_>, notes: &[Note]) -> Option<Note> {
    let compressed = buffer.compressed && !notes.is_empty();
    compressed.then(|| Note::new("offsets are those of the unpacked items"))
}

/// Reads what stands outside the tasks.
fn system(report: &mut Report, nodes: &[Node<'_>], unknown: &mut Unknown) -> Caches {
    let mut caches = Caches::default();
    let mut layout = Vec::new();
    for (item, inside) in children(nodes) {
        if is_task(&item) {
            continue;
        }
        if is_container(&item, containers::SHAREDCACHE) {
            caches.add(item.flags, images::contained_cache(item.flags, inside));
            continue;
        }
        match item.elements() {
            Some(elements) if elements.tag == images::tag::SHAREDCACHE_LAYOUT => {
                images::add_layout(&mut layout, elements);
            }
            _ if item.tag == images::tag::SHAREDCACHE_LOADINFO => {
                caches.system = images::cache(&item)
            }
            _ if machine(&mut report.machine, &item) => {}
            _ => facts::add(&mut report.facts, &item, inside, Naming::Path(""), unknown),
        }
    }
    if !layout.is_empty() {
        caches.system.get_or_insert_default().images = layout;
    }
    report.facts.shrink_to_fit();
    caches
}

/// Takes an item that the model has a place for.
fn machine(machine: &mut Machine, item: &Item<'_>) -> bool {
    match item.tag {
        BOOTARGS => machine.boot_args = text(item),
        OSVERSION => machine.kernel_version = text(item),
        OS_BUILD_VERSION => machine.os_build = text(item),
        USECS_SINCE_EPOCH => {
            let time = item.data().first_chunk::<8>();
            machine.captured_at = time.map(|time| clock::utc(u64::from_le_bytes(*time)));
        }
        _ => return false,
    }
    true
}

/// Reads the tasks; returns how many threads of how many processes are listed as unchanged.
fn tasks(
    report: &mut Report,
    nodes: &[Node<'_>],
    caches: &Caches,
    threads: &mut Threads<'_>,
) -> (usize, usize) {
    let mut unchanged = (0, 0);
    let count = children(nodes).filter(|(item, _)| is_task(item)).count();
    report.processes.reserve_exact(count);
    for (item, inside) in children(nodes).filter(|(item, _)| is_task(item)) {
        let task = task::read(item.flags, inside, caches, threads);
        unchanged.0 += task.unchanged;
        unchanged.1 += usize::from(task.unchanged > 0);
        report.kernel.images.extend(task.kernel.images);
        report.processes.push(task.process);
    }
    unchanged
}

fn is_task(item: &Item<'_>) -> bool {
    is_container(item, containers::TASK) || is_container(item, containers::TRANSITIONING_TASK)
}

fn about_delta(kind: Kind, (threads, processes): (usize, usize), facts: &[Fact]) -> Option<Note> {
    if kind != Kind::DeltaStackshot {
        return None;
    }
    let key = super::wire::find(DELTA_SINCE_TIMESTAMP, 8)?.key;
    let since = facts
        .iter()
        .find(|fact| fact.name == key)
        .map(|fact| &fact.value);
    let since = match since {
        Some(Value::Number(tick)) => format!(" at tick {tick}"),
        _ => String::new(),
    };
    Some(Note::new(format!(
        "this is a delta: what is said about the system is in the full stackshot{since}, and so are the stacks of \
         threads that did not run since ({threads}, in {processes} processes)"
    )))
}

fn about_exclaves(threads: usize) -> Option<Note> {
    (threads > 0).then(|| {
        Note::new(format!(
            "threads that were executing in exclaves: {threads}; frames inside exclaves are facts of the report, not part of stacks"
        ))
    })
}

fn about_kernel(report: &Report) -> Option<Note> {
    let mut stacks = report
        .processes
        .iter()
        .flat_map(|process| &process.threads)
        .flat_map(|thread| &thread.stacks);
    let has_frames = stacks.any(|stack| stack.side == Side::Kernel);
    (has_frames && report.kernel.images.is_empty()).then(|| {
        Note::new("no kernel or kext is listed, as in every capture of a single process and in some deltas")
    })
}
