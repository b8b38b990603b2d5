//! How much may still be made of a text.

use kstack_model::Note;

use crate::Limits;

/// What is left of the limits, and whether something did not fit.
#[derive(Debug)]
pub(super) struct Budget {
    frames: usize,
    items: usize,
    is_passed: bool,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Budget {
        Budget {
            frames: limits.frames,
            items: limits.items,
            is_passed: false,
        }
    }

    /// Takes so many frames; `false`, and nothing taken, when they do not fit.
    pub(super) fn take_frames(&mut self, count: usize) -> bool {
        let left = self.frames.checked_sub(count);
        self.frames = left.unwrap_or(self.frames);
        self.is_passed |= left.is_none();
        left.is_some()
    }

    /// Takes one process, thread or image; `false` when none is left.
    pub(super) fn take_item(&mut self) -> bool {
        let left = self.items.checked_sub(1);
        self.items = left.unwrap_or(0);
        self.is_passed |= left.is_none();
        left.is_some()
    }

    /// What to tell the reader, if something did not fit.
    pub(super) fn note(&self) -> Option<Note> {
        let note = || Note::new("a limit is passed; what comes after it is missing");
        self.is_passed.then(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_noted_and_takes_nothing() {
        let mut budget = Budget::new(&Limits {
            frames: 3,
            items: 1,
            ..Limits::default()
        });
        assert!(budget.take_item() && budget.take_frames(2));
        assert_eq!(budget.note(), None);
        assert!(!budget.take_frames(2));
        assert!(budget.take_frames(1));
        assert!(budget.note().is_some());
        assert!(!budget.take_item());
    }
}
