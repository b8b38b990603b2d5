//! One colour for each image, the same in every picture and on every terminal.

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

/// The base colour of what is coloured alike.
pub(crate) fn color(kin: &Kin) -> Rgb {
    match kin {
        Kin::Process => (200, 200, 200),
        Kin::Kernel => (240, 168, 72),
        Kin::Kext(name) => {
            let at = usize::try_from(hash(name) % 6).unwrap_or_default();
            KEXTS.get(at).copied().unwrap_or((222, 84, 84))
        }
        Kin::User => (104, 160, 224),
        Kin::Unknown => (168, 168, 168),
    }
}

/// The base colour, a little lighter or darker by the name, so that neighbours can be told apart.
pub(crate) fn shade(kin: &Kin, name: &str) -> Rgb {
    let (red, green, blue) = color(kin);
    let lighter = u8::try_from(hash(name) % 5).unwrap_or_default() * 7;
    let shade = |part: u8| part.saturating_add(lighter).saturating_sub(12);
    (shade(red), shade(green), shade(blue))
}

/// The colour of a kext on a terminal of 256 colours.
pub(crate) fn terminal(image: &str) -> u8 {
    const PALETTE: [u8; 6] = [203, 176, 114, 212, 79, 141];
    let at = usize::try_from(hash(image) % 6).unwrap_or_default();
    PALETTE.get(at).copied().unwrap_or(203)
}

fn hash(name: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(name.as_bytes());
    hasher.finish()
}
