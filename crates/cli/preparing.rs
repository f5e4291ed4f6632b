//! How far the preparation of data is: a line that is redrawn on a terminal, a line now and then elsewhere.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use mmtl_data::{Progress, Stage};
use mmtl_grid::Preparing;

use crate::follow::duration;
use crate::watch::draws_over;

const REDRAW_EVERY: Duration = Duration::from_millis(200);
/// Without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A line on standard error that is redrawn.
pub struct Line {
    last: Instant,
    terminal: bool,
    drawn: bool,
}

impl Line {
    pub fn new(plain: bool) -> Self {
        Self { last: Instant::now(), terminal: !plain && draws_over(), drawn: false }
    }

    /// Shows what it says by now on a terminal, even if it was just drawn: for what comes seldom.
    pub fn show_now(&mut self, text: impl FnOnce() -> String) {
        if self.terminal { self.draw(text) } else { self.show(text) }
    }

    /// Shows what it says by now, if it is time.
    pub fn show(&mut self, text: impl FnOnce() -> String) {
        if self.last.elapsed() < if self.terminal { REDRAW_EVERY } else { LINE_EVERY } {
            return;
        }
        self.draw(text);
    }

    fn draw(&mut self, text: impl FnOnce() -> String) {
        self.last = Instant::now();
        let text = text();
        if self.terminal {
            self.drawn = true;
            eprint!("\r{text}\x1b[K");
            let _ = io::stderr().flush();
        } else {
            eprintln!("{text}");
        }
    }

    /// Clears it.
    pub fn end(&self) {
        if self.drawn {
            eprint!("\r\x1b[K");
        }
    }
}

/// Says on standard error how far data are.
pub struct DataProgress {
    began: Instant,
    line: Line,
    /// Rows of data sets and stages that are done.
    rows_before: u64,
    latest: Option<Preparing>,
}

impl DataProgress {
    pub fn new(plain: bool) -> Self {
        Self { began: Instant::now(), line: Line::new(plain), rows_before: 0, latest: None }
    }

    /// Of a data set that is the only one.
    pub fn show_one(&mut self, progress: Progress) {
        self.show(Preparing { number: 0, of: 1, progress });
    }

    pub fn show(&mut self, now: Preparing) {
        if let Some(before) = self.latest
            && (before.number, before.progress.stage) != (now.number, now.progress.stage)
        {
            self.rows_before += before.progress.done;
        }
        self.latest = Some(now);
        let (rows_before, elapsed) = (self.rows_before, self.began.elapsed());
        self.line.show(|| line(&now, rows_before, elapsed));
    }

    /// Clears the line; how long it took.
    pub fn end(&self) -> Duration {
        self.line.end();
        self.began.elapsed()
    }
}

fn line(now: &Preparing, rows_before: u64, elapsed: Duration) -> String {
    let Preparing { number, of, progress: Progress { stage, done, share } } = *now;
    let seconds = elapsed.as_secs_f64().max(1e-3);
    let rate = (rows_before + done) as f64 / seconds;
    // Fitting and encoding are a pass over the rows each.
    let passes = 2 * number + usize::from(stage == Stage::Encode);
    let fraction = (passes as f64 + share) / (2 * of) as f64;
    let left = if fraction > 0.0 { duration((seconds * (1.0 - fraction) / fraction) as u64) } else { "?".to_owned() };
    let which = if of > 1 { format!(" set {} of {of}", number + 1) } else { String::new() };
    let percent = (100.0 * share).floor();
    format!("preparing data{which}: {} {done} rows, {percent} %; {rate:.0} rows/s; {left} left", stage.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_set_rate_and_time_left() {
        let at = |number, of, stage, done| Preparing {
            number,
            of,
            progress: Progress { stage, done, share: done as f64 / 100.0 },
        };
        let second = line(&at(1, 4, Stage::Encode, 50), 300, Duration::from_secs(7));
        assert_eq!(second, "preparing data set 2 of 4: encode 50 rows, 50 %; 50 rows/s; 0:09 left");
        let start = line(&at(0, 1, Stage::Fit, 0), 0, Duration::ZERO);
        assert_eq!(start, "preparing data: fit 0 rows, 0 %; 0 rows/s; ? left");
    }
}
