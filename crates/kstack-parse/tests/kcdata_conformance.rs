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
use kstack_parse::{Datum, Limits, dump};
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
        "{} samples, {} values compared",
        samples.len(),
        comparison.values
    );
    assert!(!samples.is_empty(), "no sample with an expected dictionary");
    assert!(
        comparison.differences.is_empty(),
        "{}",
        comparison.differences
    );
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
            Some(allowed) => println!("{}: {path} {what}: {}", self.sample, allowed.reason),
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
