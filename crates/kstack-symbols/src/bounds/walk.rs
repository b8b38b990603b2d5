//! Follows the code of one function from its start, as far as it surely goes.

use super::code::Code;
use super::step::{Flow, Frame};

/// Instructions looked at to tell whether a jump left the function.
const LOOK_AHEAD: usize = 24;

/// What following a function found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Everything from the start to here is one function.
    pub(super) end: u64,
    /// Whether some path returns to the caller: then what follows a call of it belongs to the caller.
    pub(super) returns: bool,
    /// Functions that it calls and of which it is not known yet whether they return.
    pub(super) waits_for: Vec<u64>,
    /// Starts of other functions it came across.
    pub(super) starts: Vec<u64>,
    /// What it took: the bytes that were decoded, and a share for the memory.
    pub(super) cost: u64,
}

/// Walks from `start`; `limit` is where the next function may start.
///
/// An address belongs to the function when control reaches it without leaving
/// by a jump that may be a tail call, and without returning from a call that
/// may not return. All in between belongs too: compilers write functions in
/// one piece. `returns` says whether a callee is known to return.
pub(super) fn walk(
    code: &Code<'_>,
    start: u64,
    limit: u64,
    returns: &dyn Fn(u64) -> Option<bool>,
) -> Walk {
    let mut walker = Walker {
        code,
        start,
        limit,
        returns,
        seen: vec![false; usize::try_from(limit.saturating_sub(start)).unwrap_or(0)],
        jumps: Vec::new(),
        open: vec![start],
        walk: Walk {
            end: start,
            // The memory for what was seen is not free either.
            cost: limit.saturating_sub(start) / 64,
            ..Walk::default()
        },
    };
    walker.follow();
    // Jumps that may be tail calls: those to what turned out to be inside are none, and some
    // others show by what they lead to that they stay in the function.
    loop {
        let mut jumps = std::mem::take(&mut walker.jumps);
        jumps.sort_unstable();
        jumps.dedup();
        let before = jumps.len();
        for to in jumps {
            if to < walker.walk.end || walker.belongs(to) {
                walker.open.push(to);
            } else {
                walker.jumps.push(to);
            }
        }
        if walker.jumps.len() == before {
            break;
        }
        walker.follow();
    }
    // A jump out of the function is a tail call: who is jumped to may return for it.
    walker.walk.returns |= !walker.jumps.is_empty();
    walker.walk
}

struct Walker<'a> {
    code: &'a Code<'a>,
    start: u64,
    limit: u64,
    returns: &'a dyn Fn(u64) -> Option<bool>,
    /// Addresses at which an instruction was decoded.
    seen: Vec<bool>,
    /// Unconditional jumps that may leave the function.
    jumps: Vec<u64>,
    open: Vec<u64>,
    walk: Walk,
}

impl Walker<'_> {
    fn follow(&mut self) {
        while let Some(from) = self.open.pop() {
            let mut at = from;
            while let Some(next) = self.step(at) {
                at = next;
            }
        }
    }

    /// Decodes one instruction; the next one on this path, unless the path ends.
    fn step(&mut self, at: u64) -> Option<u64> {
        let index = usize::try_from(at.checked_sub(self.start)?).ok()?;
        let seen = self.seen.get_mut(index)?;
        if std::mem::replace(seen, true) {
            return None;
        }
        let step = self.code.step(at)?;
        let next = at.checked_add(step.size)?;
        self.walk.cost += step.size;
        match step.flow {
            Flow::Stop => return None,
            _ if next > self.limit => return None,
            // What fills the gap to the next function is not claimed; within a function more follows.
            Flow::Padding => {}
            _ => self.walk.end = self.walk.end.max(next),
        }
        match step.flow {
            Flow::Next | Flow::Padding => Some(next),
            Flow::Branch(to) => {
                self.branch(to);
                Some(next)
            }
            Flow::Jump(to) => {
                self.jump(to);
                None
            }
            Flow::JumpAnywhere | Flow::Return => {
                self.walk.returns = true;
                None
            }
            Flow::Call(to) => self.call(to, next),
            Flow::CallAnywhere => self.after_unknown_call(at, next),
            Flow::Stop => None,
        }
    }

    fn branch(&mut self, to: u64) {
        if !(self.start..self.limit).contains(&to) {
            // Compilers make tail calls of conditional branches too, when optimizing for size.
            self.walk.returns = true;
            self.walk.starts.push(to);
        } else if to > self.start && self.sets_up_frame(to) {
            self.walk.starts.push(to);
        } else {
            self.open.push(to);
        }
    }

    fn jump(&mut self, to: u64) {
        if !(self.start..self.limit).contains(&to) {
            self.walk.returns = true;
            self.walk.starts.push(to);
        } else if to < self.walk.end {
            self.open.push(to);
        } else if self.sets_up_frame(to) {
            self.walk.returns = true;
            self.walk.starts.push(to);
        } else {
            self.jumps.push(to);
        }
    }

    /// Where the path goes on after a direct call.
    fn call(&mut self, to: u64, next: u64) -> Option<u64> {
        self.walk.starts.push(to);
        match (self.returns)(to) {
            Some(true) => Some(next),
            Some(false) => {
                self.walk.waits_for.push(to);
                None
            }
            // Outside of the code: a stub, which says nothing of where it leads.
            None => self.after_unknown_call(to, next),
        }
    }

    /// After a call of something that may not return, the next function may follow at once: it would set up
    /// a frame, or be aligned.
    fn after_unknown_call(&mut self, call: u64, next: u64) -> Option<u64> {
        let after = self.code.step(next)?;
        let is_apart = after.flow == Flow::Padding || after.frame == Frame::SetsUp;
        (!is_apart && !self.code.never_returns(call)).then_some(next)
    }

    fn sets_up_frame(&self, at: u64) -> bool {
        self.code
            .step(at)
            .is_some_and(|step| step.frame == Frame::SetsUp)
    }

    /// Whether code that only a jump reaches is part of this function and not the start of another: it uses a
    /// frame that it did not set up, or it goes back into the function.
    fn belongs(&self, to: u64) -> bool {
        let mut at = to;
        for _ in 0..LOOK_AHEAD {
            let Some(step) = self.code.step(at) else {
                return false;
            };
            match step.frame {
                Frame::Uses => return true,
                Frame::SetsUp | Frame::Overwrites => return false,
                Frame::Silent => {}
            }
            let is_inside = |to: u64| self.start < to && to < self.walk.end;
            match step.flow {
                Flow::Branch(to) | Flow::Jump(to) if is_inside(to) => return true,
                Flow::Jump(_) | Flow::JumpAnywhere | Flow::Return | Flow::Stop => return false,
                _ => {}
            }
            at = at.saturating_add(step.size);
        }
        false
    }
}
