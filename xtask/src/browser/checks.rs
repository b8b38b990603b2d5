//! What a page has to do in a browser, tried by doing it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use kstack_synth::hostile;
use serde_json::{Value, json};

use super::chromium::Chromium;

/// A page that acts in every way that is listened for: were it silent, the silence of the others would prove nothing.
pub(super) fn notices_what_acts(browser: &mut Chromium, folder: &Path) -> Result<()> {
    let page = folder.join("acts.html");
    let acts = "<script>alert(1); console.log(2)</script><img src=http://127.0.0.1:9/x onerror=alert(3)>\
                <script>throw new Error(4)</script>";
    fs::write(&page, acts)?;
    browser.open(&page)?;
    let heard = browser.complaints.join("\n");
    for what in [
        "dialog: \"1\"",
        "console:",
        "request: http:",
        "dialog: \"3\"",
        "thrown:",
    ] {
        ensure!(
            heard.contains(what),
            "a page that acts is not noticed ({what}): {heard}"
        );
    }
    browser.complaints.clear();
    Ok(())
}

/// Nothing was written to the console, thrown, asked or loaded.
fn is_silent(browser: &mut Chromium, page: &Path) -> Result<()> {
    let complaints = std::mem::take(&mut browser.complaints);
    ensure!(
        complaints.is_empty(),
        "{}: {}",
        page.display(),
        complaints.join("\n")
    );
    Ok(())
}

/// Every sample opens silently, shows a thread or says that there is none, and is no wider than a telephone.
pub(super) fn samples(browser: &mut Chromium, pages: &[PathBuf]) -> Result<()> {
    for page in pages {
        browser.size(390, 800)?;
        browser.open(page)?;
        is_silent(browser, page)?;
        truth(
            browser,
            "document.querySelector('.who li, #t1-threads .aside') !== null",
            page,
        )?;
        truth(browser, "!document.getElementById('tools').hidden", page)?;
        truth(
            browser,
            "document.documentElement.scrollWidth <= innerWidth",
            page,
        )?;
    }
    println!("browser: {} samples open without a word", pages.len());
    Ok(())
}

fn truth(browser: &mut Chromium, expression: &str, page: &Path) -> Result<()> {
    let value = browser.value(expression)?;
    ensure!(value == true, "{}: {expression} is {value}", page.display());
    Ok(())
}

fn is(browser: &mut Chromium, expression: &str, expected: impl Into<Value>) -> Result<()> {
    let (value, expected) = (browser.value(expression)?, expected.into());
    ensure!(value == expected, "{expression} is {value}, not {expected}");
    Ok(())
}

/// Threads that can be seen.
const SHOWN: &str =
    "[...document.querySelectorAll('.who > li')].filter(row => !row.closest('[hidden]')).length";

/// What is written beside the search.
const COUNT: &str = "document.getElementById('count').textContent";

/// Types into the search, as the page waits for a pause in typing.
const PAUSE: &str = "new Promise(done => setTimeout(done, 150))";

/// Search, filters, keys, folding and colours, on the page of the hang.
pub(super) fn uses(browser: &mut Chromium, page: &Path) -> Result<()> {
    browser.size(1280, 900)?;
    browser.color_scheme("light")?;
    browser.open(page)?;
    is(browser, SHOWN, 9)?;
    is(browser, COUNT, "9 threads")?;
    searches(browser)?;
    filters(browser)?;
    moves_and_folds(browser)?;
    changes_colours(browser)?;
    is_silent(browser, page)
}

