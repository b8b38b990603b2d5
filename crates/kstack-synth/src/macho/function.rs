//! A function of a program, with what is inlined into it and where its lines are.

/// A function of a program.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name in the source, `DW_AT_name`.
    pub name: String,
    /// Its mangled name, when that differs.
    pub linkage: Option<String>,
    /// Where it is linked; [`Program::add`](super::Program::add) chooses it.
    pub start: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Line of its first instruction.
    pub line: u64,
    /// Functions inlined into it, each into the one before.
    pub inlined: Vec<Inlined>,
    /// Which symbol tables have it.
    pub symbol: SymbolIn,
    /// How much DWARF it has.
    pub debugged: Debugged,
}

/// An inlined function.
#[derive(Clone, Debug)]
pub struct Inlined {
    /// Its name in the source.
    pub name: String,
    /// Its mangled name, when that differs.
    pub linkage: Option<String>,
}

/// Which symbol tables have a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolIn {
    /// The binary's and the dSYM's.
    Both,
    /// Only the dSYM's: stripped from the binary.
    DsymOnly,
    /// Neither.
    Neither,
}

/// How much DWARF a function has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debugged {
    /// Function, inlined functions, lines.
    Fully,
    /// Lines without a function: assembly.
    LinesOnly,
    /// Nothing.
    Not,
}

/// A function and a place in the source: one row of the truth table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function's mangled name where it has one, else its name.
    pub function: String,
    /// File, joined with its folders.
    pub file: String,
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl Function {
    /// A C function without inlined ones.
    #[must_use]
    pub fn new(name: &str, size: u64) -> Function {
        Function {
            name: name.to_owned(),
            linkage: None,
            start: 0,
            size,
            line: 10,
            inlined: Vec::new(),
            symbol: SymbolIn::Both,
            debugged: Debugged::Fully,
        }
    }

    /// The name the linker sees, without the Mach-O underscore.
    #[must_use]
    pub fn linker_name(&self) -> &str {
        self.linkage.as_deref().unwrap_or(&self.name)
    }

    /// The addresses of the function.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<u64> {
        self.start..self.start + self.size
    }

    /// The addresses of the inlined function of this depth, counted from 1.
    /// Each level leaves a margin of the one around it on both sides.
    pub(super) fn inlined_range(&self, depth: usize) -> std::ops::Range<u64> {
        let step = self.size / (2 * (self.inlined.len() as u64 + 1));
        let margin = step * depth as u64;
        self.start + margin..self.start + self.size - margin
    }

    /// The line table: address, inlined depth, line, column. Depth 0 is in the unit's own file.
    pub(super) fn rows(&self) -> Vec<(u64, usize, u64, u64)> {
        let levels = self.inlined.len();
        let mut rows = vec![(self.start, 0, self.line, 5)];
        for depth in 1..=levels {
            let inside = self.inlined_range(depth).start;
            rows.push((inside, depth, 100 * depth as u64 + 1, 7));
        }
        for depth in (1..=levels).rev() {
            let after = self.inlined_range(depth).end;
            let line = match depth - 1 {
                0 => self.line + 9,
                outer => 100 * outer as u64 + 2,
            };
            rows.push((after, depth - 1, line, 9));
        }
        rows
    }

    /// Line and column of the call that was inlined at this depth, in the file of the depth before.
    pub(super) fn call_site(&self, depth: usize) -> (u64, u64) {
        match depth {
            1 => (self.line + 4, 11),
            deeper => (100 * (deeper as u64 - 1) + 50, 13),
        }
    }
}

impl Inlined {
    /// An inlined function of a depth: C at odd depths, C++ at even ones.
    #[must_use]
    pub fn numbered(depth: u64) -> Inlined {
        let name = format!("helper_{depth}");
        Inlined {
            linkage: depth
                .is_multiple_of(2)
                .then(|| format!("_ZN4demo{}{name}Ev", name.len())),
            name,
        }
    }

    /// The name the linker would see.
    #[must_use]
    pub fn linker_name(&self) -> &str {
        self.linkage.as_deref().unwrap_or(&self.name)
    }
}
