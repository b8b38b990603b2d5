//! What kstack makes of the drawn reports.

use std::fmt;

use kstack::model::VmAddr;
use kstack::resolve::{Candidate, Outcome, ResolveOptions, SpaceId, Trace, Verdict};
use kstack::symbols::SymbolSet;
use rayon::prelude::*;

use super::build::Target;
use super::random::Random;
use super::stacks::{Drawn, Spread, Wanted, draw};
use super::{Pair, Sample};

/// What was counted for one number of frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    frames: usize,
    spread: Spread,
    /// Reports drawn.
    drawn: usize,
    /// The file alone, without load address.
    right: usize,
    wrong: usize,
    weak: usize,
    several: usize,
    nowhere: usize,
    /// The file of another image, without load address.
    strangers: usize,
    /// Both builds, without load address.
    right_build: usize,
    wrong_build: usize,
    /// The right build at its place.
    false_alarms: usize,
    /// The wrong build at the place of the right one.
    detected: usize,
    /// Reports of which at least three frames are not where a call ends in the wrong build.
    moved: usize,
    detected_moved: usize,
    /// Reports in which the wrong build disagrees anywhere.
    disagreeing: usize,
    detected_disagreeing: usize,
    /// The wrong build without load address.
    other_claimed: usize,
    other_claimed_elsewhere: usize,
}

/// Bits left that are few for the right place, and half of them many for a wrong one.
const NARROW: f64 = 16.0;

impl Row {
    pub(super) const HEAD: &'static str = "\
| frames | in | reports | place right | place wrong | too weak | several places | nowhere | stranger placed | of two builds: right | wrong | right build: false alarm | wrong build: detected | … of those with 3 moved frames | … of those with 1 | wrong build: placed there | elsewhere |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

    pub(super) fn measure(pairs: &[Pair], frames: usize, spread: Spread, sample: Sample) -> Row {
        let rows = (0..pairs.len()).into_par_iter().map(|index| {
            let mut row = Row::empty(frames, spread);
            let stranger = &pairs[(index + 7) % pairs.len()];
            for draw in 0..sample.draws {
                row.add(&pairs[index], stranger, draw, sample);
            }
            row
        });
        let rows: Vec<Row> = rows.collect();
        rows.iter()
            .fold(Row::empty(frames, spread), |sum, row| sum.plus(row))
    }

    fn empty(frames: usize, spread: Spread) -> Row {
        Row {
            frames,
            spread,
            drawn: 0,
            right: 0,
            wrong: 0,
            weak: 0,
            several: 0,
            nowhere: 0,
            strangers: 0,
            right_build: 0,
            wrong_build: 0,
            false_alarms: 0,
            detected: 0,
            moved: 0,
            detected_moved: 0,
            disagreeing: 0,
            detected_disagreeing: 0,
            other_claimed: 0,
            other_claimed_elsewhere: 0,
        }
    }

    fn add(&mut self, pair: &Pair, stranger: &Pair, index: usize, sample: Sample) {
        let Row { frames, spread, .. } = *self;
        let seed = (pair.number * 1000 + frames) as u64 * 1000 + index as u64;
        let mut random = Random::new(seed + sample.seed * 1_000_000_000);
        let explain = |what: &str, trace: &Trace| {
            if sample.explain {
                println!("{}", explained(what, pair, (frames, spread, index), trace));
            }
        };
        let slide = slide(pair.target, &mut random);
        let arch = pair.arch();
        let wanted = Wanted {
            frames,
            spread,
            slide,
            arch,
        };
        let drawn = draw(&pair.graph, wanted, &mut random);
        self.drawn += 1;

        let alone = resolve(&drawn, &pair.symbols(&[0], None));
        let left = |trace: &Trace| best(trace).map_or(0.0, |best| best.surplus);
        if claimed(&alone).is_none_or(|(_, at)| at != slide) {
            explain("not placed right", &alone);
        } else if left(&alone) < NARROW {
            explain("placed right by little", &alone);
        }
        match claimed(&alone) {
            Some((_, at)) if at == slide => self.right += 1,
            Some(_) => self.wrong += 1,
            None => match alone.inferences.first().map(|one| one.outcome) {
                Some(Outcome::TooWeak) => self.weak += 1,
                Some(Outcome::Several) => self.several += 1,
                _ => self.nowhere += 1,
            },
        }
        let strange = resolve(&drawn, &stranger.symbols(&[0], None));
        self.strangers += usize::from(claimed(&strange).is_some());
        if left(&strange) > NARROW / 2.0 {
            explain("stranger", &strange);
        }
        let both = resolve(&drawn, &pair.symbols(&[1, 0], None));
        match claimed(&both) {
            Some((path, at)) if at == slide && path.starts_with("build0") => self.right_build += 1,
            Some(_) => self.wrong_build += 1,
            None => {}
        }
        let there = resolve(&drawn, &pair.symbols(&[0], Some(slide)));
        if is_contradicted(&there) {
            self.false_alarms += 1;
            explain("false alarm", &there);
        }

        let wrong = pair.symbols(&[1], Some(slide));
        let moved = moved(&drawn, &wrong);
        let there = resolve(&drawn, &wrong);
        let detected = is_contradicted(&there);
        if moved > 0 && !detected {
            explain("other build not detected", &there);
        }
        self.detected += usize::from(detected);
        self.moved += usize::from(moved >= 3);
        self.detected_moved += usize::from(moved >= 3 && detected);
        self.disagreeing += usize::from(moved >= 1);
        self.detected_disagreeing += usize::from(moved >= 1 && detected);
        let other = resolve(&drawn, &pair.symbols(&[1], None));
        match claimed(&other) {
            Some((_, at)) if at == slide => self.other_claimed += 1,
            Some(_) => {
                self.other_claimed_elsewhere += 1;
                explain("other build placed elsewhere", &other);
            }
            None => {}
        }
    }

