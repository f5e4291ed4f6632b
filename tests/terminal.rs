//! The real binary in a real pseudo-terminal, and what stands on its screen.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// A terminal that somebody sits at.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Screen>,
    /// Set when nobody sits here any more: the thread that reads lets go of the terminal then, which closes it.
    closed: Arc<AtomicBool>,
}

/// What was drawn, and when the last of it came.
struct Screen {
    drawn: Mutex<(vt100::Parser, Instant)>,
    more: Condvar,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, (vt100::Parser, Instant)> {
        self.drawn.lock().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// Longer than anything that is waited for takes, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

impl Terminal {
    pub fn new(rows: u16, cols: u16) -> Self {
        let pair = native_pty_system().openpty(size(rows, cols)).unwrap();
        let drawn = Mutex::new((vt100::Parser::new(some(rows), some(cols), 0), Instant::now()));
        let screen = Arc::new(Screen { drawn, more: Condvar::new() });
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = closed.clone();
        let (shown, mut reader) = (screen.clone(), pair.master.try_clone_reader().unwrap());
        thread::spawn(move || {
            let mut bytes = [0; 1 << 14];
            while let Ok(read) = reader.read(&mut bytes) {
                {
                    let mut drawn = shown.lock();
                    drawn.0.process(&bytes[..read]);
                    drawn.1 = Instant::now();
                }
                shown.more.notify_all();
                if read == 0 || is_closed.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, slave: pair.slave, keys, screen, closed }
    }

    /// Starts a command here, as a shell would.
    pub fn start(&self, command: &Command) -> Box<dyn Child + Send + Sync> {
        // The parser keeps what the program before drew on the other screen, where terminals begin with an empty one.
        self.screen.lock().0.process(b"\x1b[?1049h\x1b[2J\x1b[?1049l");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.cwd(command.get_current_dir().unwrap());
        for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")] {
            builder.env(name, value);
        }
        for (name, value) in command.get_envs() {
            builder.env(name, value.unwrap_or_default());
        }
        for name in ["NO_COLOR", "LC_ALL", "LC_CTYPE"] {
            builder.env_remove(name);
        }
        self.slave.spawn_command(builder).unwrap()
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub fn resize(&self, rows: u16, cols: u16) {
        self.screen.lock().0.screen_mut().set_size(some(rows), some(cols));
        self.master.resize(size(rows, cols)).unwrap();
    }

    /// What stands on the screen.
    pub fn text(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// Looks at the screen.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.screen.lock().0.screen())
    }

    /// Waits until the screen is as wanted.
    pub fn wait(&self, wanted: &str, is_there: impl Fn(&str) -> bool) {
        self.drawn(wanted, Duration::ZERO, |screen| is_there(&screen.contents()));
    }

    /// Waits until the screen is as wanted and nothing more is drawn for so long; when the last of it came.
    pub fn drawn(&self, wanted: &str, quiet: Duration, is_there: impl Fn(&vt100::Screen) -> bool) -> Instant {
        let began = Instant::now();
        let mut drawn = self.screen.lock();
        loop {
            let is_quiet = drawn.1.elapsed() >= quiet;
            if is_quiet && is_there(drawn.0.screen()) {
                return drawn.1;
            }
            let text = || drawn.0.screen().contents();
            assert!(began.elapsed() < PATIENCE, "{wanted} never came; the screen is\n{}", text());
            let next = if is_quiet { PATIENCE } else { quiet.saturating_sub(drawn.1.elapsed()) };
            drawn = self.screen.more.wait_timeout(drawn, next).unwrap().0;
        }
    }

    /// Waits until a text stands on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// How the terminal treats keys and lines, and which of its screens is shown with what.
    pub fn modes(&self) -> (String, [bool; 3]) {
        let termios = self.master.get_termios().unwrap();
        let drawn = self.screen.lock();
        let screen = drawn.0.screen();
        let mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
        (format!("{termios:?}"), [screen.alternate_screen(), screen.hide_cursor(), mouse])
    }

    /// Waits until the terminal is in these modes again.
    pub fn wait_for_modes(&self, wanted: &(String, [bool; 3])) {
        let began = Instant::now();
        while self.modes() != *wanted {
            assert!(began.elapsed() < PATIENCE, "{:?} instead of {wanted:?}", self.modes());
            thread::sleep(Duration::from_millis(20));
        }
    }
}
