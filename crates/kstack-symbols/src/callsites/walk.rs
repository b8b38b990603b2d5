//! What a call can reach: the code of the function it calls, and of those that take its place.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use kstack_model::VmAddr;

use super::insn::Flow;
use super::{Code, Target};

/// Instructions followed from one target, at most. The longest functions of
/// kexts have some ten thousand; what is not followed is not refuted.
pub(super) const MOST: usize = 20_000;

/// Instructions looked at to see whether a function makes a frame.
const PROLOGUE: usize = 24;

/// Everything that a call to one target can reach without a frame between.
///
/// These are the instructions of the called function, of every function it
/// jumps to in place of a call of its own, and of called functions that make
/// no frame (hand-written assembly): a stack walk by frame pointers shows
/// those in place of their callers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Addresses after calls, ascending.
    returns: Vec<VmAddr>,
    /// Addresses of instructions, ascending.
    instructions: Vec<VmAddr>,
    /// Whether there is code that the walk could not follow.
    is_open: bool,
    /// Whether control can also go out of the image.
    may_leave: bool,
}

impl Reach {
    /// Whether a frame with this return address can be the next inner one.
    #[must_use]
    pub fn returns_to(&self, after: VmAddr) -> bool {
        self.returns.binary_search(&after).is_ok()
    }

    /// Whether a frame interrupted at this instruction can be the next inner one.
    #[must_use]
    pub fn runs(&self, at: VmAddr) -> bool {
        self.instructions.binary_search(&at).is_ok()
    }

    /// How many addresses after calls it reaches.
    #[must_use]
    pub fn returns(&self) -> usize {
        self.returns.len()
    }

    /// How many instructions the walk looked at.
    #[must_use]
    pub fn instructions(&self) -> usize {
        self.instructions.len()
    }

    /// The instructions that the walk looked at, ascending.
    pub(super) fn walked(&self) -> &[VmAddr] {
        &self.instructions
    }

    /// Whether the walk saw all: no jump through a pointer, no jump out of the
    /// image, nothing it could not decode, and an end. Only then what is not reached is refuted.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.is_open && !self.may_leave
    }

    /// Whether the next inner frame can lie in another image: through a stub, a jump out of the
    /// image, a jump through a pointer that is not that of a switch, or in code that could not be followed.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.may_leave
    }
}

/// A set of addresses. Each instruction is looked up once, so looking up must cost less than decoding.
type Addresses = HashSet<u64, BuildHasherDefault<Mix>>;

/// Spreads an address over all bits by one multiplication. The walk is bounded, so addresses chosen
/// to collide gain little.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        // The odd number nearest to 2⁶⁴ divided by the golden ratio.
        let mixed = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

pub(super) fn from(code: &Code<'_>, targets: &[VmAddr], most: usize) -> Reach {
    let mut walk = Walk {
        code,
        most,
        seen: Addresses::default(),
        called: Addresses::default(),
        todo: targets.iter().map(|target| target.0).collect(),
        reach: Reach::default(),
    };
    while let Some(start) = walk.todo.pop() {
        walk.block(start);
    }
    let Walk {
        seen, mut reach, ..
    } = walk;
    reach.instructions = seen.into_iter().map(VmAddr).collect();
    reach.instructions.sort_unstable();
    reach.returns.sort_unstable();
    reach.returns.dedup();
    reach
}

struct Walk<'a, 'c> {
    code: &'c Code<'a>,
    /// Instructions followed at most.
    most: usize,
    seen: Addresses,
    /// Targets of calls that were looked at.
    called: Addresses,
    todo: Vec<u64>,
    reach: Reach,
}

impl Walk<'_, '_> {
    /// Follows instructions one after the other, until they stop or were seen.
    fn block(&mut self, start: u64) {
        let mut here = start;
        let mut sum_in = None;
        while !self.seen.contains(&here) {
            if self.seen.len() >= self.most {
                return self.lose();
            }
            let Some(insn) = self.code.decode(here) else {
                return self.lose();
            };
            self.seen.insert(here);
            let next = here.wrapping_add(insn.length);
            match insn.flow {
                Flow::Next => {}
                Flow::Call(target) => {
                    self.reach.returns.push(VmAddr(next));
                    self.call(target, next);
                }
                Flow::CallPointer => self.reach.returns.push(VmAddr(next)),
                Flow::Branch(target) => self.jump(target, next),
                Flow::Jump(target) => return self.jump(target, next),
                Flow::JumpPointer(register) => {
                    // `add rax, rcx; jmp rax`: the offset from a table and the table's own address.
                    // A switch stays in its function.
                    let is_switch = register.is_some() && register == sum_in;
                    self.reach.is_open = true;
                    self.reach.may_leave |= !is_switch;
                    return;
                }
                Flow::Stop => return,
            }
            sum_in = insn.sum_in;
            here = next;
        }
    }

    /// The walk cannot go on, so everything may follow.
    fn lose(&mut self) {
        self.reach.is_open = true;
        self.reach.may_leave = true;
    }

    fn jump(&mut self, target: u64, after: u64) {
        match self.code.target(target, after) {
            Target::Inside(VmAddr(target)) => self.todo.push(target),
            Target::Outside | Target::Pointer => self.reach.may_leave = true,
        }
    }

    /// A called function without a frame hides its caller: what it calls seems to be called from outside.
    fn call(&mut self, target: u64, after: u64) {
        if let Target::Inside(VmAddr(target)) = self.code.target(target, after)
            && self.called.insert(target)
            && calls_without_frame(self.code, target)
        {
            self.todo.push(target);
        }
    }
}

/// Whether a function calls, or jumps away, before it has made a frame.
fn calls_without_frame(code: &Code<'_>, start: u64) -> bool {
    let mut here = start;
    for _ in 0..PROLOGUE {
        let Some(insn) = code.decode(here) else {
            return false;
        };
        if insn.sets_frame {
            return false;
        }
        match insn.flow {
            Flow::Next | Flow::Branch(_) => {}
            // What it jumps to may have no frame either; following it costs little.
            Flow::Call(_) | Flow::CallPointer | Flow::Jump(_) => return true,
            // The end of a function without calls, or a stub.
            Flow::Stop | Flow::JumpPointer(_) => return false,
        }
        here = here.wrapping_add(insn.length);
    }
    true
}
