//! A Chromium without a window, told what to do through the pipe of the `DevTools` protocol.
//!
//! `--remote-debugging-pipe` needs neither a port nor a web socket: requests
//! and answers are JSON texts, each ended by a zero byte, on the descriptors
//! 3 and 4. A shell moves our pipes there, so no library is needed for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::tool::tool;

/// What it is called on the systems that have it.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// The program of this machine.
pub(super) fn find() -> Option<&'static str> {
    let starts = |name: &&&str| {
        let version = tool(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    NAMES.iter().find(starts).copied()
}

/// A running browser with one page. Dropping it ends it.
pub(super) struct Chromium {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    /// What the page wrote to its console, what it threw, and what its policy refused.
    pub(super) complaints: Vec<String>,
}

impl Chromium {
    pub(super) fn start(program: &str, profile: &Path) -> Result<Chromium> {
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null",
                program,
            ])
            // Its sandbox needs rights that a container does not give; the pages are our own.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--disable-background-networking",
            ])
            .args([
                "--hide-scrollbars",
                "--force-color-profile=srgb",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {program}"))?;
        let requests = child.stdin.take().context("its input is a pipe")?;
        let answers = child.stdout.take().context("its output is a pipe")?;
        let mut browser = Chromium {
            child,
            requests,
            answers: BufReader::new(answers),
            session: None,
            last: 0,
            complaints: Vec::new(),
        };
        browser.attach()?;
        Ok(browser)
    }

    fn attach(&mut self) -> Result<()> {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", target)?;
        let session = session["sessionId"]
            .as_str()
            .context("a session has an id")?;
        self.session = Some(session.to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(())
    }

    /// Sends a request and waits for its answer; complaints that come before it are kept.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.send(method, params)?;
        loop {
            let mut message = self.receive()?;
            if message["id"] == id {
                if let Some(error) = message.get("error") {
                    bail!("{method}: {error}");
                }
                return Ok(message["result"].take());
            }
        }
    }

    fn send(&mut self, method: &str, params: Value) -> Result<u64> {
        self.last += 1;
        let mut request = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&request)?;
        bytes.push(0);
        self.requests
            .write_all(&bytes)
            .context("the browser is gone")?;
        Ok(self.last)
    }

    /// The next message; those that complain are kept.
    fn receive(&mut self) -> Result<Value> {
        let mut bytes = Vec::new();
        self.answers.read_until(0, &mut bytes)?;
        ensure!(bytes.pop() == Some(0), "the browser is gone");
        let message: Value = serde_json::from_slice(&bytes)?;
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" => {
                self.complaints.push(format!("console: {}", params["args"]))
            }
            "Runtime.exceptionThrown" => {
                let details = &params["exceptionDetails"];
                self.complaints.push(format!("thrown: {details}"));
            }
            "Log.entryAdded" => self
                .complaints
                .push(format!("log: {}", params["entry"]["text"])),
            "Page.javascriptDialogOpening" => {
                self.complaints
                    .push(format!("dialog: {}", params["message"]));
                // The page waits until it is closed. Its answer is passed over.
                self.send("Page.handleJavaScriptDialog", json!({ "accept": false }))?;
            }
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                if !url.starts_with("file:") && !url.starts_with("about:") {
                    self.complaints.push(format!("request: {url}"));
                }
            }
            _ => {}
        }
        Ok(message)
    }

    /// Opens a file and waits until it is loaded.
    pub(super) fn open(&mut self, page: &Path) -> Result<()> {
        let page = page.canonicalize()?;
        let url = format!("file://{}", page.display());
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        ensure!(answer.get("errorText").is_none(), "{url}: {answer}");
        while self.receive()?["method"] != "Page.loadEventFired" {}
        Ok(())
    }

    /// The value of an expression in the page. The protocol may do what the page's policy forbids.
    pub(super) fn value(&mut self, expression: &str) -> Result<Value> {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params)?;
        if let Some(details) = answer.get("exceptionDetails") {
            bail!("{expression}: {details}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// Makes the window so large.
    pub(super) fn size(&mut self, width: u32, height: u32) -> Result<()> {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        Ok(())
    }

    /// What the system of the reader prefers: light or dark.
    pub(super) fn color_scheme(&mut self, scheme: &str) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        )?;
        Ok(())
    }

    /// Types one key, as a reader would.
    pub(super) fn press(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            _ => (0, key),
        };
        let mut params = json!({ "key": key, "windowsVirtualKeyCode": code, "text": text });
        for event in ["keyDown", "keyUp"] {
            params["type"] = json!(event);
            self.call("Input.dispatchKeyEvent", params.clone())?;
        }
        Ok(())
    }

    /// Types a text into whatever has the focus.
    pub(super) fn type_text(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", json!({ "text": text }))?;
        Ok(())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.call("Browser.close", json!({}));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
