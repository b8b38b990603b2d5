//! addr2line is the judge: it reads the same debug information in another way.

use std::borrow::Cow;
use std::sync::Arc;

use gimli::RunTimeEndian;
use kstack_model::Arch;
use kstack_synth::macho::Program;
use object::{Object, ObjectSection};
use proptest::prelude::*;

use super::*;

type Judge<'a> = addr2line::Context<gimli::EndianSlice<'a, RunTimeEndian>>;

fn judge(bytes: &[u8]) -> Judge<'_> {
    let file = object::File::parse(bytes).unwrap();
    let endian = match file.is_little_endian() {
        true => RunTimeEndian::Little,
        false => RunTimeEndian::Big,
    };
    let sections = gimli::Dwarf::load(|id| {
        let section = file.section_by_name(id.name());
        let data = section.map_or(&[][..], |section| section.data().unwrap());
        Ok::<_, gimli::Error>(gimli::EndianSlice::new(data, endian))
    });
    Judge::from_dwarf(sections.unwrap()).unwrap()
}

/// Function, file, line, column; innermost first.
type Place = (Option<String>, Option<String>, Option<u32>, Option<u32>);

fn judged(judge: &Judge<'_>, address: u64) -> Vec<Place> {
    let mut places = Vec::new();
    let mut frames = judge.find_frames(address).skip_all_loads().unwrap();
    while let Some(frame) = frames.next().unwrap() {
        let name = frame.function.as_ref();
        let name = name.and_then(|name| name.raw_name().map(Cow::into_owned).ok());
        let (file, line, column) = match frame.location {
            Some(location) => (
                location.file.map(str::to_owned),
                location.line,
                location.column,
            ),
            None => (None, None, None),
        };
        places.push((name, file, line, column.filter(|&column| column != 0)));
    }
    places
}

fn ours(dwarf: &Dwarf<'_>, address: u64) -> Vec<Place> {
    let answer = dwarf.at(address).unwrap();
    let last = answer.frames.len().saturating_sub(1);
    let function = answer.function.and_then(|function| function.name);
    let frames = answer.frames.into_iter().enumerate();
    let places = frames.map(|(index, frame)| {
        let name = match index == last {
            true => function.as_ref().map(|name| Arc::clone(&name.raw)),
            false => frame.raw.or(frame.function),
        };
        let text = |text: Option<Arc<str>>| text.map(|text| text.to_string());
        (text(name), text(frame.file), frame.line, frame.column)
    });
    places.collect()
}

fn program(arch: Arch, dwarf_version: u16) -> Program {
    let mut program = Program::kext("demo", arch, 1);
    program.dwarf_version = dwarf_version;
    program.add_many(40);
    program
}

/// Debug information of all versions, with and without `__debug_aranges`.
fn dsyms() -> Vec<(Vec<u8>, u64, u64)> {
    let programs = [
        program(Arch::X86_64, 4),
        program(Arch::Arm64e, 5),
        program(Arch::Ppc, 2),
    ];
    let dsym = |program: &Program| (program.dsym(), program.code_start(), program.code_end());
    programs.iter().map(dsym).collect()
}

#[test]
fn every_address_is_answered_as_addr2line_answers_it() {
    for (dsym, start, end) in dsyms() {
        let (dwarf, judge) = (Dwarf::open(&dsym).unwrap(), judge(&dsym));
        for address in start.saturating_sub(8)..end + 8 {
            let expected = judged(&judge, address);
            assert_eq!(ours(&dwarf, address), expected, "{address:#x}");
        }
    }
}

#[test]
fn what_was_read_is_forgotten_before_it_is_too_much_and_answers_stay() {
    for (dsym, start, end) in dsyms() {
        let dwarf = Dwarf::open(&dsym).unwrap();
        let all = || {
            (start..end)
                .step_by(40)
                .map(|address| ours(&dwarf, address))
        };
        let first: Vec<_> = all().collect();
        let most = KEEP_TIMES * dwarf.size + KEEP_LEAST;
        let mut before = 0;
        // Each round reads some more, so one of them is too much.
        while before <= dwarf.units.kept() {
            before = dwarf.units.kept();
            assert_eq!(all().collect::<Vec<_>>(), first);
            assert!(dwarf.units.kept() <= most + dwarf.size);
        }
    }
}

#[test]
fn a_unit_that_is_looked_into_much_later_has_its_memory_given_back_again() {
    let (dsym, start, _) = dsyms().swap_remove(0);
    let dwarf = Dwarf::open(&dsym).unwrap();
    dwarf.at(start).unwrap();
    assert!(dwarf.units.have_read(1));
    for _ in 0..units::COUNTED_FOR {
        dwarf.at(start).unwrap();
    }
    assert!(!dwarf.units.have_read(1));
    dwarf.at(start).unwrap();
    assert!(dwarf.units.have_read(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_answer_does_not_hang_on_what_was_asked_before(
        asked in prop::collection::vec(0_u64..0x2000, 1..40),
    ) {
        for (dsym, start, _) in dsyms() {
            let dwarf = Dwarf::open(&dsym).unwrap();
            for offset in &asked {
                let fresh = Dwarf::open(&dsym).unwrap();
                let address = start + offset;
                prop_assert_eq!(ours(&dwarf, address), ours(&fresh, address));
            }
        }
    }
}
