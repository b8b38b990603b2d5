//! Stacks as paths from the process to the innermost frame, for the outputs that add them up.

use kstack_model::{Frame, Stack, Thread};

use super::RenderOptions;
use super::escape::Visible;
use crate::diagnose::{Function, Label, LabelId, Labeller, Labels, Owner, process_in_words};
use crate::resolve::{Resolution, SpaceId, Trace};

/// One element of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Harmless on a terminal; no semicolon.
    pub(crate) name: String,
    pub(crate) kin: Kin,
}

/// What is coloured alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kin {
    Process,
    Kernel,
    /// By its short name.
    Kext(String),
    User,
    Unknown,
}

/// The paths of one thread.
#[derive(Debug)]
pub(crate) struct ThreadPaths<'a> {
    pub(crate) process_index: usize,
    pub(crate) thread: &'a Thread,
    /// Outermost first, without the process, with their samples.
    pub(crate) paths: Vec<(Vec<Step>, u64)>,
}

/// Every path of the threads that are shown.
pub(crate) fn paths<'a>(trace: &'a Trace, options: &RenderOptions) -> Vec<ThreadPaths<'a>> {
    let mut labeller = Labeller::new(trace);
    let selected = options.selection.of(trace);
    let mut found = Vec::new();
    // Labels first: they are handed out while the frames are seen, and read when all are.
    for process in &selected.processes {
        for thread in &process.threads {
            let mut paths = Vec::new();
            for stacks in together(&thread.stacks) {
                let mut frames = Vec::new();
                for stack in stacks.iter().rev() {
                    let space = SpaceId::of(stack.side, process.index);
                    for frame in stack.frames.iter().rev() {
                        let label = labeller.label(process.index, stack.side, frame);
                        frames.push((space, frame, label));
                    }
                }
                let samples = stacks.first().map_or(1, |stack| stack.samples);
                if !frames.is_empty() {
                    paths.push((frames, samples));
                }
            }
            found.push((process.index, *thread, paths));
        }
    }
    let labels = labeller.finish();
    let steps = |frames: &[(SpaceId, &Frame, LabelId)]| {
        let steps = frames.iter();
        steps
            .flat_map(|(space, frame, label)| steps_of(trace, &labels, *space, frame, *label))
            .collect()
    };
    found
        .into_iter()
        .map(|(process_index, thread, paths)| ThreadPaths {
            process_index,
            thread,
            paths: paths
                .iter()
                .map(|(frames, samples)| (steps(frames), *samples))
                .collect(),
        })
        .collect()
}

/// The root of the paths of a process.
pub(crate) fn process_step(trace: &Trace, process_index: usize) -> Step {
    let process = trace.report.processes.get(process_index);
    let words = match process {
        Some(process) if process.name.is_some() || process.pid.is_some() => {
            process_in_words(process)
        }
        _ => "process not stated".to_owned(),
    };
    Step {
        name: harmless(&words),
        kin: Kin::Process,
    }
}

/// Stacks that are one path: parsers put the kernel side of a call before the user side it came from,
/// with the same samples, and the asynchronous callers after that.
fn together(stacks: &[Stack]) -> Vec<&[Stack]> {
    let mut all = Vec::new();
    let mut rest = stacks;
    while let Some((first, _)) = rest.split_first() {
        let mut length = 1;
        let mut last = first;
        while let Some(next) = rest.get(length) {
            if next.side <= last.side || next.samples != first.samples {
                break;
            }
            last = next;
            length += 1;
        }
        let (path, others) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        all.push(path);
        rest = others;
    }
    all
}

fn steps_of(
    trace: &Trace,
    labels: &Labels,
    space: SpaceId,
    frame: &Frame,
    label: LabelId,
) -> Vec<Step> {
    let Some(label) = labels.get(label) else {
        return Vec::new();
    };
    let kin = kin(label, space);
    let mut steps = vec![Step {
        name: harmless(&name(label)),
        kin: kin.clone(),
    }];
    let inlined = match trace.resolution(space, frame) {
        Resolution::Named { named, .. } => named.frames.split_last().map(|(_, inlined)| inlined),
        _ => None,
    };
    // Functions inlined are called by the one that holds them, the innermost last.
    for function in inlined.unwrap_or_default().iter().rev() {
        let image = label.image.as_deref().unwrap_or("?");
        let function = function.function.as_deref().unwrap_or("?");
        steps.push(Step {
            name: harmless(&format!("{image}`{function} (inlined)")),
            kin: kin.clone(),
        });
    }
    steps
}

fn name(label: &Label) -> String {
    let image = label.image.as_deref();
    match (&label.function, image) {
        (Function::Named(name), Some(image)) => format!("{image}`{name}"),
        (Function::Named(name), None) => name.clone(),
        _ => label.in_words(),
    }
}

fn kin(label: &Label, space: SpaceId) -> Kin {
    match label.owner {
        Owner::Kernel => Kin::Kernel,
        Owner::Kext | Owner::AppleKext => Kin::Kext(label.image.clone().unwrap_or_default()),
        Owner::User => Kin::User,
        Owner::Unknown if space == SpaceId::Kernel => Kin::Unknown,
        Owner::Unknown => Kin::User,
    }
}

/// A name that can stand between semicolons, at the start of a line and before its weight.
///
/// Tools that read folded stacks trim blanks, pass over lines that start
/// like a comment, and take a number before the weight for a second weight.
fn harmless(name: &str) -> String {
    let mut name = Visible(name).to_string().replace(';', "\\u{3b}");
    if name.starts_with('#') {
        name.replace_range(..1, "\\u{23}");
    }
    if name.starts_with(' ') {
        name.replace_range(..1, "\\u{20}");
    }
    let is_weight = |c: char| c.is_ascii_digit() || c == '.';
    let without_number = name.trim_end_matches(is_weight).len();
    if name
        .get(..without_number)
        .is_some_and(|rest| rest.ends_with(' '))
    {
        name.replace_range(without_number - 1..without_number, "\\u{20}");
    }
    if name.is_empty() {
        name.push_str("(empty)");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_a_separator_a_comment_or_a_weight() {
        assert_eq!(harmless("a;b"), r"a\u{3b}b");
        assert_eq!(harmless("# a"), r"\u{23} a");
        assert_eq!(harmless("page 12"), r"page\u{20}12");
        assert_eq!(harmless("12"), "12");
        assert_eq!(harmless(" "), r"\u{20}");
        assert_eq!(harmless("zfs + 0x10"), "zfs + 0x10");
        assert_eq!(harmless(""), "(empty)");
    }
}
