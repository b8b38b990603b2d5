//! Compares dumps with the dictionaries that Apple's own decoder makes.
//!
//! The samples are Apple's (`libkdd/tests` of xnu up to 8020) and are not part
//! of this repository. `KSTACK_KCDATA` names a folder that has them: every
//! file `NAME` with a `NAME.plist` or `NAME.plist.gz` beside it is compared,
//! field by field.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use kstack_model::{ImageKind, Report};
use kstack_parse::{Datum, Limits, dump, parse};
use plist::Value;

/// Differences that are meant, each with its reason. There are none.
const ALLOWED: &[Allowed] = &[];

struct Allowed {
    sample: &'static str,
    /// Names from the root, joined by slashes.
    path: &'static str,
    /// Printed, so that the reason stands beside the difference.
    reason: &'static str,
}

#[test]
fn kcdata_dumps_conform_to_apples_dictionaries() {
    let Some(folder) = std::env::var_os("KSTACK_KCDATA") else {
        println!("skipped: KSTACK_KCDATA does not name a folder with samples");
        return;
    };
    let mut comparison = Comparison::default();
    let samples = samples(Path::new(&folder));
    for (sample, expected) in &samples {
        comparison.compare(sample, expected);
    }
    println!(
        "{} samples, {} values compared\n{}",
        samples.len(),
        comparison.values,
        comparison.allowed
    );
    assert!(!samples.is_empty(), "no sample with an expected dictionary");
    assert!(
        comparison.differences.is_empty(),
        "{}",
        comparison.differences
    );
}

