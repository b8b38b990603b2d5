//! What lies at the addresses that threads wait at: the kernel's events and locks are often variables.
//!
//! The kernel unslides an address in its own data or in that of a kext, as it does with code, and obscures
//! all others; so an address in an image is that of the image, and any other means nothing here.

use std::collections::{BTreeMap, BTreeSet};

use kstack_model::{Address, Process, Report, VmAddr};
use kstack_symbols::{Certainty, Datum};

use super::matching::Matched;
use super::space::{Found, Spaces};
use super::{SpaceId, Trace};

/// What lies at an address that threads wait at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Index into [`Trace::images`].
    pub image: usize,
    /// The segment it lies in.
    pub segment: String,
    /// The linked address.
    pub linked: VmAddr,
    /// The variable there, where the symbol file has one.
    pub datum: Option<Datum>,
}

/// Everything that threads wait at and that lies in an image with a symbol file.
pub(super) fn awaited(
    report: &Report,
    matched: &Matched<'_>,
    spaces: &Spaces,
) -> BTreeMap<Address, Awaited> {
    let mut addresses = BTreeSet::new();
    for process in &report.processes {
        addresses.extend(
            process
                .threads
                .iter()
                .filter_map(|thread| thread.wait_event),
        );
        addresses.extend(locks(process));
    }
    let located = addresses.into_iter();
    located
        .filter_map(|at| Some((at, locate(at, matched, spaces)?)))
        .collect()
}

/// The kernel's objects that the records of waits name.
fn locks(process: &Process) -> impl Iterator<Item = Address> {
    let waits = process.waits.iter();
    let kernels = waits.filter(|wait| wait.context != 0 && !wait.wait_type.is_of_user_space());
    kernels.map(|wait| Address(wait.context))
}

fn locate(at: Address, matched: &Matched<'_>, spaces: &Spaces) -> Option<Awaited> {
    let Found::Inside(image) = spaces.find(SpaceId::Kernel, at) else {
        return None;
    };
    let (source, used) = matched.used(image)?;
    let mut segments = used.slides.segments.iter();
    let segment = segments.find(|segment| segment.range.contains(&at))?;
    let linked = at - segment.slide;
    Some(Awaited {
        image,
        segment: segment.name.clone(),
        linked,
        datum: matched.source(source)?.datum_at(linked),
    })
}

impl Awaited {
    /// From the start of the variable to the address.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        let datum = self.datum.as_ref()?;
        Some(self.linked.0.wrapping_sub(datum.start.0))
    }

    /// "net.lundman.zfs: `spa_namespace_lock` + 8", "in `__DATA` of net.lundman.zfs".
    pub(crate) fn in_words(&self, trace: &Trace, raw_names: bool) -> String {
        let image = trace.image(self.image);
        let name = image.map(super::TraceImage::name).unwrap_or_default();
        let mut words = match &self.datum {
            None => format!("in {} of {name}", self.segment),
            Some(datum) => {
                let symbol = if raw_names { &datum.raw } else { &datum.name };
                let offset = match self.offset().unwrap_or_default() {
                    0 => String::new(),
                    offset => format!(" + {offset}"),
                };
                match datum.certainty {
                    Certainty::Nearest => format!("{name}: after {symbol}{offset}"),
                    Certainty::Inside | Certainty::Unnamed => format!("{name}: {symbol}{offset}"),
                }
            }
        };
        if image.is_some_and(super::TraceImage::is_of_another_build) {
            words.push_str("; from another build: the UUIDs differ");
        }
        words
    }
}