fn searches(browser: &mut Chromium) -> Result<()> {
    browser.press("/")?;
    is(browser, "document.activeElement.id", "q")?;
    browser.type_text("VDEV_disk")?;
    browser.value(PAUSE)?;
    is(browser, COUNT, "1 of 9 threads")?;
    is(browser, SHOWN, 1)?;
    let found = "[...document.querySelectorAll('details.card')].filter(card => !card.hidden && card.open \
                 && card.textContent.includes('vdev_disk_open')).length";
    is(browser, found, 1)?;
    is(browser, "CSS.highlights.get('found').size > 0", true)?;
    browser.press("Escape")?;
    is(browser, SHOWN, 9)?;
    is(browser, "document.activeElement === document.body", true)?;
    // An address and a file are as good as a name.
    for (query, threads) in [
        ("0xffffff7f80f27046", 1),
        ("spl-taskq.c:36", 1),
        ("no such thing", 0),
    ] {
        set(browser, "q", query)?;
        is(browser, SHOWN, threads)?;
    }
    browser.press("Escape")
}

/// Sets a field of the bar as a reader would.
fn set(browser: &mut Chromium, id: &str, value: &str) -> Result<()> {
    let value = json!(value);
    browser.value(&format!(
        "{{ const field = document.getElementById('{id}'); field.value = {value}; \
         field.dispatchEvent(new Event('input', {{ bubbles: true }})); }} {PAUSE}"
    ))?;
    Ok(())
}

fn filters(browser: &mut Chromium) -> Result<()> {
    for (id, value, threads) in [
        ("process", "zpool (PID 156)", 1),
        ("image", "net.lundman.zfs", 2),
        ("state", "running or ready to run", 1),
        ("function", "Open_in_parallel", 1),
    ] {
        set(browser, id, value)?;
        is(browser, SHOWN, threads).with_context(|| format!("filter {id}={value}"))?;
        // A heading without threads is not shown.
        let empty = "[...document.querySelectorAll('#t1-threads h3')].filter(h => !h.hidden \
                     && !h.parentElement.querySelector('details.card:not([hidden])')).length";
        is(browser, empty, 0)?;
        browser.press("Escape")?;
        is(browser, SHOWN, 9)?;
    }
    // Two at once are both asked for.
    set(browser, "process", "kernel_task (PID 0)")?;
    set(browser, "image", "net.lundman.zfs")?;
    is(browser, SHOWN, 1)?;
    browser.press("Escape")
}

fn moves_and_folds(browser: &mut Chromium) -> Result<()> {
    const AT: &str = "document.activeElement.closest('details.card')?.id ?? ''";
    const OPEN: &str = "document.activeElement.closest('details.card').open";
    const COUNT_OPEN: &str = "document.querySelectorAll('details.card[open]').length";
    for (key, card) in [("j", "t1-c0"), ("j", "t1-c1"), ("k", "t1-c0")] {
        browser.press(key)?;
        is(browser, AT, card)?;
    }
    let was = browser.value(OPEN)?;
    browser.press("Enter")?;
    is(browser, OPEN, was != true)?;
    browser.press("Enter")?;
    is(browser, OPEN, was)?;
    browser.value("document.getElementById('fold').click()")?;
    is(browser, COUNT_OPEN, 0)?;
    browser.value("document.getElementById('unfold').click()")?;
    let cards = browser.value("document.querySelectorAll('details.card').length")?;
    is(browser, COUNT_OPEN, cards)
}

fn changes_colours(browser: &mut Chromium) -> Result<()> {
    const PAPER: &str = "getComputedStyle(document.body).backgroundColor";
    const LIGHT: &str = "rgb(255, 255, 255)";
    const DARK: &str = "rgb(21, 23, 27)";
    is(browser, PAPER, LIGHT)?;
    browser.color_scheme("dark")?;
    is(browser, PAPER, DARK)?;
    browser.value("document.getElementById('theme').click()")?;
    is(browser, PAPER, LIGHT)?;
    browser.value("document.getElementById('theme').click()")?;
    is(browser, PAPER, DARK)?;
    browser.color_scheme("light")
}

/// A box of the graph leads to its thread, also when that is folded and filtered out.
pub(super) fn follows_a_wait(browser: &mut Chromium, page: &Path) -> Result<()> {
    browser.open(page)?;
    is(
        browser,
        "document.querySelectorAll('svg.waits svg.box').length",
        3,
    )?;
    browser.value("document.getElementById('fold').click()")?;
    set(browser, "q", "no such thing")?;
    let follow = "document.querySelector('svg.waits a').dispatchEvent(new MouseEvent('click', { bubbles: true }))";
    browser.value(&format!("{follow}; {PAUSE}"))?;
    let row = "(target => target !== null && target.closest('details').open && !target.closest('[hidden]'))\
               (document.querySelector('.who li:target'))";
    is(browser, row, true)?;
    is_silent(browser, page)
}

