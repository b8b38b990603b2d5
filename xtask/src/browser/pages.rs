//! The pages that are opened.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kstack::RenderOptions;
use kstack::model::{
    Address, Frame, FrameKind, PortLabelId, Process, Report, Said, Side, Stack, Thread,
    ThreadState, WaitInfo, WaitType,
};
use kstack::render::RENDERERS;
use kstack_synth::hostile;
use serde::Deserialize;

use crate::tool::tool;

/// As much of a `case.toml` as is needed.
#[derive(Deserialize)]
struct Case {
    run: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    args: Vec<String>,
}

/// The first trace of each sample as the program writes it, with the inputs of its own run.
pub(super) fn samples(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut samples: Vec<PathBuf> = fs::read_dir(root.join("samples"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    samples.sort();
    let mut pages = Vec::new();
    for sample in samples.into_iter().filter(|path| path.is_dir()) {
        let name = sample.file_name().context("a sample has a name")?;
        let page = folder.join(name).with_extension("html");
        if write_first(root, &sample, |_| true, &page)? {
            pages.push(page);
        }
    }
    ensure!(!pages.is_empty(), "no sample makes a page");
    Ok(pages)
}

/// The page of the run of a sample that shows the sources.
pub(super) fn with_sources(root: &Path, folder: &Path, sample: &str) -> Result<PathBuf> {
    let page = folder.join(format!("{sample}-sources.html"));
    let shows_sources = |run: &Run| run.args.iter().any(|arg| arg == "--source");
    let sample = root.join("samples").join(sample);
    let is_written = write_first(root, &sample, shows_sources, &page)?;
    ensure!(is_written, "{}: no run has --source", sample.display());
    Ok(page)
}

/// Writes the page of a sample's first run that makes a trace for people and `fits`.
fn write_first(
    root: &Path,
    sample: &Path,
    fits: impl Fn(&Run) -> bool,
    page: &Path,
) -> Result<bool> {
    let case: Case = toml::from_str(&fs::read_to_string(sample.join("case.toml"))?)?;
    let is_trace = |run: &&Run| {
        let command = run.args.first().map(String::as_str);
        matches!(command, Some("symbolicate" | "show" | "diagnose"))
            && !run.args.iter().any(|arg| arg == "--format")
    };
    let Some(run) = case.run.iter().filter(is_trace).find(|run| fits(run)) else {
        return Ok(false);
    };
    let output = tool(root.join("target/debug/kstack"))
        .current_dir(sample)
        .args(&run.args)
        .args(["--format", "html", "--output"])
        .arg(page)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(page.is_file(), "{}: {said}", sample.display());
    Ok(true)
}

/// A page on which each hostile name is a process, a thread, an image, a function and a file.
pub(super) fn hostile(folder: &Path) -> Result<PathBuf> {
    write(
        folder,
        "hostile.html",
        "html",
        hostile_report(hostile::NAMES),
    )
}

/// The same as pictures that stand alone. A browser takes a page of a picture only as a whole, so that one
/// name could hide what another does: each has its own.
pub(super) fn hostile_pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let names = hostile::NAMES.iter().enumerate();
    names
        .map(|(index, name)| {
            let report = hostile_report(&[name]);
            write(
                folder,
                &format!("hostile-{index}.svg"),
                "flamegraph",
                report,
            )
        })
        .collect()
}

/// 5,000 threads of 500 processes, no two stacks the same, a third of the threads in chains of waits.
pub(super) fn large(folder: &Path) -> Result<PathBuf> {
    let processes = (0..500).map(|pid| {
        let ids = pid * 10 + 1..=pid * 10 + 10;
        let thread = |id: u64| {
            let frames = (0..20).map(|depth| {
                let function = format!("function_{}_{depth}", id % (depth * 7 + 2));
                let offset = id * 0x40 + depth;
                let image = ["mach_kernel", "net.lundman.zfs", "net.lundman.spl"];
                let image = image.get(usize::try_from(depth / 8).unwrap_or(0)).copied();
                frame(
                    0xffff_ff7f_8000_0000 + offset,
                    &function,
                    image.unwrap_or("mach_kernel"),
                    None,
                )
            });
            thread(id, frames.collect())
        };
        let waits = ids
            .clone()
            .filter(|id| id % 3 == 0)
            .map(|id| wait(id, id - 1));
        Process {
            pid: i32::try_from(pid).ok(),
            name: Some(format!("process{pid}")),
            threads: ids.clone().map(thread).collect(),
            waits: waits.collect(),
            ..Process::default()
        }
    });
    let report = Report {
        processes: processes.collect(),
        ..Report::default()
    };
    write(folder, "large.html", "html", report)
}

fn hostile_report(names: &[&str]) -> Report {
    let processes = names.iter().zip(1..).map(|(name, id)| {
        let frame = frame(0xffff_ff7f_8000_0000 + id, name, name, Some(name));
        let mut thread = thread(id, vec![frame]);
        thread.name = Some((*name).to_owned());
        thread.queue = Some((*name).to_owned());
        Process {
            pid: i32::try_from(id).ok(),
            name: Some((*name).to_owned()),
            path: Some((*name).to_owned()),
            threads: vec![thread],
            // In the picture of the waits each name has a box.
            waits: vec![wait(id, id)],
            ..Process::default()
        }
    });
    Report {
        processes: processes.collect(),
        ..Report::default()
    }
}

fn thread(id: u64, frames: Vec<Frame>) -> Thread {
    Thread {
        id: Some(id),
        state: Some(ThreadState::WAIT),
        stacks: vec![Stack::new(Side::Kernel, frames)],
        ..Thread::default()
    }
}

fn frame(address: u64, symbol: &str, image: &str, file: Option<&str>) -> Frame {
    Frame::new(Address(address), FrameKind::ReturnAddress).saying(Said {
        image: Some(image.to_owned()),
        symbol: Some(symbol.to_owned()),
        offset: Some(4),
        file: file.map(str::to_owned),
        ..Said::default()
    })
}

fn wait(waiter: u64, owner: u64) -> WaitInfo {
    WaitInfo {
        waiter,
        wait_type: WaitType(1),
        owner,
        context: 0,
        flags: 0,
        port_label: PortLabelId::None,
    }
}

fn write(folder: &Path, file: &str, format: &str, report: Report) -> Result<PathBuf> {
    let trace = kstack::resolve(report, &Default::default(), &Default::default());
    let renderer = RENDERERS.iter().find(|renderer| renderer.name == format);
    let renderer = renderer.with_context(|| format!("no format {format}"))?;
    let mut page = Vec::new();
    (renderer.write)(&trace, &RenderOptions::default(), &mut page)?;
    let path = folder.join(file);
    fs::write(&path, page)?;
    Ok(path)
}