/// The report of a stackshot has every thread, frame, image and wait that the dump has.
#[test]
fn kcdata_reports_hold_what_the_dictionaries_hold() {
    let Some(folder) = std::env::var_os("KSTACK_KCDATA") else {
        println!("skipped: KSTACK_KCDATA does not name a folder with samples");
        return;
    };
    for (sample, expected) in samples(Path::new(&folder)) {
        let bytes = fs::read(&sample).unwrap();
        let Ok(reports) = parse(&bytes, &Limits::default()) else {
            let dictionary = dictionary(&expected);
            let root = dictionary.as_dictionary().unwrap().keys().next().unwrap();
            assert!(!root.contains("stackshot"), "{}", sample.display());
            continue;
        };
        let dumped = dump(&bytes, &Limits::default()).unwrap();
        let dumped = Counts::of_dump(&Datum::Dictionary(dumped.buffers[0].clone()));
        assert_eq!(
            Counts::of_report(&reports[0]),
            dumped,
            "{}",
            sample.display()
        );
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    threads: usize,
    frames: usize,
    images: usize,
    waits: usize,
    turnstiles: usize,
    port_labels: usize,
}

impl Counts {
    fn of_report(report: &Report) -> Counts {
        let processes = report.processes.iter();
        let threads = processes.clone().flat_map(|process| &process.threads);
        let frames = threads
            .clone()
            .flat_map(|thread| &thread.stacks)
            .map(|stack| stack.frames.len());
        let users = processes.clone().flat_map(|process| &process.space.images);
        let listed = users.filter(|image| image.kind == ImageKind::User).count();
        let kernel = report
            .kernel
            .images
            .iter()
            .filter(|image| image.kind != ImageKind::KernelCollection);
        Counts {
            threads: threads.clone().count(),
            frames: frames.sum(),
            images: listed + kernel.count(),
            waits: processes.clone().map(|process| process.waits.len()).sum(),
            turnstiles: processes
                .clone()
                .map(|process| process.turnstiles.len())
                .sum(),
            port_labels: processes.map(|process| process.port_labels.len()).sum(),
        }
    }

    /// Goes through a dump and counts by names alone.
    fn of_dump(datum: &Datum) -> Counts {
        let mut counts = Counts::default();
        let Datum::Dictionary(dictionary) = datum else {
            return counts;
        };
        for (name, value) in &dictionary.entries {
            let size = match value {
                Datum::List(all) => all.len(),
                Datum::Dictionary(all) => all.entries.len(),
                _ => 0,
            };
            match name.as_ref() {
                "thread_snapshots" | "thread_delta_snapshot" => counts.threads += size,
                "kernel_stack_frames" => counts.frames += size,
                "user_stack_frames" | "user_async_stack_frames" => {
                    counts.frames += size - zero_at_end(value)
                }
                "dyld_load_info" => counts.images += stated_images(value),
                "thread_waitinfo" => counts.waits += size,
                "thread_turnstileinfo" => counts.turnstiles += size,
                "portlabels" => counts.port_labels += size,
                _ => {}
            }
            let inner = Counts::of_dump(value);
            counts.threads += inner.threads;
            counts.frames += inner.frames;
            counts.images += inner.images;
            counts.waits += inner.waits;
            counts.turnstiles += inner.turnstiles;
            counts.port_labels += inner.port_labels;
        }
        counts
    }
}

/// 1 if a stack ends with the address of zero that is not a frame but the end of the walk.
fn zero_at_end(frames: &Datum) -> usize {
    let Datum::List(frames) = frames else {
        return 0;
    };
    let last = frames.last();
    let is_zero = |last: &Datum| matches!(last, Datum::Dictionary(last) if last.get("lr") == Some(&Datum::Unsigned(0)));
    usize::from(last.is_some_and(is_zero))
}

/// Entries that are not all zero.
fn stated_images(list: &Datum) -> usize {
    let is_stated = |entry: &&Datum| {
        let Datum::Dictionary(entry) = entry else {
            return false;
        };
        let uuid = entry.get("imageUUID");
        entry.get("imageLoadAddress") != Some(&Datum::Unsigned(0))
            || uuid != Some(&Datum::Bytes(vec![0; 16]))
    };
    match list {
        Datum::List(all) => all.iter().filter(is_stated).count(),
        single => usize::from(is_stated(&single)),
    }
}

/// Samples with their expected dictionaries, in order of their names.
fn samples(folder: &Path) -> BTreeSet<(PathBuf, PathBuf)> {
    let files = fs::read_dir(folder).expect("KSTACK_KCDATA is a folder");
    files
        .filter_map(|file| {
            let expected = file.unwrap().path();
            let name = expected.to_str()?.to_owned();
            let sample = name
                .strip_suffix(".plist.gz")
                .or(name.strip_suffix(".plist"))?;
            Path::new(sample)
                .is_file()
                .then(|| (sample.into(), expected))
        })
        .collect()
}

#[derive(Default)]
struct Comparison {
    sample: String,
    values: u64,
    allowed: String,
    differences: String,
}

impl Comparison {
    fn compare(&mut self, sample: &Path, expected: &Path) {
        self.sample = sample.file_name().unwrap().to_string_lossy().into_owned();
        let dump = dump(&fs::read(sample).unwrap(), &Limits::default()).unwrap();
        assert_eq!(dump.notes, [], "{}", self.sample);
        let [root] = dump.buffers.as_slice() else {
            panic!("{}: {} buffers", self.sample, dump.buffers.len());
        };
        let root = Datum::Dictionary(root.clone());
        self.values("", &root, &dictionary(expected));
    }

    fn values(&mut self, path: &str, ours: &Datum, theirs: &Value) {
        match (ours, theirs) {
            (Datum::Dictionary(ours), Value::Dictionary(theirs)) => {
                for (name, value) in &ours.entries {
                    match theirs.get(name) {
                        Some(their) => self.values(&format!("{path}/{name}"), value, their),
                        None => self.differ(&format!("{path}/{name}"), "is not expected"),
                    }
                }
                for (name, _) in theirs.iter().filter(|(name, _)| ours.get(name).is_none()) {
                    self.differ(&format!("{path}/{name}"), "is missing");
                }
            }
            (Datum::List(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
                    self.values(&format!("{path}/{index}"), our, their);
                }
            }
            (Datum::Bytes(ours), Value::Array(theirs)) => {
                let theirs = theirs.iter().map(|byte| byte.as_unsigned_integer());
                self.values += ours.len() as u64;
                if !theirs.eq(ours.iter().map(|&byte| Some(byte.into()))) {
                    self.differ(path, "has other bytes");
                }
            }
            _ => {
                self.values += 1;
                if !same(ours, theirs) {
                    self.differ(path, &format!("is {ours:?}, expected is {theirs:?}"));
                }
            }
        }
    }

    fn differ(&mut self, path: &str, what: &str) {
        let allowed = ALLOWED
            .iter()
            .find(|allowed| allowed.sample == self.sample && allowed.path == path);
        match allowed {
            Some(allowed) => {
                writeln!(
                    self.allowed,
                    "{}: {path} {what}: {}",
                    self.sample, allowed.reason
                )
                .unwrap();
            }
            None => writeln!(self.differences, "{}: {path} {what}", self.sample).unwrap(),
        }
    }
}

fn same(ours: &Datum, theirs: &Value) -> bool {
    match ours {
        Datum::Unsigned(number) => theirs.as_unsigned_integer() == Some(*number),
        Datum::Signed(number) => theirs.as_signed_integer() == Some(*number),
        Datum::Text(text) => theirs.as_string() == Some(text),
        Datum::Bytes(_) | Datum::List(_) | Datum::Dictionary(_) => false,
    }
}

fn dictionary(path: &Path) -> Value {
    let file = fs::File::open(path).unwrap();
    let mut content = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(file).read_to_end(&mut content).unwrap();
    } else {
        let mut file = file;
        file.read_to_end(&mut content).unwrap();
    }
    Value::from_reader(Cursor::new(content))
        .unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}
