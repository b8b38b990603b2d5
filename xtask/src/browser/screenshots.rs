//! Pictures of pages, for a person to look at.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::chromium::Chromium;

/// A name, a width and a height, as of a desk, of a telephone.
const SIZES: [(&str, u32, u32); 2] = [("wide", 1280, 900), ("narrow", 390, 800)];

/// The rest of a page longer than this is not in its picture.
const LONGEST: u32 = 9000;

pub(super) fn take(browser: &mut Chromium, folder: &Path, pages: &[PathBuf]) -> Result<()> {
    for page in pages {
        let name = page
            .file_stem()
            .context("a page has a name")?
            .to_string_lossy();
        for scheme in ["light", "dark"] {
            browser.color_scheme(scheme)?;
            for (size, width, height) in SIZES {
                browser.size(width, height)?;
                browser.open(page)?;
                shoot(
                    browser,
                    width,
                    &folder.join(format!("{name}-{scheme}-{size}.png")),
                )?;
            }
        }
    }
    Ok(())
}

/// Pictures that stand alone look the same for every reader.
pub(super) fn take_pictures(
    browser: &mut Chromium,
    folder: &Path,
    pictures: &[PathBuf],
) -> Result<()> {
    for picture in pictures {
        let name = picture.file_stem().context("a picture has a name")?;
        browser.open(picture)?;
        shoot(browser, 1280, &folder.join(name).with_extension("png"))?;
    }
    Ok(())
}

fn shoot(browser: &mut Chromium, width: u32, file: &Path) -> Result<()> {
    // What is not in view is neither drawn nor measured, so all of it is brought into view.
    browser.size(width, LONGEST)?;
    // A picture has no main part.
    let whole = "(document.querySelector('main') ?? document.documentElement)";
    let height = browser.value(&format!("{whole}.getBoundingClientRect().bottom"))?;
    let height = height.as_f64().context("a page has a height")?;
    browser.size(width, LONGEST.min(height as u32))?;
    let picture = browser.call("Page.captureScreenshot", json!({ "format": "png" }))?;
    let data = picture["data"].as_str().context("a screenshot has data")?;
    fs::write(file, STANDARD.decode(data)?)?;
    Ok(())
}