/// Without script the tools are not offered, and every frame can be read.
pub(super) fn without_script(browser: &mut Chromium, page: &Path) -> Result<()> {
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": true }),
    )?;
    browser.open(page)?;
    is(
        browser,
        "document.getElementById('tools').checkVisibility()",
        false,
    )?;
    is(
        browser,
        "document.querySelector('#t1-c0 ol').checkVisibility()",
        true,
    )?;
    is(
        browser,
        "document.body.textContent.includes('vdev_disk_open')",
        true,
    )?;
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": false }),
    )?;
    is_silent(browser, page)
}

/// The source below a frame is folded, unfolds by the keyboard, is found, and stands on paper.
pub(super) fn shows_sources(browser: &mut Chromium, page: &Path) -> Result<()> {
    const OPEN: &str = "document.querySelectorAll('details.source[open]').length";
    const SEEN: &str = "[...document.querySelectorAll('.source mark')]\
                        .filter(line => line.checkVisibility({ contentVisibilityAuto: true })).length";
    browser.size(1280, 900)?;
    browser.open(page)?;
    is(browser, OPEN, 0)?;
    is(browser, SEEN, 0)?;
    browser.value("document.querySelector('.source summary').focus()")?;
    browser.press("Enter")?;
    is(browser, OPEN, 1)?;
    is(browser, SEEN, 1)?;
    browser.press("Enter")?;
    is(browser, OPEN, 0)?;
    // A search unfolds the source that holds what is looked for, and folds it when it ends.
    let line = "document.querySelector('.source mark').textContent.split('|')[1].trim()";
    let line = browser.value(line)?;
    set(browser, "q", line.as_str().context("a line of the source")?)?;
    truth(browser, &format!("{OPEN} > 0"), page)?;
    browser.press("Escape")?;
    is(browser, OPEN, 0)?;
    let all = browser.value("document.querySelectorAll('.source mark').length")?;
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }))?;
    // What was never drawn is seen from the next drawing on.
    browser.value(PAUSE)?;
    is(browser, SEEN, all)?;
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "" }))?;
    is_silent(browser, page)
}

/// On paper the tools are gone and dark is light.
pub(super) fn on_paper(browser: &mut Chromium, page: &Path) -> Result<()> {
    browser.open(page)?;
    let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
    browser.call(
        "Emulation.setEmulatedMedia",
        json!({ "media": "print", "features": dark }),
    )?;
    is(
        browser,
        "document.getElementById('tools').checkVisibility()",
        false,
    )?;
    is(
        browser,
        "getComputedStyle(document.documentElement).colorScheme",
        "light",
    )?;
    // What was never drawn is seen from the next drawing on. As wide as a sheet, no column leaves it.
    browser.value(PAUSE)?;
    let words = "[...document.querySelectorAll('.words pre')].every(words =>\
                 words.checkVisibility({ contentVisibilityAuto: true }))";
    truth(browser, words, page)?;
    browser.size(720, 1000)?;
    truth(
        browser,
        "document.documentElement.scrollWidth <= innerWidth",
        page,
    )?;
    browser.size(1280, 900)?;
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "" }))?;
    let printed = browser.call("Page.printToPDF", json!({}))?;
    ensure!(
        printed["data"]
            .as_str()
            .is_some_and(|data| data.len() > 10_000),
        "nothing is printed"
    );
    is_silent(browser, page)
}

