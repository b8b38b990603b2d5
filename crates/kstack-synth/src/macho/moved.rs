//! The same image linked elsewhere, segment by segment.

use super::image::Image;

impl Image {
    /// Moves each segment by what `delta` says of its name, with all that lies in it.
    #[must_use]
    pub fn moved(mut self, delta: impl Fn(&str) -> u64) -> Image {
        let before = self.segments.clone();
        let of_address = |at: u64| {
            let mut segments = before.iter();
            let segment = segments.find(|s| (s.vmaddr..s.vmaddr + s.vmsize).contains(&at));
            at.wrapping_add(segment.map_or(0, |segment| delta(&segment.name)))
        };
        let mut sections = Vec::new();
        for segment in &mut self.segments {
            let delta = delta(&segment.name);
            segment.vmaddr = segment.vmaddr.wrapping_add(delta);
            for section in &mut segment.sections {
                section.address = section.address.wrapping_add(delta);
                sections.push(delta);
            }
        }
        for symbol in &mut self.symbols {
            let section = usize::from(symbol.section).checked_sub(1);
            let delta = section.and_then(|section| sections.get(section));
            symbol.value = symbol.value.wrapping_add(delta.copied().unwrap_or(0));
        }
        for start in self.function_starts.iter_mut().flatten() {
            *start = of_address(*start);
        }
        for (_, address) in &mut self.exports {
            *address = of_address(*address);
        }
        self
    }
}
