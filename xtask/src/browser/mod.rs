//! `cargo xtask browser`: opens the pages that kstack writes in Chromium and uses them as a reader would.
//!
//! Every sample is opened and has to stay silent; search, filters, folding,
//! keys, dark mode, paper and life without script are tried on some. Names
//! that try to be more than names must be text and run nothing. Screenshots
//! are left in `target/browser`, to be looked at.

mod checks;
mod chromium;
mod pages;
mod screenshots;

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use self::chromium::Chromium;
use crate::tool::{run, tool};

/// How to get a browser.
const INSTALL: &str = "apt-get install --no-install-recommends chromium";

/// Runs every check; fails when there is no browser.
pub(crate) fn check(root: &Path) -> Result<()> {
    match chromium::find() {
        Some(program) => check_with(root, program),
        None => bail!("Chromium is not installed; on Debian: {INSTALL}"),
    }
}

/// Runs every check where there is a browser, or where one can be installed; else says that it skips.
pub(crate) fn check_if_possible(root: &Path) -> Result<()> {
    if chromium::find().is_none() {
        println!("browser: no Chromium here, trying {INSTALL}");
        let install = ["install", "--yes", "--no-install-recommends", "chromium"];
        // Not root, no network, another system: all the same here.
        let _ = run(tool("apt-get").args(install));
    }
    match chromium::find() {
        Some(program) => check_with(root, program),
        None => {
            println!("browser: skipped, Chromium is not installed and could not be");
            Ok(())
        }
    }
}

fn check_with(root: &Path, program: &str) -> Result<()> {
    let folder = root.join("target/browser");
    fs::create_dir_all(&folder)?;
    run(tool(env!("CARGO")).current_dir(root).args([
        "build",
        "--quiet",
        "--package",
        "kstack-cli",
    ]))?;
    let mut browser = Chromium::start(program, &folder.join("profile"))?;
    checks::notices_what_acts(&mut browser, &folder)?;

    let samples = pages::samples(root, &folder)?;
    checks::samples(&mut browser, &samples)?;
    let [hang, deadlock] =
        ["zpool-hang", "kcdata-deadlock"].map(|name| folder.join(name).with_extension("html"));
    checks::uses(&mut browser, &hang)?;
    checks::follows_a_wait(&mut browser, &deadlock)?;
    let sources = pages::with_sources(root, &folder, "zpool-hang")?;
    checks::shows_sources(&mut browser, &sources)?;
    checks::without_script(&mut browser, &hang)?;
    for page in [&hang, &deadlock] {
        checks::on_paper(&mut browser, page)?;
    }
    checks::hostile_page(&mut browser, &pages::hostile(&folder)?)?;
    checks::hostile_pictures(&mut browser, &pages::hostile_pictures(&folder)?)?;
    checks::five_thousand_threads(&mut browser, &pages::large(&folder)?)?;
    screenshots::take(
        &mut browser,
        &folder,
        &[hang, deadlock, sources, folder.join("large.html")],
    )?;
    let pictures = ["flamegraph", "difference"].map(|name| {
        let expected = root.join("samples/dtrace-stacks/expect").join(name);
        expected.with_extension("svg")
    });
    checks::pictures(&mut browser, &pictures)?;
    screenshots::take_pictures(&mut browser, &folder, &pictures)?;
    println!(
        "browser: all is well; screenshots are in {}",
        folder.display()
    );
    Ok(())
}
