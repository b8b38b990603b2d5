//! Kext names as Intel kernels abbreviate them.

/// Undoes the abbreviations of a bundle identifier; `None` when there are none in it.
///
/// The lists of loaded kexts are packed this way so that more of them fit (the
/// tables of xnu's `kext_panic_report.h`; seen in logs of macOS 10.14 and later).
pub(super) fn expanded(printed: &str) -> Option<String> {
    const PREFIXES: &[(char, &str)] = &[
        ('>', "com.apple.driver."),
        ('|', "com.apple.iokit."),
        ('$', "com.apple.security."),
        ('@', "com.apple."),
    ];
    let prefix = PREFIXES
        .iter()
        .find_map(|(mark, prefix)| Some((*prefix, printed.strip_prefix(*mark)?)));
    let (prefix, rest) = match prefix {
        Some(found) => found,
        None if printed.contains('!') => ("", printed),
        None => return None,
    };
    let mut name = prefix.to_owned();
    let mut characters = rest.chars().peekable();
    while let Some(character) = characters.next() {
        let word = (character == '!')
            .then(|| characters.peek().copied().and_then(word))
            .flatten();
        match word {
            Some(word) => {
                name.push_str(word);
                characters.next();
            }
            None => name.push(character),
        }
    }
    Some(name)
}

fn word(letter: char) -> Option<&'static str> {
    Some(match letter {
        'U' => "AppleUSB",
        'A' => "Apple",
        'F' => "Family",
        'S' => "Storage",
        'C' => "Controller",
        'B' => "Bluetooth",
        'I' => "Intel",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_words_are_expanded() {
        assert_eq!(
            expanded(">usb.!UHub").as_deref(),
            Some("com.apple.driver.usb.AppleUSBHub")
        );
        assert_eq!(
            expanded("|IO!S!F").as_deref(),
            Some("com.apple.iokit.IOStorageFamily")
        );
        assert_eq!(
            expanded("$sandbox").as_deref(),
            Some("com.apple.security.sandbox")
        );
        assert_eq!(
            expanded("@filesystems.autofs").as_deref(),
            Some("com.apple.filesystems.autofs")
        );
    }

    #[test]
    fn a_whole_name_and_an_unknown_mark_stay() {
        assert_eq!(expanded("org.example.zfs"), None);
        assert_eq!(expanded(">!X!").as_deref(), Some("com.apple.driver.!X!"));
    }
}
