//! One dashboard in one terminal, from outside.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mmtl_grid::events::GridState;
use mmtl_grid::store::Store;
use portable_pty::Child;
use thousands::Separable;

use crate::terminal::Terminal;
use crate::{Done, program};

/// A screen is complete when nothing more is drawn for so long: far longer than the pauses within a frame, and shorter than
/// those between frames.
pub const QUIET: Duration = Duration::from_millis(5);

pub struct Visit {
    pub terminal: Terminal,
    child: Box<dyn Child + Send + Sync>,
    began: Instant,
}

impl Visit {
    /// Starts the dashboard, which tells of its frames in a file if there is one.
    pub fn begin(store: &Store, frames: Option<&Path>) -> Done<Self> {
        let terminal = Terminal::new(60, 200);
        let mut command = program();
        command.arg("watch").arg(store.root()).current_dir(store.root().parent().ok_or("the store lies in a folder")?);
        if let Some(file) = frames {
            command.arg("--frames").arg(file);
        }
        let began = Instant::now();
        let child = terminal.start(&command);
        Ok(Self { terminal, child, began })
    }

    /// Seconds from `exec` to a complete screen that tells everything: all runs are read, and the rate of those that run
    /// is in the status line.
    pub fn attached(&self, known: &GridState) -> f64 {
        let counts = known.counts();
        let done = format!("{} of {} done", counts.finished, counts.all());
        let rate = format!("{} rows/s", (known.rows_per_second() as u64).separate_with_commas());
        let drawn = self.terminal.drawn("everything", QUIET, |screen| {
            let status = screen.rows(0, 200).last().unwrap_or_default();
            status.contains(&done) && status.contains(&rate) && !status.contains("reading")
        });
        (drawn - self.began).as_secs_f64()
    }

    pub fn press(&mut self, keys: &str) {
        self.terminal.press(keys);
    }

    /// Milliseconds until a key's answer is complete.
    pub fn answer(&mut self, keys: &str, is_answer: impl Fn(&vt100::Screen) -> bool) -> f64 {
        let pressed = Instant::now();
        self.press(keys);
        (self.terminal.drawn(keys, QUIET, is_answer) - pressed).as_secs_f64() * 1000.0
    }

    /// Processor time so far.
    pub fn used(&self) -> Duration {
        let pid = self.child.process_id().expect("it was started");
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
        let after = stat.rsplit_once(')').expect("its name is in brackets").1;
        let ticks = after.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks"));
        // A tick is a hundredth of a second wherever Linux runs.
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// Cores used over a while.
    pub fn cores(&self, over: Duration) -> f64 {
        let before = self.used();
        std::thread::sleep(over);
        self.used().saturating_sub(before).as_secs_f64() / over.as_secs_f64()
    }

    /// The most memory that it had, in MB.
    pub fn peak_memory(&self) -> Done<f64> {
        let pid = self.child.process_id().ok_or("it was started")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak of memory is told")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
    }

    /// Leaves the grid running.
    pub fn leave(mut self) -> Done {
        self.press("q");
        self.terminal.wait("a question or the shell", |screen| {
            screen.contains("The grid still runs.") || !screen.contains("q: quit")
        });
        if self.terminal.text().contains("The grid still runs.") {
            self.press("l");
        }
        let ended = self.child.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("the dashboard ended with {ended}").into()) }
    }
}
