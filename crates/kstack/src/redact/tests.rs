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

fn redacted(report: Report) -> Trace {
    let redactor = Redactor::of([&report]);
    let mut trace = crate::resolve(report, &Default::default(), &Default::default());
    redactor.redact(&mut trace);
    trace
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
    let trace = redacted(report());
    let shown = format!("{trace:?}");
    for secret in ["Secret", "alice", "bob", "bank", "keepsyms", "mine"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[test]
fn one_secret_has_one_placeholder_and_the_kernel_keeps_its_names() {
    let trace = redacted(report());
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
    let trace = redacted(report);
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
    let trace = redacted(report);
    let process = &trace.report.processes[0];
    assert_eq!(process.name.as_deref(), Some("zone log"));
    assert_eq!(process.threads[0].name.as_deref(), Some("ALLOC"));
}

#[test]
fn a_process_is_chosen_by_the_name_it_had() {
    let report = report();
    let asked = Selection {
        processes: vec!["Secret App".to_owned(), "not there".to_owned()],
        ..Selection::default()
    };
    let chosen = Redactor::of([&report]).selection(asked);
    assert_eq!(chosen.processes, ["process-1", "not there"]);
    assert_eq!(chosen.of(&redacted(report)).processes.len(), 2);
}

#[test]
fn traces_of_one_file_have_the_same_placeholders() {
    let (first, mut second) = (report(), report());
    second.processes.remove(0);
    second.processes[0].name = Some("Another".to_owned());
    second.facts = vec![Fact::new("panic", "in zsh, of alice".to_owned())];
    let third = Report {
        facts: vec![Fact::new("panic", "process Another".to_owned())],
        ..Report::default()
    };
    let redactor = Redactor::of([&first, &second, &third]);
    let panics = [second, third].map(|report| {
        let mut trace = crate::resolve(report, &Default::default(), &Default::default());
        redactor.redact(&mut trace);
        trace.report.facts[0].value.clone()
    });
    let expected = ["in zsh, of user-1", "process process-2"];
    assert_eq!(panics, expected.map(|text| Value::Text(text.to_owned())));
}

#[test]
fn threads_of_apple_do_not_tell_the_name_of_their_program() {
    let mut report = report();
    report.processes[2].name = Some("fseventsd".to_owned());
    report.processes[2].threads[0].name = Some("com.apple.fseventsd.notify".to_owned());
    report.processes[2].threads[0].queue = Some("com.apple.main-thread".to_owned());
    report.processes[1].port_labels[0].name = Some("com.apple.fseventsd".to_owned());
    let trace = redacted(report);
    let thread = &trace.report.processes[2].threads[0];
    assert_eq!(thread.name.as_deref(), Some("com.apple.process-2.notify"));
    assert_eq!(thread.queue.as_deref(), Some("com.apple.main-thread"));
    let label = &trace.report.processes[1].port_labels[0];
    assert_eq!(label.name.as_deref(), Some("com.apple.process-2"));
}

#[test]
fn ids_of_the_machine_and_its_boot_are_not_shown() {
    let mut report = report();
    for name in ["boot session UUID", "Anonymous UUID", "crashReporterKey"] {
        let id = "8EF42F12-DEA2-44BC-A283-72FA095883D6".to_owned();
        report.facts.push(Fact::new(name, id));
    }
    let shown = format!("{:?}", redacted(report));
    assert!(!shown.contains("8EF42F12"), "{shown}");
}

#[test]
fn a_mangled_function_told_the_name_of_its_program() {
    let mut report = report();
    let said = Said {
        symbol: Some("$s10Secret_App4mainyyF, usleep10, 9Secret App".to_owned()),
        ..Said::default()
    };
    let frame = Frame::unplaced(said, FrameKind::ReturnAddress);
    report.processes[1].threads[0].stacks[0].frames = vec![frame];
    let trace = redacted(report);
    let frame = &trace.report.processes[1].threads[0].stacks[0].frames[0];
    let symbol = frame.said.as_ref().unwrap().symbol.as_deref();
    // A number that is not its length does not make it a part of a word.
    assert_eq!(
        symbol,
        Some("$s10(process-1)4mainyyF, usleep10, 9Secret App")
    );
}

#[test]
fn the_name_of_who_built_the_kernel_is_not_shown() {
    let shown = |version: &str| {
        let mut report = report();
        report.machine.kernel_version = Some(version.to_owned());
        redacted(report).report.machine.kernel_version.unwrap()
    };
    let version = |builder| {
        format!("Darwin Kernel Version 12.5.0: Fri Nov 8 2013; {builder}:xnu-2050.22.13/DEBUG")
    };
    assert_eq!(shown(&version("root")), version("root"));
    for builder in ["carol", "alice"] {
        assert_eq!(shown(&version(builder)), version("(redacted)"));
    }
}
