//! A grid played back: the lines of a store at the times at which they were written, faster.

use std::time::Instant;

use mmtl_grid::events::{Happened, RunLine};
use mmtl_grid::store::{Line, Store};
use mmtl_grid::{GridError, TrialKey};

use crate::event::Event;

/// Lines by time, and how far they are played.
pub struct Replay {
    lines: Vec<(u64, Happened)>,
    next: usize,
    /// Milliseconds of the grid's for each of the viewer's.
    speed: f64,
    /// The grid's time.
    now: f64,
    looked: Instant,
}

/// Nobody waits for something to happen in a grid of the past: longer pauses, in its own milliseconds, are cut to this.
const PAUSE: f64 = 10_000.0;

impl Replay {
    /// Reads a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &Store, speed: f64) -> Result<Self, GridError> {
        let mut lines = vec![];
        let mut last = 0;
        store.grid_lines().poll_each(|line| {
            if let Line::Value(line) = line {
                last = line.at.max(last);
                lines.push((last, Happened::Grid(line)));
            }
        })?;
        for run in store.runs()? {
            let mut last = 0;
            if run.events_file().exists() {
                run.events().poll_each(|line| {
                    if let Line::Value(line) = line {
                        // Lines of one file keep their order, whatever the clock did.
                        last = line.at.max(last);
                        lines.push((last, Happened::Run(run.key().clone(), line)));
                    }
                })?;
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        let now = lines.first().map_or(0.0, |(at, _)| *at as f64);
        Ok(Self { lines, next: 0, speed, now, looked: Instant::now() })
    }

    /// The events since the last call, with the time that they make it.
    pub fn due(&mut self) -> Vec<Event> {
        self.now += self.looked.elapsed().as_secs_f64() * 1000.0 * self.speed;
        self.looked = Instant::now();
        if let Some((at, _)) = self.lines.get(self.next) {
            self.now = self.now.max(*at as f64 - PAUSE);
        }
        let from = self.next;
        let now = self.now as u64;
        self.next += self.lines[from..].iter().take_while(|(at, _)| *at <= now).count();
        let happened = self.lines[from..self.next].iter().map(|(_, happened)| Event::Happened(happened.clone()));
        happened.chain([Event::Clock(now)]).collect()
    }

    /// The lines of a run so far, for its curves.
    pub fn lines_of(&self, key: &TrialKey) -> Vec<RunLine> {
        let of = |(_, happened): &(u64, Happened)| match happened {
            Happened::Run(of, line) if of == key => Some(line.clone()),
            Happened::Run(..) | Happened::Grid(_) => None,
        };
        self.lines[..self.next].iter().filter_map(of).collect()
    }
}