/// Names that try to be more than names are text, and nothing runs.
pub(super) fn hostile_page(browser: &mut Chromium, page: &Path) -> Result<()> {
    browser.open(page)?;
    browser.value(&format!(
        "document.getElementById('unfold').click(); {PAUSE}"
    ))?;
    is_silent(browser, page)?;
    is(browser, "document.scripts.length", 1)?;
    is(
        browser,
        "document.querySelectorAll('img, iframe, meta[http-equiv=refresh], base, link, template').length",
        0,
    )?;
    let shown =
        browser.value("[...document.querySelectorAll('ol b')].map(name => name.textContent)")?;
    let shown = shown.as_array().context("a list of names")?;
    for name in hostile::NAMES {
        let expected = json!(visible(name));
        ensure!(
            shown.contains(&expected),
            "{} is not shown as it is",
            name.escape_default()
        );
    }
    println!("browser: {} hostile names are text", hostile::NAMES.len());
    Ok(())
}

/// A picture opens silently, and a click zooms into a box.
pub(super) fn pictures(browser: &mut Chromium, pictures: &[PathBuf]) -> Result<()> {
    const WIDEST: &str = "Math.max(...[...document.querySelectorAll('#frames rect')]\
                          .filter(box => box.parentNode.querySelector('title').textContent.startsWith('spl`taskq_thread'))\
                          .map(box => box.getBoundingClientRect().width))";
    for picture in pictures {
        browser.open(picture)?;
        let before = browser
            .value(WIDEST)?
            .as_f64()
            .context("a box has a width")?;
        browser.value(
            "[...document.querySelectorAll('#frames g')].find(box => box.querySelector('title').textContent\
             .startsWith('spl`taskq_thread')).dispatchEvent(new MouseEvent('click', { bubbles: true }))",
        )?;
        let after = browser
            .value(WIDEST)?
            .as_f64()
            .context("a box has a width")?;
        ensure!(
            after > before,
            "{}: {after} after {before}",
            picture.display()
        );
        is_silent(browser, picture)?;
    }
    Ok(())
}

/// The same in the picture that stands alone, which has a script of its own.
pub(super) fn hostile_pictures(browser: &mut Chromium, pictures: &[PathBuf]) -> Result<()> {
    for (picture, name) in pictures.iter().zip(hostile::NAMES) {
        browser.open(picture)?;
        is_silent(browser, picture)?;
        is(browser, "document.querySelectorAll('script').length", 1)?;
        let titles = browser.value(
            "[...document.querySelectorAll('title')].map(title => title.textContent).join('\\n')",
        )?;
        let shown = visible(name).replace(';', "\\u{3b}");
        let titles = titles.as_str().context("titles are text")?;
        ensure!(
            titles.contains(&shown),
            "{} is not in its picture: {titles}",
            name.escape_default()
        );
    }
    Ok(())
}

/// A name as outputs show it: what hides or acts by its number. Written down a second time, from the
/// classes of Unicode that the table of names has.
fn visible(name: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || "\u{ad}\u{61c}\u{115f}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202e}\u{2066}\u{2069}\u{3164}\u{feff}\u{fff9}\u{fffa}\u{fffb}\u{e0041}\u{e0042}"
                .contains(c)
    };
    let show = |c: char| match hidden(c) {
        true => format!("\\u{{{:x}}}", u32::from(c)),
        false => c.to_string(),
    };
    name.chars().map(show).collect()
}

/// How long a page of 5,000 threads takes until it can be used. Told, not demanded: machines differ.
pub(super) fn five_thousand_threads(browser: &mut Chromium, page: &Path) -> Result<()> {
    browser.size(1280, 900)?;
    let start = Instant::now();
    browser.open(page)?;
    browser
        .value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")?;
    let opened = start.elapsed();
    is(browser, COUNT, "5000 threads")?;
    let start = Instant::now();
    set(browser, "q", "function_1_3")?;
    let searched = start.elapsed();
    is_silent(browser, page)?;
    let size = fs::metadata(page)?.len() >> 20;
    println!(
        "browser: 5,000 threads, {size} MiB: open in {} ms (the aim: 2,000), searched in {} ms",
        opened.as_millis(),
        searched.as_millis()
    );
    Ok(())
}
