//! The programs that are compared, and how each is asked.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::data::Image;

/// Adds the arguments.
type Ask = fn(&mut Command, &Image);

/// A program, or kstack in one of its ways.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// For the table.
    pub(super) name: &'static str,
    executable: PathBuf,
    ask: Ask,
}

impl Program {
    /// The command that names the addresses on standard input, with inlines.
    pub(super) fn command(&self, image: &Image) -> Command {
        let mut command = Command::new(&self.executable);
        (self.ask)(&mut command, image);
        command
    }

    /// Whether the answers come out of kstack's cache after the first run.
    pub(super) fn is_warm(&self) -> bool {
        self.name == WARM
    }
}

const WARM: &str = "kstack, second run";

/// kstack and those of the others that are there: in `target/peers/bin` or on the path.
pub(super) fn installed(root: &Path, kstack: &Path) -> Vec<Program> {
    let mut programs = Vec::new();
    if accepts_no_cache(kstack) {
        programs.push(Program {
            name: "kstack --no-cache",
            executable: kstack.to_owned(),
            ask: |command, image| {
                command
                    .arg("lookup")
                    .arg(&image.dsym)
                    .args(["-", "--no-cache"]);
            },
        });
    }
    programs.push(Program {
        name: if programs.is_empty() { "kstack" } else { WARM },
        executable: kstack.to_owned(),
        ask: |command, image| {
            command.arg("lookup").arg(&image.dsym).arg("-");
        },
    });
    let peers: [(&'static str, &str, Ask); 3] = [
        ("addr2line", "addr2line", |command, image| {
            command
                .args(["-a", "-f", "-i", "-C", "-e"])
                .arg(&image.dwarf);
        }),
        ("atosl", "atosl", |command, image| {
            let base = format!("{:#x}", image.base);
            command
                .args(["--inline-frames", "-l", &base, "-o"])
                .arg(&image.dwarf);
        }),
        ("llvm-symbolizer", "llvm-symbolizer-19", |command, image| {
            command.arg(format!("--obj={}", image.dwarf.display()));
        }),
    ];
    for (name, file, ask) in peers {
        let ours = root.join("target/peers/bin").join(file);
        // GNU's addr2line on the path reads no Mach-O.
        let executable = if ours.exists() || name == "addr2line" {
            ours
        } else {
            file.into()
        };
        if answers(&executable, &["--version"]) {
            programs.push(Program {
                name,
                executable,
                ask,
            });
        } else {
            println!("{name} is not installed: {}", executable.display());
        }
    }
    programs
}

fn accepts_no_cache(kstack: &Path) -> bool {
    let help = Command::new(kstack).args(["lookup", "--help"]).output();
    help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--no-cache"))
}

fn answers(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
