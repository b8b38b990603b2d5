//! What the README shows is what the program prints.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_run_in_the_readme_is_real() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let shown = between(&readme, "```text\n", "```\n");
    let command = between(&readme, "$ cargo run --quiet -- ", "\n");
    let run = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(command.split(' '))
        .current_dir(&root)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), shown);
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}
