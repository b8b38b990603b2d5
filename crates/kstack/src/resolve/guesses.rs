//! What frames without a sure name probably are: functions that virtual tables hold.

use foldhash::HashMap;
use kstack_symbols::{Certainty, Virtual};

use super::Resolution;
use super::lookup::{Key, locate};
use super::matching::Matched;
use super::space::Spaces;
use super::{TraceImage, Why};

/// For each frame whose file is right and has no name for it: what its virtual tables tell.
pub(super) fn guesses(
    matched: &Matched<'_>,
    spaces: &Spaces,
    resolutions: &HashMap<Key, Resolution>,
) -> HashMap<Key, Virtual> {
    let mut guesses = HashMap::default();
    #[expect(clippy::iter_over_hash_type, reason = "each is answered for itself")]
    for (key, resolution) in resolutions {
        let image = match resolution {
            Resolution::Named { image, named, .. } if named.certainty != Certainty::Inside => image,
            Resolution::ImageOnly {
                image,
                why: Why::NoSymbolThere,
                ..
            } => image,
            _ => continue,
        };
        let is_refuted = |image: &TraceImage| {
            let used = image.used.as_ref();
            image.is_contradicted() || used.is_some_and(|used| used.mismatched)
        };
        if matched.images.get(*image).is_none_or(is_refuted) {
            continue;
        }
        let guess = locate(*key, matched, spaces).ok().and_then(|(id, query)| {
            let source = matched.source(id)?;
            source.virtual_at(query.look_up)
        });
        guesses.extend(guess.map(|guess| (*key, guess)));
    }
    guesses
}
