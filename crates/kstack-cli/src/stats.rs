//! `--stats`: where the time and the memory of a run go.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use kstack::symbols::{CacheUse, SymbolSet};

use crate::output;

/// The stages of a run so far.
#[derive(Debug)]
pub(crate) struct Stats {
    start: Instant,
    /// When the last stage ended.
    last: Instant,
    stages: Vec<(&'static str, Duration)>,
}

impl Default for Stats {
    fn default() -> Stats {
        let now = Instant::now();
        Stats {
            start: now,
            last: now,
            stages: Vec::new(),
        }
    }
}

impl Stats {
    /// A stage has ended. One that comes once for each report is added up.
    pub(crate) fn stage(&mut self, name: &'static str) {
        let now = Instant::now();
        let took = now - self.last;
        self.last = now;
        match self.stages.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += took,
            None => self.stages.push((name, took)),
        }
    }

    /// Says all on standard error.
    pub(crate) fn print(&self, symbols: &SymbolSet, cache: &CacheUse) {
        for line in self.text(symbols, cache).lines() {
            output::complain(line);
        }
    }

    fn text(&self, symbols: &SymbolSet, cache: &CacheUse) -> String {
        let mut text = String::new();
        for (name, took) in &self.stages {
            let _ = writeln!(text, "{name}: {:.1} ms", milliseconds(*took));
        }
        let _ = writeln!(
            text,
            "altogether: {:.1} ms",
            milliseconds(self.last - self.start)
        );
        for file in symbols.files() {
            let size = mebibytes(file.size());
            let _ = writeln!(text, "symbol file {}: {size}", file.path);
        }
        let _ = writeln!(text, "answers of earlier runs used: {}", cache.hits);
        if let Some(used) = used() {
            let _ = writeln!(
                text,
                "processor time: {:.1} ms; peak resident size, mapped files included: {}; pages touched first: {}, of them read from disk: {}",
                milliseconds(used.processor),
                mebibytes(used.peak),
                used.touched,
                used.read,
            );
        }
        text
    }
}

/// What the system says the process has used.
struct Used {
    processor: Duration,
    /// In bytes.
    peak: u64,
    /// Pages that were touched for the first time.
    touched: u64,
    /// Those of them that had to be waited for.
    read: u64,
}

#[cfg(unix)]
fn used() -> Option<Used> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;

    // macOS counts bytes, the others KiB.
    const UNIT: u64 = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let time = |time: TimeVal| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
        let micros = u64::try_from(time.tv_usec()).unwrap_or_default();
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    };
    let count = |number| u64::try_from(number).unwrap_or_default();
    let read = count(usage.major_page_faults());
    Some(Used {
        processor: time(usage.user_time()) + time(usage.system_time()),
        peak: count(usage.max_rss()).saturating_mul(UNIT),
        touched: count(usage.minor_page_faults()) + read,
        read,
    })
}

#[cfg(not(unix))]
fn used() -> Option<Used> {
    None
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
