//! Text as `symstacks.rb` and `kextstat` print it.

use std::fmt::Write as _;

use kstack_model::Uuid;

/// One frame of [`Symstacks`]: an address, and a name where the run has one.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its address.
    pub address: u64,
    /// Symbol, image, and offset into the symbol.
    pub name: Option<(&'a str, &'a str, u64)>,
}

impl<'a> Frame<'a> {
    /// A frame that the run could not name.
    #[must_use]
    pub fn bare(address: u64) -> Frame<'a> {
        Frame {
            address,
            name: None,
        }
    }

    /// A named frame.
    #[must_use]
    pub fn named(address: u64, symbol: &'a str, image: &'a str, offset: u64) -> Frame<'a> {
        Frame {
            address,
            name: Some((symbol, image, offset)),
        }
    }
}

/// One run of `symstacks.rb`.
#[derive(Clone, Debug, Default)]
pub struct Symstacks {
    text: String,
}

impl Symstacks {
    /// A run that prints nothing yet.
    #[must_use]
    pub fn new() -> Symstacks {
        Symstacks::default()
    }

    /// The line with the build.
    #[must_use]
    pub fn build_version(self, build: &str) -> Symstacks {
        self.line(&format!("Build Version: {build}"))
    }

    /// The head of a process.
    #[must_use]
    pub fn process(self, pid: i32, name: &str) -> Symstacks {
        self.line(&format!("PID: {pid}"))
            .line(&format!("    Process: {name}"))
    }

    /// The head of a thread that is blocked and cannot be interrupted.
    #[must_use]
    pub fn thread(self, id: u64) -> Symstacks {
        self.line(&format!("    Thread ID: {id:#x}"))
            .line("    Thread state: 0x9 == TH_WAIT |TH_UNINT ")
            .line("    Thread wait_event: 0xffffff8012345678")
    }

    /// A stack of the kernel, innermost frame first.
    #[must_use]
    pub fn kernel_stack(self, frames: &[Frame<'_>]) -> Symstacks {
        self.stack("Kernel", frames)
    }

    /// A stack of the process, innermost frame first.
    #[must_use]
    pub fn user_stack(self, frames: &[Frame<'_>]) -> Symstacks {
        self.stack("User", frames)
    }

    /// Any line.
    #[must_use]
    pub fn line(mut self, line: &str) -> Symstacks {
        self.text.push_str(line);
        self.text.push('\n');
        self
    }

    /// The text.
    #[must_use]
    pub fn build(self) -> String {
        self.text
    }

    fn stack(self, side: &str, frames: &[Frame<'_>]) -> Symstacks {
        let mut run = self.line(&format!("    {side} stack: "));
        for (depth, frame) in frames.iter().enumerate() {
            let indent = 4 + 2 * depth;
            let address = frame.address;
            run = run.line(&match frame.name {
                Some((symbol, image, offset)) => {
                    format!(
                        "{:indent$}{symbol} (in {image}) + {offset} ({address:#x})",
                        ""
                    )
                }
                None => format!("{:indent$}{address:#x}", ""),
            });
        }
        run
    }
}

/// A list of loaded kexts in the columns of OS X 10.8 and later.
#[derive(Clone, Debug)]
pub struct Kextstat {
    text: String,
    rows: u64,
}

impl Default for Kextstat {
    fn default() -> Kextstat {
        Kextstat::new()
    }
}

impl Kextstat {
    /// A list with its header.
    #[must_use]
    pub fn new() -> Kextstat {
        Kextstat::without_header().line(
            "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>",
        )
    }

    /// A list as `kextstat -l` prints it.
    #[must_use]
    pub fn without_header() -> Kextstat {
        Kextstat {
            text: String::new(),
            rows: 0,
        }
    }

    /// One kext; zero stands without `0x`, as `kmutil` prints it.
    #[must_use]
    pub fn kext(mut self, name: &str, uuid: Option<Uuid>, address: u64, size: u64) -> Kextstat {
        self.rows += 1;
        let number = |value: u64| match value {
            0 => "0".to_owned(),
            value => format!("{value:#x}"),
        };
        let (address, size) = (number(address), number(size));
        let uuid = uuid.map_or(String::new(), |uuid| {
            format!(" {}", uuid.hyphenated().to_string().to_uppercase())
        });
        let row = self.rows;
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.text,
            "{row:>5} {:>4} {address:<18} {size:<10} {size:<10} {name} (1.0.{row}){uuid} <5 4 3>",
            row % 7
        );
        self
    }

    /// Any line.
    #[must_use]
    pub fn line(mut self, line: &str) -> Kextstat {
        self.text.push_str(line);
        self.text.push('\n');
        self
    }

    /// The text.
    #[must_use]
    pub fn build(self) -> String {
        self.text
    }
}
