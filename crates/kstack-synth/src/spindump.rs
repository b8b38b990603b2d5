//! Text of `spindump(8)` in the timeline layout.

use std::fmt::Write as _;

/// One frame of a call tree: where it is, what it is called there, and whether it is the kernel's.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its address.
    pub address: u64,
    /// Function and offset into it, where spindump knew them.
    pub function: Option<(&'a str, u64)>,
    /// Image and offset into it.
    pub image: (&'a str, u64),
    /// Whether it carries the kernel's star.
    pub is_kernel: bool,
}

/// A spindump in the making.
#[derive(Clone, Debug)]
pub struct Spindump {
    text: String,
    samples: u32,
}

impl Spindump {
    /// A spindump of that many samples, with nothing but its header.
    #[must_use]
    pub fn new(samples: u32) -> Spindump {
        Spindump {
            text: format!(
                "Date/Time:        2013-02-11 09:41:07.000 +0000\n\
                 OS Version:       Mac OS X 10.8.2 (Build 12C60)\n\
                 Architecture:     x86_64\n\
                 Report Version:   18\n\
                 Steps:            {samples} (100ms sampling interval)\n\n\
                 Timeline format: stacks are sorted chronologically\n\n"
            ),
            samples,
        }
    }

    /// The head of a process.
    #[must_use]
    pub fn process(mut self, pid: i32, name: &str) -> Spindump {
        let samples = self.samples;
        self.line(format_args!("Process:          {name} [{pid}]"));
        self.line(format_args!("Path:             /usr/sbin/{name}"));
        self.line(format_args!("Num samples:      {samples} (1-{samples})\n"));
        self
    }

    /// A thread that stood in one stack all the time; frames outermost first.
    #[must_use]
    pub fn thread(mut self, id: u64, frames: &[Frame<'_>]) -> Spindump {
        let samples = self.samples;
        self.line(format_args!(
            "  Thread {id:#x}    {samples} samples (1-{samples})    priority 31 (base 31)"
        ));
        for (depth, frame) in frames.iter().enumerate() {
            let mark = if frame.is_kernel { '*' } else { ' ' };
            let function = match frame.function {
                Some((name, offset)) => format!("{name} + {offset}"),
                None => "???".to_owned(),
            };
            let (image, offset) = frame.image;
            self.line(format_args!(
                "{:indent$}{mark}{samples}  {function} ({image} + {offset}) [{:#x}] 1-{samples}",
                "",
                frame.address,
                indent = 2 * depth + 1
            ));
        }
        self.text.push('\n');
        self
    }

    /// The list of the process's images: name, first and last address.
    #[must_use]
    pub fn images(mut self, images: &[(&str, u64, u64)]) -> Spindump {
        self.line(format_args!("  Binary Images:"));
        for (name, first, last) in images {
            self.line(format_args!(
                "  {first:#20x} - {last:#18x}  {name} (1)  <AABBCCDD-0000-3000-8000-001122334455>  /usr/lib/{name}"
            ));
        }
        self.text.push('\n');
        self
    }

    /// The text.
    #[must_use]
    pub fn build(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}
