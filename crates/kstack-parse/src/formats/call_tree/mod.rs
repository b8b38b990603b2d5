//! Call trees weighted by samples: `spindump(8)` and `sample(1)` text.
//!
//! Both print one tree for each thread and share its grammar: a count, a name,
//! an image, an address in brackets; the depth is the column of the count.
//! spindump adds the kernel's frames, sample has none.

mod blocked;
mod fields;
mod images;
mod kernel_images;
mod node;
pub(super) mod sample;
pub(super) mod spindump;
mod tree;
