//! `.ips` reports: a header line and a body of JSON.

use std::fmt::Write;

/// A report in the making.
#[derive(Clone, Debug, Default)]
pub struct Ips {
    bug_type: String,
    body: Vec<(String, String)>,
    processes: Vec<String>,
    threads: Vec<String>,
    rows: Vec<String>,
}

impl Ips {
    /// A report of one bug type.
    #[must_use]
    pub fn new(bug_type: &str) -> Ips {
        Ips {
            bug_type: bug_type.to_owned(),
            ..Ips::default()
        }
    }

    /// A text of the body; slashes are escaped as Apple does.
    #[must_use]
    pub fn text(mut self, key: &str, value: &str) -> Ips {
        self.body.push((key.to_owned(), quoted(value)));
        self
    }

    /// A thread of the process that [`process`](Ips::process) closes; frames are row and offset.
    #[must_use]
    pub fn thread(
        mut self,
        id: u64,
        kernel: &[(u32, u64)],
        user: &[(u32, u64)],
        more: &str,
    ) -> Ips {
        let frames = |frames: &[(u32, u64)]| {
            let pairs: Vec<String> = frames
                .iter()
                .map(|(row, offset)| format!("[{row},{offset}]"))
                .collect();
            pairs.join(",")
        };
        self.threads.push(format!(
            "\"{id}\":{{\"id\":{id},\"state\":[\"TH_WAIT\",\"TH_UNINT\"],\"kernelFrames\":[{}],\"userFrames\":[{}]{more}}}",
            frames(kernel),
            frames(user)
        ));
        self
    }

    /// A process of the threads given since the last one.
    #[must_use]
    pub fn process(mut self, pid: i32, name: &str) -> Ips {
        let threads = std::mem::take(&mut self.threads).join(",");
        self.processes.push(format!(
            "\"{pid}\":{{\"pid\":{pid},\"procname\":{},\"threadById\":{{{threads}}}}}",
            quoted(name)
        ));
        self
    }

    /// A row of `binaryImages`.
    #[must_use]
    pub fn row(mut self, uuid: &str, base: u64, letter: &str) -> Ips {
        self.rows.push(format!("[\"{uuid}\",{base},\"{letter}\"]"));
        self
    }

    /// The header line alone.
    #[must_use]
    pub fn header(&self) -> String {
        format!(
            "{{\"bug_type\":\"{}\",\"timestamp\":\"2021-03-04 05:06:07.00 +0000\",\"os_version\":\"macOS 12.9 (21Z901)\"}}\n",
            self.bug_type
        )
    }

    /// The body alone.
    #[must_use]
    pub fn body(&self) -> String {
        let mut fields: Vec<String> = self
            .body
            .iter()
            .map(|(key, value)| format!("  \"{key}\" : {value}"))
            .collect();
        if !self.processes.is_empty() {
            fields.push(format!(
                "  \"processByPid\" : {{{}}}",
                self.processes.join(",\n")
            ));
        }
        if !self.rows.is_empty() {
            fields.push(format!(
                "  \"binaryImages\" : [\n{}\n]",
                self.rows.join(",\n")
            ));
        }
        format!("{{\n{}\n}}\n", fields.join(",\n"))
    }

    /// Header and body.
    #[must_use]
    pub fn build(&self) -> String {
        self.header() + &self.body()
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '"' | '\\' | '/' => {
                quoted.push('\\');
                quoted.push(character);
            }
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
