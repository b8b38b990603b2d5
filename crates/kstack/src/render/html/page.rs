//! What stands around the traces: the head with its policy, the bar of tools, style and script.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::super::document::Document;
use super::super::escape::Visible;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing is loaded, nothing is sent, and of what could run only the two texts above do.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'",
        source(STYLE),
        source(SCRIPT)
    )
}

/// A text as a policy names it.
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// All before the first trace. The title is its report's.
pub(super) fn open(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    let report = document.head.first().map_or("", |field| &field.value);
    let head = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Kernel trace: " (Visible(report)) }
                style { (PreEscaped(STYLE)) }
            }
        }
    };
    // The body is opened here and closed after the last trace.
    let head = head.into_string();
    let head = head.strip_suffix("</html>").unwrap_or(&head);
    writeln!(out, "{head}\n<body>\n{}<main>", tools().into_string())
}

/// All after the last trace.
pub(super) fn close(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</main>\n<script>{SCRIPT}</script>\n</body></html>")
}

/// What needs the script, which shows it: a reader without one is not offered what does not work.
fn tools() -> Markup {
    html! {
        a.skip href="#t1-threads" { "Skip to the threads" }
        form #tools role="search" hidden {
            label.wide { span { "Search" }
                input #q type="search" autocomplete="off" spellcheck="false"
                    placeholder="names, functions, addresses, files" aria-keyshortcuts="/";
            }
            label { span { "Process" } select #process { option value="" { "all" } } }
            label { span { "Image" } select #image { option value="" { "all" } } }
            label { span { "State" } select #state { option value="" { "all" } } }
            label { span { "Function" }
                input #function type="search" autocomplete="off" spellcheck="false" placeholder="part of its name";
            }
            div.buttons {
                button #unfold type="button" { "Unfold all" }
                button #fold type="button" { "Fold all" }
                button #theme type="button" aria-label="Light or dark" title="Light or dark" { "◐" }
            }
            p.status {
                output #count aria-live="polite" {}
                span.keys {
                    kbd { "/" } " search " kbd { "j" } " " kbd { "k" } " next, previous "
                    kbd { "Enter" } " fold " kbd { "Esc" } " clear"
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_cannot_end_the_elements_they_stand_in() {
        assert!(!STYLE.contains("</"));
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
    }

    #[test]
    fn the_policy_names_texts_and_allows_nothing_inline() {
        let policy = policy();
        assert_eq!(policy.matches("'sha256-").count(), 2);
        assert!(!policy.contains("unsafe") && policy.starts_with("default-src 'none'"));
    }
}
