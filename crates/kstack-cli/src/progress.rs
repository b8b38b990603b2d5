//! What is shown on a terminal while something takes long.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What takes less is done before anybody could read what it was.
const PATIENCE: Duration = Duration::from_millis(400);

/// A sign of life on standard error, from when it takes long; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

/// Shows what is going on, if a person is looking.
pub(crate) fn start(what: &str) -> Progress {
    if !io::stderr().is_terminal() {
        return Progress(None);
    }
    let (done, is_done) = channel();
    let what = what.to_owned();
    let shown =
        thread::spawn(move || show(&what, PATIENCE, &is_done, ProgressDrawTarget::stderr()));
    Progress(Some((done, shown)))
}

/// Waits whether it takes long, and then shows it until it is done.
fn show(what: &str, patience: Duration, is_done: &Receiver<()>, target: ProgressDrawTarget) {
    if is_done.recv_timeout(patience) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    // File names may hold what a terminal takes for commands.
    bar.set_message(what.replace(|c: char| c.is_control(), "?"));
    bar.enable_steady_tick(Duration::from_millis(120));
    // The other end only ever goes away.
    let _ = is_done.recv();
    bar.finish_and_clear();
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, shown)) = self.0.take() {
            drop(done);
            // One that failed has nothing left on the screen either.
            let _ = shown.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that remembers, and tells when something was written.
    #[derive(Clone, Debug)]
    struct Screen(Arc<Mutex<String>>, Sender<()>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            let _ = self.1.send(());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(what: &str) -> String {
        let (written, is_written) = channel();
        let screen = Screen(Arc::default(), written);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let (done, is_done) = channel();
        let what = what.to_owned();
        let shown = thread::spawn(move || show(&what, Duration::ZERO, &is_done, target));
        is_written.recv().unwrap();
        drop(done);
        shown.join().unwrap();
        let text = screen.0.lock().unwrap();
        text.clone()
    }

    #[test]
    fn a_bar_of_nothing_told_nobody_what_was_going_on() {
        let shown = shown("naming the frames");
        assert!(shown.contains("naming the frames"), "{shown}");
        assert!(!shown.contains("0/0"), "{shown}");
    }

    #[test]
    fn the_name_of_a_file_does_not_steer_the_terminal() {
        assert!(!shown("reading a\u{1b}[2Jb").contains("\u{1b}[2J"));
    }
}
