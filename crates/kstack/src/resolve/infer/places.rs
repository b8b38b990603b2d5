//! How many places chance had: the more there are, the likelier one of them fits.

use kstack_model::Address;

/// Places by how many of the frames lie in the code there.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// `counts[n]` places have `n` frames in the code; the last one counts more frames, too.
    counts: Vec<u64>,
}

/// Frames that are told apart: a place with more is no likelier than one with so many.
const MOST_FRAMES: usize = 64;

impl Places {
    /// Counts the places of code of this length, a multiple of `step` apart. The addresses ascend.
    pub(super) fn count(returns: &[Address], length: u64, step: u64) -> Places {
        // The start of the code goes from the length below a frame up to the frame: there the
        // frame enters the code, and here it leaves it.
        let mut enters = returns
            .iter()
            .map(|at| at.0.saturating_sub(length))
            .peekable();
        let mut leaves = returns.iter().map(|at| at.0).peekable();
        let mut counts = vec![0_u64; MOST_FRAMES + 1];
        let (mut inside, mut here) = (0_usize, 0_u64);
        while let Some(leave) = leaves.peek().copied() {
            let next = enters.peek().copied().unwrap_or(u64::MAX).min(leave);
            if let Some(count) = counts.get_mut(inside.min(MOST_FRAMES)) {
                *count = count.saturating_add((next - here) / step);
            }
            here = next;
            if enters.next_if_eq(&next).is_some() {
                inside += 1;
            } else {
                leaves.next();
                inside = inside.saturating_sub(1);
            }
        }
        Places { counts }
    }

    /// How many places with so many frames there are; one with more frames counts as less, because
    /// chance has to fit those, too, at so many bits each. Never less than one.
    pub(super) fn at_least(&self, frames: usize, bits: f64) -> f64 {
        let mut weight = 1.0;
        let mut places = 0.0;
        for count in self.counts.iter().skip(frames.min(MOST_FRAMES)) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "an estimate needs no more than the leading digits"
            )]
            let count = *count as f64;
            places += count * weight;
            weight *= (-bits).exp2();
        }
        places.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_by_the_frames_in_the_code() {
        let returns = [Address(0x1_0000), Address(0x1_4000), Address(0x9_0000)];
        let places = Places::count(&returns, 0x8000, 0x1000);
        // Both of the first two: the start is 0x4000 wide. One of them, or the third: 8 + 8.
        assert_eq!(places.counts[2], 4);
        assert_eq!(places.counts[1], 4 + 4 + 8);
        assert!((places.at_least(2, 5.0) - 4.0).abs() < 1e-9);
        assert!((places.at_least(1, 5.0) - (16.0 + 4.0 / 32.0)).abs() < 1e-9);
    }

    #[test]
    fn places_with_fewer_frames_do_not_count() {
        let places = Places::count(&[Address(0x1_0000)], 0x8000, 0x1000);
        assert!((places.at_least(2, 5.0) - 1.0).abs() < 1e-9);
    }
}
