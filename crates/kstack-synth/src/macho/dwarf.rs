//! The debug information of a [`Program`], as the `__DWARF` segment of a dSYM.

use std::collections::BTreeMap;

use gimli::write::{
    Address, AttributeValue, EndianVec, FileId, LineProgram, LineString, Range, RangeList,
    Sections, StringTable, Unit, UnitEntryId,
};
use gimli::{Encoding, Format, LineEncoding, RunTimeEndian};

use super::aranges;
use super::function::{Debugged, Function};
use super::image::{Section, Segment};
use super::program::Program;
use super::writer::{is_big_endian, is_wide};

/// Path of the file that inlined functions are from, below the program's source folder.
pub(super) const HEADER_PATH: &str = "include/inline.h";

pub(super) fn unit_name(unit: usize) -> String {
    format!("unit{unit}.c")
}

/// The `__DWARF` segment, linked at `address`.
pub(super) fn segment(program: &Program, address: u64) -> Segment {
    let mut sections = Vec::new();
    let mut at = address;
    for (name, data) in sections_of(program) {
        let section = Section {
            segment: "__DWARF".to_owned(),
            name,
            address: at,
            size: data.len() as u64,
            data: Some(data),
            flags: Section::DEBUG,
        };
        at += section.size;
        sections.push(section);
    }
    Segment {
        name: "__DWARF".to_owned(),
        vmaddr: address,
        vmsize: at - address,
        sections,
    }
}

fn sections_of(program: &Program) -> Vec<(String, Vec<u8>)> {
    let mut dwarf = gimli::write::Dwarf::new();
    for (index, functions) in program.functions.chunks(program.unit_size).enumerate() {
        add_unit(&mut dwarf, program, index, functions);
    }
    let endian = match is_big_endian(program.arch) {
        true => RunTimeEndian::Big,
        false => RunTimeEndian::Little,
    };
    let mut sections = Sections::new(EndianVec::new(endian));
    dwarf.write(&mut sections).expect("DWARF of our own");
    let mut written = Vec::new();
    sections
        .for_each(|id, data| {
            if !data.slice().is_empty() {
                written.push((id.name().replacen('.', "__", 1), data.slice().to_vec()));
            }
            Ok::<(), gimli::write::Error>(())
        })
        .expect("nothing here fails");
    if program.aranges {
        let list = aranges::of(program, &written);
        written.push(("__debug_aranges".to_owned(), list));
    }
    written
}

fn add_unit(
    dwarf: &mut gimli::write::Dwarf,
    program: &Program,
    index: usize,
    functions: &[Function],
) {
    let functions: Vec<&Function> = functions.iter().filter(|one| has_debug(one)).collect();
    if functions.is_empty() {
        return;
    }
    let encoding = Encoding {
        format: Format::Dwarf32,
        version: program.dwarf_version,
        address_size: if is_wide(program.arch) { 8 } else { 4 },
    };
    let folder = program.source_folder();
    let (lines, files) = line_program(encoding, &folder, index, &functions);
    let id = dwarf.units.add(Unit::new(encoding, lines));
    let mut writer = UnitWriter {
        strings: &mut dwarf.strings,
        unit: dwarf.units.get_mut(id),
        version: program.dwarf_version,
        files,
        origins: BTreeMap::new(),
    };
    writer.root(&folder, index, &functions);
    for function in functions {
        if function.debugged == Debugged::Fully {
            writer.function(function);
        }
    }
}

pub(super) fn has_debug(function: &Function) -> bool {
    function.debugged != Debugged::Not
}

/// The two files of a unit.
struct Files {
    own: FileId,
    header: FileId,
}

impl Files {
    fn of_depth(&self, depth: usize) -> FileId {
        if depth == 0 { self.own } else { self.header }
    }
}

fn line_program(
    encoding: Encoding,
    folder: &str,
    index: usize,
    functions: &[&Function],
) -> (LineProgram, Files) {
    let text = |text: &str| LineString::String(text.as_bytes().to_vec());
    let name = unit_name(index);
    let mut lines = LineProgram::new(
        encoding,
        LineEncoding::default(),
        text(folder),
        None,
        text(&name),
        None,
    );
    let own_folder = lines.default_directory();
    let (include, header) = HEADER_PATH.split_once('/').expect("a folder and a file");
    let include = lines.add_directory(text(include));
    let files = Files {
        own: lines.add_file(text(&name), own_folder, None),
        header: lines.add_file(text(header), include, None),
    };
    for function in functions {
        lines.begin_sequence(Some(Address::Constant(function.start)));
        for (address, depth, line, column) in function.rows() {
            let row = lines.row();
            row.address_offset = address - function.start;
            row.file = files.of_depth(depth);
            row.line = line;
            row.column = column;
            row.is_statement = true;
            lines.generate_row();
        }
        lines.end_sequence(function.size);
    }
    (lines, files)
}

