//! Whether two answers say the same, and if not, whether that is understood.

use super::answer::Answer;

/// How two answers relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Word for word the same.
    Same,
    /// The line table has a column but no line; llvm-symbolizer prints it, kstack does not.
    ColumnOfNoLine,
    /// llvm-symbolizer reaches past the end of a function for the symbol before the address; kstack knows the end.
    /// All code of the subjects has DWARF, so where llvm-symbolizer has a name but no file there is no code.
    PastTheEnd,
    /// Not understood: a bug in one of the two.
    Unexplained,
}

impl Verdict {
    /// For a person.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Verdict::Same => "the same",
            Verdict::ColumnOfNoLine => "explained: llvm-symbolizer prints the column of line 0",
            Verdict::PastTheEnd => {
                "explained: llvm-symbolizer names padding after the function before it"
            }
            Verdict::Unexplained => "UNEXPLAINED",
        }
    }
}

/// Judges two answers about one address.
pub(crate) fn judge(kstack: &Answer, llvm: &Answer) -> Verdict {
    if kstack == llvm {
        return Verdict::Same;
    }
    if with_true_columns(kstack) == with_true_columns(llvm) {
        return Verdict::ColumnOfNoLine;
    }
    if let ([], [only]) = (kstack.as_slice(), llvm.as_slice())
        && only.file.is_empty()
        && only.line == 0
    {
        return Verdict::PastTheEnd;
    }
    Verdict::Unexplained
}

/// The answer without the columns of code that has no line.
fn with_true_columns(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    for function in answer.iter_mut().filter(|function| function.line == 0) {
        function.column = 0;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::answer::Function;

    fn function(name: &str, file: &str, line: u64, column: u64) -> Function {
        Function {
            name: name.into(),
            file: file.into(),
            line,
            column,
        }
    }

    #[test]
    fn a_different_line_is_never_explained() {
        let (one, other) = (
            vec![function("f", "a.c", 3, 1)],
            vec![function("f", "a.c", 4, 1)],
        );
        assert_eq!(judge(&one, &other), Verdict::Unexplained);
    }

    #[test]
    fn a_missing_function_with_a_file_is_never_explained() {
        assert_eq!(
            judge(&vec![], &vec![function("f", "a.c", 3, 1)]),
            Verdict::Unexplained
        );
        assert_eq!(
            judge(&vec![], &vec![function("f", "", 0, 0)]),
            Verdict::PastTheEnd
        );
    }

    #[test]
    fn the_column_of_no_line_is_explained() {
        let (one, other) = (
            vec![function("f", "a.c", 0, 0)],
            vec![function("f", "a.c", 0, 7)],
        );
        assert_eq!(judge(&one, &other), Verdict::ColumnOfNoLine);
    }
}
