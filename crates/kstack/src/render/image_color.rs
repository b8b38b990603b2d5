//! One colour for each image, the same in every picture and on every terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use fnv::FnvHasher;

use super::paths::Kin;

/// Red, green and blue.
pub(crate) type Rgb = (u8, u8, u8);

/// Hues of kexts, apart from one another, from the kernel's orange and from the blue of user space.
const KEXTS: [Rgb; 6] = [
    (222, 84, 84),
    (190, 96, 200),
    (96, 176, 88),
    (216, 112, 168),
    (64, 168, 152),
    (152, 120, 216),
];

/// The colours of one picture. Kexts take theirs in turn, so that few have the same.
#[derive(Debug, Default)]
pub(crate) struct Colors {
    kexts: BTreeMap<String, usize>,
}

impl Colors {
    pub(crate) fn of<'a>(all: impl Iterator<Item = &'a Kin>) -> Colors {
        let kexts: BTreeSet<&str> = all
            .filter_map(|kin| match kin {
                Kin::Kext(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        Colors {
            kexts: kexts.into_iter().map(str::to_owned).zip(0..).collect(),
        }
    }

    fn base(&self, kin: &Kin) -> Rgb {
        match kin {
            Kin::Process => (200, 200, 200),
            Kin::Kernel => (240, 168, 72),
            Kin::Kext(name) => {
                let at = self.kexts.get(name).copied().unwrap_or_default() % KEXTS.len();
                KEXTS.get(at).copied().unwrap_or((222, 84, 84))
            }
            Kin::User => (104, 160, 224),
            Kin::Unknown => (168, 168, 168),
        }
    }

    /// The base colour, a little lighter or darker by the name, so that neighbours can be told apart.
    pub(crate) fn shade(&self, kin: &Kin, name: &str) -> Rgb {
        let (red, green, blue) = self.base(kin);
        let lighter = u8::try_from(hash(name) % 5).unwrap_or_default() * 7;
        let shade = |part: u8| part.saturating_add(lighter).saturating_sub(12);
        (shade(red), shade(green), shade(blue))
    }
}

/// The colour of a kext on a terminal of 256 colours, the same in every run.
pub(crate) fn terminal(image: &str) -> u8 {
    const PALETTE: [u8; 11] = [203, 176, 114, 212, 79, 141, 209, 150, 111, 180, 73];
    let at = hash(image) % 11;
    let at = usize::try_from(at).unwrap_or_default();
    PALETTE.get(at).copied().unwrap_or(203)
}

fn hash(name: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(name.as_bytes());
    hasher.finish()
}
