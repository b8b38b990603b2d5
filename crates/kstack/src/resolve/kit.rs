//! Which Kernel Debug Kit would name the frames that the kernel's own symbols do not.

use kstack_model::{ImageKind, Note};
use kstack_symbols::{Certainty, Detail};

use super::{Resolution, Trace};
use crate::resolve::trace::shown;

/// A note for a kernel of which some frames have no sure name: a shipped kernel has few symbols.
pub(super) fn note(trace: &Trace) -> Option<Note> {
    let images = trace.images.iter().enumerate();
    let mut kernels = images.filter(|(_, image)| image.image.kind == ImageKind::Kernel);
    let (index, kernel) = kernels.find(|(_, image)| image.used.is_some())?;
    let used = kernel.used.as_ref()?;
    if used.detail == Detail::Lines {
        return None;
    }
    let unsure = trace.resolutions.values().filter(|resolution| {
        let Resolution::Named { image, named, .. } = resolution else {
            return false;
        };
        *image == index && named.certainty != Certainty::Inside
    });
    let unsure = unsure.count();
    if unsure == 0 {
        return None;
    }
    let build = match &trace.report.machine.os_build {
        Some(build) => format!("of build {build}"),
        None => "of its build".to_owned(),
    };
    let uuid = kernel.image.uuid.or(used.uuid);
    let whose = uuid.map_or(String::new(), |uuid| {
        format!(" (its kernel has the UUID {})", shown(uuid))
    });
    let addresses = match unsure {
        1 => "1 address of the kernel has".to_owned(),
        more => format!("{more} addresses of the kernel have"),
    };
    Some(Note::new(format!(
        "{addresses} no sure name in the kernel's own symbols; the Kernel Debug Kit {build}{whose} names what is there: --kernel KDK"
    )))
}
