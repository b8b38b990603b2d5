//! `__PRELINK_INFO`: what a prelinked kernel before macOS 11 says about its kexts.
//!
//! The property list is written by the kernel's own serializer
//! (xnu-4570.1.46, `libkern/c++/OSSerialize.cpp`): a value that occurs twice
//! has an `ID` where it stands first and is an `IDREF` from then on. General
//! readers of property lists know neither, so this one reads the events.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements within elements; a real list has six levels.
const DEEPEST: usize = 64;

/// A kext as a prelinked kernel lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prelinked {
    pub(crate) identifier: String,
    pub(crate) executable: Option<String>,
    pub(crate) version: Option<String>,
    /// Where in the prelinked kernel's memory its Mach-O lies (`_PrelinkExecutableSourceAddr`).
    pub(crate) source: u64,
    /// Its size (`_PrelinkExecutableSize`).
    pub(crate) size: u64,
}

/// The kexts with code, in the order of the list, and whether the list is whole. Damage ends it where it is.
pub(crate) fn kexts(list: &[u8]) -> (Vec<Prelinked>, bool) {
    // The section is padded with zeros.
    let end = list.iter().rposition(|&byte| byte != 0);
    let list = end.and_then(|end| list.get(..=end)).unwrap_or_default();
    let list = String::from_utf8_lossy(list);
    let mut reader = Reader::from_str(&list);
    reader.config_mut().check_end_names = false;
    let mut walk = Walk::default();
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) if walk.open.len() < DEEPEST => walk.start(&element),
            Ok(Event::Empty(element)) => walk.empty(&element),
            Ok(Event::Text(text)) => walk.text.push_str(&text),
            Ok(Event::GeneralRef(name)) => walk.reference(&name),
            Ok(Event::End(_)) => walk.end(),
            Ok(Event::Eof) => return (walk.found, walk.open.is_empty()),
            Ok(Event::Start(_)) | Err(_) => return (walk.found, false),
            Ok(_) => {}
        }
    }
}

/// Where in the list the reading is.
#[derive(Default)]
struct Walk {
    open: Vec<Element>,
    /// The text of the element that was opened last.
    text: String,
    /// Scalars by the number that others refer to them by.
    shared: BTreeMap<String, String>,
    found: Vec<Prelinked>,
}

enum Element {
    Dict {
        key: String,
        values: BTreeMap<String, String>,
    },
    Key,
    Scalar {
        id: Option<String>,
    },
    Other,
}

impl Walk {
    fn start(&mut self, element: &BytesStart<'_>) {
        self.text.clear();
        self.open.push(match element.name().as_ref() {
            "dict" => Element::Dict {
                key: String::new(),
                values: BTreeMap::new(),
            },
            "key" => Element::Key,
            "string" | "integer" => Element::Scalar {
                id: attribute(element, "ID"),
            },
            _ => Element::Other,
        });
    }

    /// `<integer IDREF="7"/>` stands for a value that came before.
    fn empty(&mut self, element: &BytesStart<'_>) {
        let shared = attribute(element, "IDREF").and_then(|id| self.shared.get(&id).cloned());
        if let Some(value) = shared {
            self.put(value);
        }
    }

    fn reference(&mut self, name: &str) {
        self.text.push_str(match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            _ => "",
        });
    }

    fn end(&mut self) {
        let text = std::mem::take(&mut self.text);
        match self.open.pop() {
            Some(Element::Key) => {
                if let Some(Element::Dict { key, .. }) = self.open.last_mut() {
                    *key = text;
                }
            }
            Some(Element::Scalar { id }) => {
                if let Some(id) = id {
                    self.shared.insert(id, text.clone());
                }
                self.put(text);
            }
            Some(Element::Dict { values, .. }) => self.found.extend(kext(&values)),
            Some(Element::Other) | None => {}
        }
    }

    fn put(&mut self, value: String) {
        if let Some(Element::Dict { key, values }) = self.open.last_mut() {
            let wanted = key.starts_with("_Prelink") || key.starts_with("CFBundle");
            if wanted {
                values.insert(std::mem::take(key), value);
            }
        }
    }
}

fn kext(values: &BTreeMap<String, String>) -> Option<Prelinked> {
    let text = |key: &str| values.get(key).cloned();
    let number = |key: &str| number(values.get(key)?);
    Some(Prelinked {
        identifier: text("CFBundleIdentifier")?,
        executable: text("CFBundleExecutable"),
        version: text("CFBundleVersion"),
        source: number("_PrelinkExecutableSourceAddr")?,
        size: number("_PrelinkExecutableSize")?,
    })
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.try_get_attribute(name).ok()??;
    Some(found.value.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = r#"<dict><key>_PrelinkInfoDictionary</key><array ID="0">
<dict ID="1"><key>CFBundleIdentifier</key><string ID="2">org.example.a&amp;b</string>
<key>CFBundleVersion</key><string ID="3">1.2</string>
<key>IOKitPersonalities</key><dict><key>CFBundleIdentifier</key><string IDREF="2"/></dict>
<key>_PrelinkExecutableSize</key><integer size="64" ID="4">0x2000</integer>
<key>_PrelinkExecutableSourceAddr</key><integer size="64" ID="5">0xffffff8000a00000</integer></dict>
<dict><key>CFBundleIdentifier</key><string>org.example.c</string>
<key>CFBundleVersion</key><string IDREF="3"/>
<key>_PrelinkExecutableSize</key><integer size="64" IDREF="4"/>
<key>_PrelinkExecutableSourceAddr</key><integer size="64">42</integer></dict>
<dict><key>CFBundleIdentifier</key><string>org.example.codeless</string></dict>
</array></dict>"#;

    #[test]
    fn a_value_that_was_said_before_is_referred_to() {
        let (kexts, is_whole) = kexts(LIST.as_bytes());
        assert!(is_whole);
        let shown: Vec<_> = kexts
            .iter()
            .map(|kext| (kext.identifier.as_str(), kext.source, kext.size))
            .collect();
        assert_eq!(
            shown,
            [
                ("org.example.a&b", 0xffff_ff80_00a0_0000, 0x2000),
                ("org.example.c", 42, 0x2000)
            ]
        );
        assert_eq!(kexts[1].version.as_deref(), Some("1.2"));
    }

    #[test]
    fn a_list_that_ends_early_keeps_what_came_before() {
        let end = LIST.find("org.example.c<").unwrap();
        let (kexts, is_whole) = kexts(&LIST.as_bytes()[..end]);
        assert_eq!((kexts.len(), is_whole), (1, false));
    }

    proptest! {
        #[test]
        fn any_bytes(list in prop::collection::vec(any::<u8>(), 0..500)) {
            kexts(&list);
        }

        #[test]
        fn any_edit(at in 0..LIST.len(), byte in any::<u8>()) {
            let mut list = LIST.as_bytes().to_vec();
            list[at] = byte;
            kexts(&list);
        }
    }
}