    fn plus(self, other: &Row) -> Row {
        Row {
            frames: self.frames,
            spread: self.spread,
            drawn: self.drawn + other.drawn,
            right: self.right + other.right,
            wrong: self.wrong + other.wrong,
            weak: self.weak + other.weak,
            several: self.several + other.several,
            nowhere: self.nowhere + other.nowhere,
            strangers: self.strangers + other.strangers,
            right_build: self.right_build + other.right_build,
            wrong_build: self.wrong_build + other.wrong_build,
            false_alarms: self.false_alarms + other.false_alarms,
            detected: self.detected + other.detected,
            moved: self.moved + other.moved,
            detected_moved: self.detected_moved + other.detected_moved,
            disagreeing: self.disagreeing + other.disagreeing,
            detected_disagreeing: self.detected_disagreeing + other.detected_disagreeing,
            other_claimed: self.other_claimed + other.other_claimed,
            other_claimed_elsewhere: self.other_claimed_elsewhere + other.other_claimed_elsewhere,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize, of: usize| match of {
            0 => "–".to_owned(),
            _ => format!("{:.1} %", part as f64 * 100.0 / of as f64),
        };
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} ({} of {}) | {} ({} of {}) | {} | {} |",
            self.frames,
            match self.spread {
                Spread::OneStack => "one stack",
                Spread::Any => "any",
                Spread::Apart => "each alone",
            },
            self.drawn,
            share(self.right, self.drawn),
            self.wrong,
            self.weak,
            self.several,
            self.nowhere,
            self.strangers,
            share(self.right_build, self.drawn),
            self.wrong_build,
            self.false_alarms,
            share(self.detected, self.drawn),
            share(self.detected_moved, self.moved),
            self.detected_moved,
            self.moved,
            share(self.detected_disagreeing, self.disagreeing),
            self.detected_disagreeing,
            self.disagreeing,
            self.other_claimed,
            self.other_claimed_elsewhere,
        )
    }
}

/// Where the image lies: anywhere that images of its kind can.
pub(super) fn slide(target: Target, random: &mut Random) -> u64 {
    match target {
        Target::X86 => 0xffff_ff7f_8080_0000 + random.below(0x3000) as u64 * 0x1000,
        Target::Arm => 0xffff_fe00_0810_0000 + random.below(0x1000) as u64 * 0x4000,
        // The sections of the assembly file ask for 16, as what makes kernel collections does.
        Target::ArmSplit => 0xffff_fe00_0810_0000 + random.below(0x40_0000) as u64 * 16,
    }
}

fn resolve(drawn: &Drawn, symbols: &SymbolSet) -> Trace {
    kstack::resolve(drawn.report.clone(), symbols, &ResolveOptions::default())
}

/// The place of the only file that fits best.
fn best(trace: &Trace) -> Option<&Candidate> {
    trace.inferences.first()?.candidates.first()
}

/// One line on a report that did not come out as it should.
fn explained(
    what: &str,
    pair: &Pair,
    (frames, spread, index): (usize, Spread, usize),
    trace: &Trace,
) -> String {
    let outcome = trace.inferences.first().map(|one| one.outcome);
    let best = best(trace).map(|best| {
        let Candidate { returns, calls, .. } = best;
        let (returns, calls) = ((returns.agree, returns.of), (calls.agree, calls.of));
        format!(
            "{returns:?} {calls:?} {:.1} bits, {:.1} left",
            best.bits, best.surplus
        )
    });
    let evidence = trace
        .images
        .first()
        .and_then(|image| image.evidence.as_ref());
    let evidence = evidence.map(ToString::to_string);
    let threads = trace.report.processes.iter().flat_map(|one| &one.threads);
    let frames_of = threads
        .flat_map(|thread| &thread.stacks)
        .flat_map(|stack| &stack.frames);
    let against: Vec<String> = frames_of
        .filter_map(|frame| Some((frame.at, trace.contradiction(SpaceId::Kernel, frame)?)))
        .map(|(at, what)| format!("{at:?} {}", what.word()))
        .collect();
    let which = format!("image {}, {frames} {spread:?}, report {index}", pair.number);
    format!("- {what}: {which}: {outcome:?} {best:?} {evidence:?} {against:?}")
}

/// The file that was placed, and the slide it got.
fn claimed(trace: &Trace) -> Option<(String, u64)> {
    let mut inferences = trace.inferences.iter();
    let placed = inferences.find(|inference| inference.outcome == Outcome::Placed)?;
    Some((placed.path.clone(), placed.candidates.first()?.slide.0))
}

fn is_contradicted(trace: &Trace) -> bool {
    let mut evidence = trace
        .images
        .iter()
        .filter_map(|image| image.evidence.as_ref());
    evidence.any(|evidence| evidence.verdict == Verdict::Contradicted)
}

/// How many frames are no return addresses in the other build.
fn moved(drawn: &Drawn, other: &SymbolSet) -> usize {
    let Some(code) = other
        .files()
        .first()
        .and_then(|file| file.slices.first()?.code())
    else {
        return 0;
    };
    let sites = code.call_sites();
    drawn
        .linked
        .iter()
        .filter(|at| !sites.contains(VmAddr(**at)))
        .count()
}
