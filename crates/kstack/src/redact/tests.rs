//! Traces with secrets in every place that can have one.

use kstack_model::{Frame, FrameKind, PortLabel, Process, Report, Stack};

use super::*;

fn report() -> Report {
    let said = Said {
        image: Some("Secret App".to_owned()),
        symbol: Some("-[Secret App open:]".to_owned()),
        file: Some("/Users/alice/src/main.c".to_owned()),
        ..Said::default()
    };
    let stack = Stack::new(
        Side::User,
        vec![Frame::unplaced(said, FrameKind::ReturnAddress)],
    );
    let process = |pid, name: &str, path: &str| Process {
        pid: Some(pid),
        name: Some(name.to_owned()),
        path: Some(path.to_owned()),
        threads: vec![Thread {
            name: Some("tab: my bank".to_owned()),
            stacks: vec![stack.clone()],
            ..Thread::default()
        }],
        ..Process::default()
    };
    let mut report = Report {
        processes: vec![
            process(0, "kernel_task", ""),
            process(7, "Secret App", "/Users/alice/Applications/Secret App"),
            process(8, "Secret App", "/usr/libexec/secret"),
        ],
        ..Report::default()
    };
    report.processes[0].threads[0].name = Some("txg_sync".to_owned());
    report.processes[1].threads[0].stacks[0]
        .frames
        .push(unlisted());
    report.processes[1].port_labels.push(PortLabel {
        id: 1,
        name: Some("org.example.Secret.helper".to_owned()),
        ..PortLabel::default()
    });
    report.machine.boot_args = Some("keepsyms=1 serial=3".to_owned());
    let panic = "BSD process name: Secret App, of alice, at /Volumes/mine/x/y.c";
    report.facts.push(Fact::new("panic", panic.to_owned()));
    report
        .notes
        .push(Note::new("/home/bob/reports/a.log: cut, of /Users/alice"));
    report
}

/// A frame in an image that no list has.
fn unlisted() -> Frame {
    let said = Said {
        image: Some("SecretPlugin".to_owned()),
        ..Said::default()
    };
    Frame::unplaced(said, FrameKind::ReturnAddress)
}

#[test]
fn nothing_private_is_left_anywhere() {
    let mut trace = crate::resolve(report(), &Default::default(), &Default::default());
    redact(std::slice::from_mut(&mut trace));
    let shown = format!("{trace:?}");
    for secret in ["Secret", "alice", "bob", "bank", "keepsyms", "mine"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[test]
fn one_secret_has_one_placeholder_and_the_kernel_keeps_its_names() {
    let mut trace = crate::resolve(report(), &Default::default(), &Default::default());
    redact(std::slice::from_mut(&mut trace));
    let names: Vec<_> = trace
        .report
        .processes
        .iter()
        .map(|process| process.name.as_deref())
        .collect();
    assert_eq!(
        names,
        [Some("kernel_task"), Some("process-1"), Some("process-1")]
    );
    assert_eq!(
        trace.report.processes[0].threads[0].name.as_deref(),
        Some("txg_sync")
    );
    assert_eq!(
        trace.report.processes[2].path.as_deref(),
        Some("/usr/libexec/secret")
    );
    let Value::Text(panic) = &trace.report.facts[0].value else {
        panic!()
    };
    let labels = &trace.report.processes[1].port_labels;
    assert_eq!(labels[0].name.as_deref(), Some("service-1"));
    assert_eq!(panic, "BSD process name: process-1, of user-1, at …/y.c");
}

#[test]
fn a_function_of_the_kernel_that_is_called_as_a_program_keeps_its_name() {
    let said = Said {
        image: Some("mach_kernel".to_owned()),
        symbol: Some("zpool".to_owned()),
        ..Said::default()
    };
    let stack = Stack::new(
        Side::Kernel,
        vec![Frame::unplaced(said, FrameKind::ReturnAddress)],
    );
    let report = Report {
        processes: vec![Process {
            name: Some("zpool".to_owned()),
            threads: vec![Thread::with_stack(stack)],
            ..Process::default()
        }],
        ..Report::default()
    };
    let mut trace = crate::resolve(report, &Default::default(), &Default::default());
    redact(std::slice::from_mut(&mut trace));
    let process = &trace.report.processes[0];
    let said = process.threads[0].stacks[0].frames[0]
        .said
        .as_ref()
        .unwrap();
    assert_eq!(said.symbol.as_deref(), Some("zpool"));
    assert_eq!(process.name.as_deref(), Some("process-1"));
}

#[test]
fn a_zone_log_keeps_what_its_records_are() {
    let text =
        b"ALLOC 0xffffff8031110000 : index 1\n0xffffff7f80e84700 <zfs_kmem_alloc+15>: mov\n\n";
    let report = kstack_parse::zlog::read(text, &Default::default()).unwrap();
    let mut traces = [crate::resolve(
        report,
        &Default::default(),
        &Default::default(),
    )];
    redact(&mut traces);
    let process = &traces[0].report.processes[0];
    assert_eq!(process.name.as_deref(), Some("zone log"));
    assert_eq!(process.threads[0].name.as_deref(), Some("ALLOC"));
}
