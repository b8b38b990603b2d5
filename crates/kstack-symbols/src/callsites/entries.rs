//! How control comes to a function in what a call reaches.

use kstack_model::VmAddr;

use super::insn::Flow;
use super::{Code, Reach, Target};

/// Functions are smaller; a jump farther behind the start does not go into it.
const LONGEST_FUNCTION: u64 = 0x1_0000;

/// The ways into one function that a [`Reach`] has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// Jumps to its start, ascending.
    pub jumps: Vec<VmAddr>,
    /// Jumps to where its body may be: the jump, and where it goes.
    pub into_body: Vec<(VmAddr, VmAddr)>,
    /// Whether it is also called, or run into by the code before it.
    pub otherwise: bool,
}

impl Code<'_> {
    /// How control comes to the function that starts at `start`, as far as a walk went.
    #[must_use]
    pub fn entries(&self, reach: &Reach, start: VmAddr) -> Entries {
        let mut entries = Entries::default();
        let body = start.0..start.0.saturating_add(LONGEST_FUNCTION);
        for at in reach.walked() {
            let Some(insn) = self.decode(at.0) else {
                continue;
            };
            let next = at.0.wrapping_add(insn.length);
            let runs_on = !matches!(insn.flow, Flow::Jump(_) | Flow::JumpPointer(_) | Flow::Stop);
            entries.otherwise |= runs_on && next == start.0;
            match insn.flow {
                Flow::Call(target) => {
                    let called = self.target(target, next);
                    entries.otherwise |= called == Target::Inside(start);
                }
                Flow::Jump(target) | Flow::Branch(target) if target == start.0 => {
                    entries.jumps.push(*at);
                }
                Flow::Jump(target) | Flow::Branch(target) if body.contains(&target) => {
                    entries.into_body.push((*at, VmAddr(target)));
                }
                _ => {}
            }
        }
        entries
    }
}
