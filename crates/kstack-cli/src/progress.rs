//! What is shown on a terminal while something takes long.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

/// A sign of life on standard error; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

/// Shows what is going on, if a person is looking.
pub(crate) fn start(what: &str) -> Progress {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    // File names may hold what a terminal takes for commands.
    bar.set_message(what.replace(|c: char| c.is_control(), "?"));
    bar.enable_steady_tick(Duration::from_millis(120));
    Progress(bar)
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
