//! Which slice of a fat file is meant.

use kstack_model::{Arch, Uuid};
use kstack_symbols::SymbolFile;

/// The slice to use, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Index of the slice.
    One(usize),
    /// Several would do and nothing decides between them.
    Ambiguous(Vec<Arch>),
    /// None is of the wanted architecture.
    Missing {
        /// What was wanted.
        wanted: Arch,
        /// What there is.
        has: Vec<Arch>,
    },
}

/// Chooses by the user's word, else by UUID, else by the report's architecture.
///
/// A report that says `x86_64` or `arm64` may come from a machine that ran the
/// `x86_64h` or `arm64e` slice, so the architecture decides only where one
/// slice can be meant.
pub(super) fn choose(
    file: &SymbolFile,
    asked: Option<Arch>,
    reported: Option<Arch>,
    is_listed: impl Fn(Uuid) -> bool,
) -> Choice {
    let archs: Vec<Arch> = file
        .slices
        .iter()
        .map(|slice| slice.identity().arch)
        .collect();
    if let Some(wanted) = asked {
        return match archs.iter().position(|arch| *arch == wanted) {
            Some(index) => Choice::One(index),
            None => Choice::Missing { wanted, has: archs },
        };
    }
    let listed = only(&file.slices, |slice| {
        slice.identity().uuid.is_some_and(&is_listed)
    });
    if let Some(index) = listed {
        return Choice::One(index);
    }
    let Some(wanted) = reported else {
        return match archs.len() {
            1 => Choice::One(0),
            _ => Choice::Ambiguous(archs),
        };
    };
    if matches!(wanted, Arch::X86_64H | Arch::Arm64e)
        && let Some(index) = only(&archs, |arch| *arch == wanted)
    {
        return Choice::One(index);
    }
    let kin: Vec<Arch> = archs
        .iter()
        .copied()
        .filter(|arch| arch.is_kin_of(wanted))
        .collect();
    match only(&archs, |arch| arch.is_kin_of(wanted)) {
        Some(index) => Choice::One(index),
        None if kin.is_empty() => Choice::Missing { wanted, has: archs },
        None => Choice::Ambiguous(kin),
    }
}

/// The index of the one item that fits; `None` when none or several do.
fn only<T>(items: &[T], fits: impl Fn(&T) -> bool) -> Option<usize> {
    let mut fitting = items.iter().enumerate().filter(|(_, item)| fits(item));
    let (index, _) = fitting.next()?;
    fitting.next().is_none().then_some(index)
}
