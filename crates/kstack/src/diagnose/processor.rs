//! How long a thread had a processor, in a unit that a person knows where the report tells it.

use std::fmt;
use std::time::Duration;

use kstack_model::{Arch, Report, Thread, Value};

use super::facts;

/// Time on processors since the thread began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessorTime {
    /// Nanoseconds.
    Nanoseconds(u64),
    /// Ticks of the machine's clock, where the report does not tell how long one is.
    Ticks(u64),
}

impl ProcessorTime {
    /// How much more it is than an earlier one; `None` when it is less, or the two have different units.
    #[must_use]
    pub fn since(self, earlier: ProcessorTime) -> Option<ProcessorTime> {
        match (self, earlier) {
            (ProcessorTime::Nanoseconds(now), ProcessorTime::Nanoseconds(then)) => {
                Some(ProcessorTime::Nanoseconds(now.checked_sub(then)?))
            }
            (ProcessorTime::Ticks(now), ProcessorTime::Ticks(then)) => {
                Some(ProcessorTime::Ticks(now.checked_sub(then)?))
            }
            _ => None,
        }
    }

    /// The sum; `None` when the two have different units.
    #[must_use]
    pub fn and(self, other: ProcessorTime) -> Option<ProcessorTime> {
        match (self, other) {
            (ProcessorTime::Nanoseconds(one), ProcessorTime::Nanoseconds(other)) => {
                Some(ProcessorTime::Nanoseconds(one.saturating_add(other)))
            }
            (ProcessorTime::Ticks(one), ProcessorTime::Ticks(other)) => {
                Some(ProcessorTime::Ticks(one.saturating_add(other)))
            }
            _ => None,
        }
    }

    /// The number without its unit.
    #[must_use]
    pub fn count(self) -> u64 {
        match self {
            ProcessorTime::Nanoseconds(count) | ProcessorTime::Ticks(count) => count,
        }
    }

    /// The word for its unit in JSON.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            ProcessorTime::Nanoseconds(_) => "nanoseconds",
            ProcessorTime::Ticks(_) => "ticks",
        }
    }
}

impl fmt::Display for ProcessorTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessorTime::Nanoseconds(0) => write!(f, "0s"),
            ProcessorTime::Nanoseconds(count) => write!(f, "{:.1?}", Duration::from_nanos(*count)),
            ProcessorTime::Ticks(count) => write!(f, "{count} ticks of the clock"),
        }
    }
}

/// What the times of a report are counted in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// Nanoseconds are ticks × the first ÷ the second; `None` where that is not known.
    ratio: Option<(u64, u64)>,
}

impl Clock {
    pub(super) fn of(report: &Report) -> Clock {
        let stated = |name| facts::number(&report.facts, &[name]).filter(|number| *number > 0);
        let stated = stated("mach_timebase_info.numer").zip(stated("mach_timebase_info.denom"));
        let arch = report.machine.arch;
        // xnu counts nanoseconds on every Intel Mac (xnu-11417.101.15, `osfmk/i386/rtclock.c`).
        let intel = arch.is_some_and(|arch| arch.is_kin_of(Arch::X86_64) || arch == Arch::I386);
        Clock {
            ratio: stated.or(intel.then_some((1, 1))),
        }
    }

    /// How long a thread had a processor; `None` where the report is silent.
    pub(super) fn time(self, thread: &Thread) -> Option<ProcessorTime> {
        let ticks = |names| facts::number(&thread.facts, names);
        if let Some(ticks) = sum(
            ticks(&["ths_user_time", "user_time"]),
            ticks(&["ths_sys_time", "system_time"]),
        ) {
            return Some(self.in_nanoseconds(ticks));
        }
        let micros = sum(ticks(&["user_usec"]), ticks(&["system_usec"]));
        let nanos = micros.map(|micros| micros.saturating_mul(1000));
        let nanos =
            nanos.or_else(|| sum(seconds(thread, "userTime"), seconds(thread, "systemTime")));
        nanos.map(ProcessorTime::Nanoseconds)
    }

    fn in_nanoseconds(self, ticks: u64) -> ProcessorTime {
        let Some((numer, denom)) = self.ratio else {
            return ProcessorTime::Ticks(ticks);
        };
        let nanos = u128::from(ticks) * u128::from(numer) / u128::from(denom);
        ProcessorTime::Nanoseconds(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What a sampler printed of the time a thread used while it watched: `0.004s`, `<0.001s`.
pub(super) fn while_sampled(thread: &Thread) -> Option<&str> {
    let text = facts::text(&thread.facts, "cpu time")?;
    Some(text.split_once(" (").map_or(text, |(time, _)| time))
}

/// Seconds with a fraction, as JSON has them, in nanoseconds.
fn seconds(thread: &Thread, name: &str) -> Option<u64> {
    let fact = thread.facts.iter().find(|fact| fact.name == name)?;
    let seconds: f64 = match &fact.value {
        Value::Text(text) => text.parse().ok()?,
        Value::Number(whole) => return whole.checked_mul(1_000_000_000),
        _ => return None,
    };
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(time.as_nanos()).ok()
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kstack_model::Fact;

    fn thread(facts: Vec<Fact>) -> Thread {
        Thread {
            facts,
            ..Thread::default()
        }
    }

    #[test]
    fn ticks_are_nanoseconds_on_intel_and_what_the_report_says_elsewhere() {
        let thread = thread(vec![Fact::new("ths_user_time", 24_u64)]);
        let mut report = Report::default();
        let time = |report: &Report| Clock::of(report).time(&thread);
        assert_eq!(time(&report), Some(ProcessorTime::Ticks(24)));
        report.machine.arch = Some(Arch::X86_64);
        assert_eq!(time(&report), Some(ProcessorTime::Nanoseconds(24)));
        report.machine.arch = Some(Arch::Arm64);
        assert_eq!(time(&report), Some(ProcessorTime::Ticks(24)));
        report
            .facts
            .push(Fact::new("mach_timebase_info.numer", 125_u64));
        report
            .facts
            .push(Fact::new("mach_timebase_info.denom", 3_u64));
        assert_eq!(time(&report), Some(ProcessorTime::Nanoseconds(1000)));
    }

    #[test]
    fn seconds_with_a_fraction_are_read_as_json_has_them() {
        let text = |text: &str| Value::Text(text.to_owned());
        let old = thread(vec![
            Fact::new("userTime", text("1.5e-05")),
            Fact::new("systemTime", 0_u64),
        ]);
        let time = Clock::default().time(&old);
        assert_eq!(time, Some(ProcessorTime::Nanoseconds(15_000)));
        let odd = thread(vec![Fact::new("userTime", text("-1"))]);
        assert_eq!(Clock::default().time(&odd), None);
    }

    #[test]
    fn a_time_is_told_in_the_unit_that_fits_it() {
        let shown = |nanos| ProcessorTime::Nanoseconds(nanos).to_string();
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(41_806_210), "41.8ms");
        assert_eq!(shown(83_000_000_000), "83.0s");
        assert_eq!(ProcessorTime::Ticks(7).to_string(), "7 ticks of the clock");
    }
}
