//! The terminal while a dashboard has it: raw, on its alternate screen, with a mouse. It is put back whatever happens:
//! at the end, on a panic, and before the process stops.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, PipeReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use rustix::event::{PollFd, PollFlags, poll};

use crate::event::Event;

/// The terminal, taken.
pub struct Taken {
    /// Where to draw.
    pub terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
    /// Put back after `terminal`, which prints when it is dropped on a terminal that is gone: onto that one, it would panic.
    _streams: Streams,
}

/// A screen is written at once: it has thousands of pieces, and a call of the system for each takes longer than to draw it.
const SCREEN: usize = 1 << 16;

/// Standard output and error, which are put back when this is dropped.
struct Streams;

impl Drop for Streams {
    fn drop(&mut self) {
        put_streams_back();
    }
}

/// Standard output and error as they were, while a dashboard has the terminal.
static BEFORE: Mutex<Option<(OwnedFd, OwnedFd)>> = Mutex::new(None);

impl Taken {
    /// Takes the terminal. What this process, or a library in it, prints from now on becomes an event instead of a stain.
    ///
    /// # Errors
    /// When the terminal cannot be had.
    pub fn take(printed: Sender<Event>) -> io::Result<Self> {
        let tty = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (reader, writer) = io::pipe()?;
        hook();
        let before = (io::stdout().as_fd().try_clone_to_owned()?, io::stderr().as_fd().try_clone_to_owned()?);
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        rustix::stdio::dup2_stdout(&writer)?;
        rustix::stdio::dup2_stderr(&writer)?;
        listen(reader, printed);
        end_with_the_terminal(io::stdin().as_fd().try_clone_to_owned()?);
        let streams = Streams;
        let mut taken = Self {
            terminal: Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(SCREEN, tty)))?,
            _streams: streams,
        };
        taken.enter()?;
        Ok(taken)
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen, EnableMouseCapture)?;
        self.terminal.hide_cursor()?;
        // `Terminal::clear` would ask the terminal for its cursor, on the standard output that this process has no more.
        self.terminal.resize(self.terminal.size()?.into())
    }

    fn leave(&mut self) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), DisableMouseCapture, LeaveAlternateScreen)?;
        self.terminal.show_cursor()?;
        disable_raw_mode()
    }

    /// Gives the terminal back, stops this process as `Ctrl-Z` does, and takes it again when the shell wakes it.
    ///
    /// # Errors
    /// When the terminal cannot be had.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.leave()?;
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.enter()
    }

    /// Sends bytes that draw nothing, such as those that fill a clipboard.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        backend.write_all(bytes)?;
        Write::flush(backend)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // A terminal that was closed cannot be put back, and needs not be.
        let _ = self.leave();
    }
}

/// Standard output and error as they were; nothing, if they are.
fn put_streams_back() {
    if let Some((out, error)) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = rustix::stdio::dup2_stdout(out);
        let _ = rustix::stdio::dup2_stderr(error);
    }
}

/// Lets a panic tell of itself on a terminal that is as it was.
fn hook() {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let taken = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if taken {
            put_streams_back();
            let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, ratatui::crossterm::cursor::Show);
            let _ = disable_raw_mode();
        }
        told(info);
    }));
}

/// Ends this process when its terminal is gone while a dashboard has it: crossterm's reader would spin on what is left of
/// the terminal, and never come back to hear a signal.
fn end_with_the_terminal(tty: OwnedFd) {
    thread::spawn(move || {
        // No event is asked for: what comes is a hang-up.
        while let Err(rustix::io::Errno::INTR) = poll(&mut [PollFd::new(&tty, PollFlags::empty())], None) {}
        // Who ends in good order may do so.
        thread::sleep(Duration::from_millis(300));
        if BEFORE.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            std::process::exit(128 + signal_hook::consts::SIGHUP);
        }
    });
}

/// Whether the terminal was closed, so that nothing can be drawn or heard any more.
pub fn is_gone() -> bool {
    let stdin = io::stdin();
    let mut ends = [PollFd::new(&stdin, PollFlags::empty())];
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut ends, Some(&now)).is_ok() && ends[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Makes events of the lines that are printed, until nobody can print any more.
fn listen(reader: PipeReader, printed: Sender<Event>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = vec![];
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if !text.is_empty() && printed.send(Event::Printed(None, vec![text])).is_err() {
                return;
            }
        }
    });
}