/// Adds entries to one unit.
struct UnitWriter<'a> {
    strings: &'a mut StringTable,
    unit: &'a mut Unit,
    version: u16,
    files: Files,
    /// Abstract instances of inlined functions by their names.
    origins: BTreeMap<String, UnitEntryId>,
}

impl UnitWriter<'_> {
    fn root(&mut self, folder: &str, index: usize, functions: &[&Function]) {
        let root = self.unit.root();
        let (start, end) = (
            functions.first().map_or(0, |first| first.start),
            functions.last().map_or(0, |last| last.range().end),
        );
        self.text(root, gimli::DW_AT_producer, "kstack-synth");
        self.text(root, gimli::DW_AT_name, &unit_name(index));
        self.text(root, gimli::DW_AT_comp_dir, folder);
        // DWARF 2 knows no DW_AT_ranges.
        if self.version == 2 {
            self.bounds(root, start, end);
        } else {
            let ranges = functions.iter().map(|function| Range::StartEnd {
                begin: Address::Constant(function.start),
                end: Address::Constant(function.range().end),
            });
            let ranges = self.unit.ranges.add(RangeList(ranges.collect()));
            let entry = self.unit.get_mut(root);
            entry.set(gimli::DW_AT_ranges, AttributeValue::RangeListRef(ranges));
            entry.set(
                gimli::DW_AT_low_pc,
                AttributeValue::Address(Address::Constant(0)),
            );
        }
        let entry = self.unit.get_mut(root);
        entry.set(
            gimli::DW_AT_language,
            AttributeValue::Language(gimli::DW_LANG_C99),
        );
        entry.set(gimli::DW_AT_stmt_list, AttributeValue::LineProgramRef);
    }

    fn function(&mut self, function: &Function) {
        let origins: Vec<UnitEntryId> = function
            .inlined
            .iter()
            .map(|inlined| self.origin(&inlined.name, inlined.linkage.as_deref()))
            .collect();
        let id = self.unit.add(self.unit.root(), gimli::DW_TAG_subprogram);
        self.bounds(id, function.start, function.range().end);
        self.names(id, &function.name, function.linkage.as_deref());
        let mut parent = id;
        for (depth, origin) in (1..).zip(origins) {
            parent = self.unit.add(parent, gimli::DW_TAG_inlined_subroutine);
            let range = function.inlined_range(depth);
            let (line, column) = function.call_site(depth);
            let file = self.files.of_depth(depth - 1);
            self.bounds(parent, range.start, range.end);
            let entry = self.unit.get_mut(parent);
            entry.set(
                gimli::DW_AT_abstract_origin,
                AttributeValue::UnitRef(origin),
            );
            entry.set(
                gimli::DW_AT_call_file,
                AttributeValue::FileIndex(Some(file)),
            );
            entry.set(gimli::DW_AT_call_line, AttributeValue::Udata(line));
            entry.set(gimli::DW_AT_call_column, AttributeValue::Udata(column));
        }
    }

    fn origin(&mut self, name: &str, linkage: Option<&str>) -> UnitEntryId {
        if let Some(&known) = self.origins.get(name) {
            return known;
        }
        let id = self.unit.add(self.unit.root(), gimli::DW_TAG_subprogram);
        self.names(id, name, linkage);
        self.unit.get_mut(id).set(
            gimli::DW_AT_inline,
            AttributeValue::Inline(gimli::DW_INL_inlined),
        );
        self.origins.insert(name.to_owned(), id);
        id
    }

    fn names(&mut self, id: UnitEntryId, name: &str, linkage: Option<&str>) {
        self.text(id, gimli::DW_AT_name, name);
        if let Some(linkage) = linkage {
            // The attribute is standard since DWARF 4.
            let attribute = match self.version {
                2 | 3 => gimli::DW_AT_MIPS_linkage_name,
                _ => gimli::DW_AT_linkage_name,
            };
            self.text(id, attribute, linkage);
        }
    }

    fn bounds(&mut self, id: UnitEntryId, start: u64, end: u64) {
        // Since DWARF 4 the end may be given as a size.
        let high = match self.version {
            2 | 3 => AttributeValue::Address(Address::Constant(end)),
            _ => AttributeValue::Udata(end - start),
        };
        let entry = self.unit.get_mut(id);
        entry.set(
            gimli::DW_AT_low_pc,
            AttributeValue::Address(Address::Constant(start)),
        );
        entry.set(gimli::DW_AT_high_pc, high);
    }

    fn text(&mut self, id: UnitEntryId, attribute: gimli::DwAt, text: &str) {
        let text = AttributeValue::StringRef(self.strings.add(text));
        self.unit.get_mut(id).set(attribute, text);
    }
}
