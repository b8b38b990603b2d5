//! Numbers about a thread under the names that the formats give them.

use kstack_model::{Fact, Process, Thread, Value};

/// When it last ran, on the clock of the machine.
pub(crate) fn last_run(thread: &Thread) -> Option<u64> {
    number(&thread.facts, &["ths_last_run_time", "lastRunTime"])
}

/// The priority it runs at, promotions included.
pub(crate) fn priority(thread: &Thread) -> Option<i64> {
    let names = [
        "ths_sched_priority",
        "tds_sched_priority",
        "sched_pri",
        "schedPriority",
    ];
    signed(&thread.facts, &names).or_else(|| Some(sampled_priority(thread)?.0))
}

/// The priority it has of its own.
pub(crate) fn base_priority(thread: &Thread) -> Option<i64> {
    let names = [
        "ths_base_priority",
        "tds_base_priority",
        "priority",
        "basePriority",
    ];
    signed(&thread.facts, &names).or_else(|| Some(sampled_priority(thread)?.1))
}

/// "47 (base 31)" of a sampler; one that changed while it watched is a range and is no number.
fn sampled_priority(thread: &Thread) -> Option<(i64, i64)> {
    let (now, base) = text(&thread.facts, "priority")?.split_once(" (base ")?;
    let base = base.strip_suffix(')')?;
    Some((now.parse().ok()?, base.parse().ok()?))
}

/// Whether the kernel marked it as a worker of libpthread without work (`kThreadIdleWorker`,
/// xnu-11417.101.15, `osfmk/kern/kcdata.h`).
pub(crate) fn is_idle_worker(thread: &Thread) -> bool {
    const IDLE_WORKER: u64 = 0x1000;
    let flags = number(&thread.facts, &["ths_ss_flags", "tds_ss_flags"]);
    flags.is_some_and(|flags| flags & IDLE_WORKER != 0)
}

/// Whether the kernel saw it on a processor (`kThreadOnCore`, as above).
pub(crate) fn is_on_processor(thread: &Thread) -> bool {
    const ON_CORE: u64 = 0x800;
    let flags = number(&thread.facts, &["ths_ss_flags", "tds_ss_flags"]);
    flags.is_some_and(|flags| flags & ON_CORE != 0)
}

/// Whether it is stopped by the flag that goes with its stacks (`kThreadSuspended`, as above).
pub(crate) fn is_suspended(thread: &Thread) -> bool {
    const SUSPENDED: u64 = 0x40;
    let names = ["ths_ss_flags", "tds_ss_flags", "ss_flags"];
    let flags = number(&thread.facts, &names);
    flags.is_some_and(|flags| flags & SUSPENDED != 0)
}

/// Whether its whole process is stopped.
pub(crate) fn is_process_suspended(process: &Process) -> bool {
    let names = ["ts_suspend_count", "tds_suspend_count", "suspend_count"];
    number(&process.facts, &names).is_some_and(|count| count > 0)
}

/// In how many samples a sampler saw the thread: "101 samples (1-101)".
pub(crate) fn samples(thread: &Thread) -> Option<u64> {
    let (count, _) = text(&thread.facts, "samples")?.split_once(" sample")?;
    count.parse().ok()
}

/// A fact with this name as text.
pub(crate) fn text<'a>(facts: &'a [Fact], name: &str) -> Option<&'a str> {
    facts.iter().find_map(|fact| match &fact.value {
        Value::Text(text) if fact.name == name => Some(text.as_str()),
        _ => None,
    })
}

/// The first fact with one of these names that is a number.
pub(crate) fn number(facts: &[Fact], names: &[&str]) -> Option<u64> {
    facts.iter().find_map(|fact| match fact.value {
        Value::Number(number) | Value::Hex(number) if names.contains(&fact.name.as_ref()) => {
            Some(number)
        }
        Value::Signed(number) if names.contains(&fact.name.as_ref()) => u64::try_from(number).ok(),
        _ => None,
    })
}

fn signed(facts: &[Fact], names: &[&str]) -> Option<i64> {
    facts.iter().find_map(|fact| match fact.value {
        Value::Signed(number) if names.contains(&fact.name.as_ref()) => Some(number),
        Value::Number(number) if names.contains(&fact.name.as_ref()) => i64::try_from(number).ok(),
        _ => None,
    })
}
