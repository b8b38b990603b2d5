//! Which traces of a report that holds several are shown.

use std::path::Path;

use anyhow::ensure;
use kstack::model::Report;

use crate::output;

/// All, or the one that is asked for. Of a format whose documents hold one trace the first, which is said.
pub(crate) fn choose(
    mut reports: Vec<Report>,
    asked: Option<usize>,
    holds_several: bool,
    path: &Path,
) -> anyhow::Result<Vec<Report>> {
    let count = reports.len();
    let path = path.display();
    let chosen = match asked {
        None if holds_several || count <= 1 => return Ok(reports),
        None => {
            output::complain(&format!(
                "{path}: {count} traces; this is number 1, --trace chooses"
            ));
            1
        }
        Some(asked) => asked,
    };
    ensure!(
        (1..=count).contains(&chosen),
        "--trace {chosen}: {path} has {count}"
    );
    Ok(vec![reports.swap_remove(chosen - 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(asked: Option<usize>, holds_several: bool) -> Vec<&'static str> {
        let of = |format| Report {
            format,
            ..Report::default()
        };
        let reports = vec![of("first"), of("second"), of("third")];
        match choose(reports, asked, holds_several, Path::new("a.ips")) {
            Ok(chosen) => chosen.iter().map(|report| report.format).collect(),
            Err(_) => vec!["refused"],
        }
    }

    #[test]
    fn a_document_of_one_trace_has_the_one_that_is_asked_for_or_the_first() {
        assert_eq!(chosen(None, true), ["first", "second", "third"]);
        assert_eq!(chosen(None, false), ["first"]);
        for holds_several in [true, false] {
            assert_eq!(chosen(Some(2), holds_several), ["second"]);
            assert_eq!(chosen(Some(0), holds_several), ["refused"]);
            assert_eq!(chosen(Some(4), holds_several), ["refused"]);
        }
    }
}
