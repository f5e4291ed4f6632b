//! Progress of a running grid as plain lines: a fold over its events.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mmtl_grid::Stop;
use mmtl_grid::TrialKey;
use mmtl_grid::events::{Ending, GridEvent, GridLine, GridState, Happened, RunLine, RunStatus};
use mmtl_grid::store::{Line, LineReader, Store, printable};

use crate::failure::Failure;
use crate::run::ask_to_stop;
use crate::watch::draws_over;

/// How following ended.
#[derive(Debug)]
pub struct Followed {
    /// How the scheduler ended; `None` when it died.
    pub ending: Option<Ending>,
    /// Runs that failed.
    pub failed: usize,
    /// Runs that wait, run or are paused.
    pub unfinished: usize,
    /// Whether `stop` was set.
    pub interrupted: bool,
}

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// When nothing is left to run, and the scheduler is about to end.
const LOOK_AT_LAST: Duration = Duration::from_millis(5);
/// Without a terminal, a line of progress this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The same for a run that does not train yet.
const STAGE_EVERY: Duration = Duration::from_secs(2);

/// Prints what happens in the grid until its scheduler, the `attempt`-th or a later one, ends. When `stop` is set, the
/// workers checkpoint and stop; when it is set once more, nobody waits for them.
pub fn follow(store: &Store, attempt: u32, stop: &Stop, plain: bool) -> Result<Followed, Failure> {
    let mut follower = Follower::new(store, attempt, plain);
    let mut interrupted = false;
    loop {
        // Asked first: whatever a scheduler that is gone has written is there to be read.
        let alive = store.scheduler().map_err(Failure::failed)?.is_some();
        follower.look()?;
        let state = &follower.state;
        if !alive {
            follower.bar.finish_and_clear();
            let counts = state.counts();
            let unfinished = counts.unfinished();
            // What an earlier one ended by says nothing of this one.
            let ending = state.ending.filter(|_| follower.opened);
            return Ok(Followed { ending, failed: counts.failed, unfinished, interrupted });
        }
        if stop.take() {
            if interrupted {
                follower.bar.finish_and_clear();
                eprintln!("left: what runs still checkpoints and stops; the next `mmtl run` goes on from there");
                return Err(Failure::interrupted());
            }
            interrupted = true;
            follower.say("stopping: runs checkpoint first (Ctrl-C again leaves them to it)");
            ask_to_stop(store)?;
        }
        thread::sleep(if follower.is_over() { LOOK_AT_LAST } else { LOOK_EVERY });
    }
}

impl Found {
    fn add(&mut self, status: &RunStatus) {
        *match status {
            RunStatus::Finished => &mut self.finished,
            RunStatus::Failed { .. } => &mut self.failed,
            RunStatus::NotApplicable { .. } => &mut self.not_applicable,
            RunStatus::Queued
            | RunStatus::Running { .. }
            | RunStatus::Paused
            | RunStatus::Cancelled
            | RunStatus::Pruned => &mut self.others,
        } += 1;
    }
}

struct Follower<'a> {
    store: &'a Store,
    state: GridState,
    lines: LineReader<GridLine>,
    runs: BTreeMap<TrialKey, LineReader<RunLine>>,
    bar: ProgressBar,
    terminal: bool,
    last_line: Instant,
    /// The scheduler's attempt that is followed; what earlier ones told is folded in silence.
    attempt: u32,
    /// Whether it has told of itself.
    opened: bool,
    /// How runs were found at its beginning.
    found: Found,
    /// The stage of each run that was last said, and when.
    stages: BTreeMap<TrialKey, (Instant, String)>,
}

/// Runs by how a scheduler found them.
#[derive(Clone, Copy, Default)]
struct Found {
    finished: usize,
    failed: usize,
    not_applicable: usize,
    others: usize,
    /// All of them, some of which may not be read yet.
    expected: usize,
    said: bool,
}

impl<'a> Follower<'a> {
    fn new(store: &'a Store, attempt: u32, plain: bool) -> Self {
        let terminal = !plain && draws_over();
        let bar = if terminal { ProgressBar::new(1000) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self {
            store,
            state: GridState::default(),
            lines: store.grid_lines(),
            runs: BTreeMap::new(),
            bar,
            terminal,
            last_line: Instant::now(),
            attempt,
            opened: false,
            found: Found::default(),
            stages: BTreeMap::new(),
        }
    }

    fn look(&mut self) -> Result<(), Failure> {
        let lines: Vec<GridLine> =
            self.lines.poll().map_err(Failure::failed)?.into_iter().filter_map(Line::into_value).collect();
        let attempt = lines.iter().map(|line| line.attempt).fold(self.attempt, u32::max);
        self.opened &= attempt == self.attempt;
        self.attempt = attempt;
        for line in lines {
            let current = line.attempt == self.attempt;
            let event = line.event.clone();
            self.state.apply(Happened::Grid(line));
            match event {
                GridEvent::Opened { trials, .. } if current => {
                    self.opened = true;
                    self.found = Found { expected: trials, ..Found::default() }
                }
                GridEvent::Planned { status, .. } if current => self.found.add(&status),
                GridEvent::Moved { key, status } if current => self.moved(&key, &status)?,
                GridEvent::Log { text, .. } if current => self.say(&printable(&text)),
                _ => {}
            }
        }
        if !self.opened {
            return Ok(());
        }
        let running: Vec<TrialKey> = self.state.running().map(|run| run.key.clone()).collect();
        for key in &running {
            self.read_run(key)?;
            self.stage(key);
        }
        self.progress();
        Ok(())
    }

    /// Whether the grid was seen to have no run left.
    fn is_over(&self) -> bool {
        let counts = self.state.counts();
        self.found.said && counts.unfinished() == 0
    }

    fn read_run(&mut self, key: &TrialKey) -> Result<(), Failure> {
        let store = self.store;
        let reader = self.runs.entry(key.clone()).or_insert_with(|| store.run(key).events());
        for line in reader.poll().map_err(Failure::failed)? {
            if let Line::Value(line) = line {
                self.state.apply(Happened::Run(key.clone(), line));
            }
        }
        Ok(())
    }

    /// Says once what was found.
    fn greet(&mut self) {
        let Found { finished, failed, not_applicable, others, expected, said } = self.found;
        let total = finished + failed + not_applicable + others;
        if !said && total > 0 && total == expected {
            self.found.said = true;
            let name = &self.state.experiment;
            let more = match self.state.ahead() {
                0 => String::new(),
                ahead => format!("; {ahead} more once tuning has chosen"),
            };
            self.say(&format!(
                "{name}: {total} runs, {finished} finished before, {failed} failed before, {not_applicable} n/a{more}"
            ));
        }
    }

    /// Says what a run does before it trains, such as compiling kernels.
    fn stage(&mut self, key: &TrialKey) {
        let Some(run) = self.state.run(key) else { return };
        let Some(stage) = &run.stage else { return };
        let (key, stage) = (key.clone(), stage.clone());
        if self.stages.get(&key).is_none_or(|(said, last)| said.elapsed() > STAGE_EVERY && *last != stage) {
            let row = run.rows.first().map_or_else(|| run.architecture.clone(), ToString::to_string);
            self.say(&format!("preparing {row} seed {} ({key}): {stage}", run.seed));
            self.stages.insert(key, (Instant::now(), stage));
        }
    }

    fn moved(&mut self, key: &TrialKey, status: &RunStatus) -> Result<(), Failure> {
        self.greet();
        self.read_run(key)?;
        let Some(run) = self.state.run(key) else { return Ok(()) };
        let row = run.rows.first().map_or_else(|| run.architecture.clone(), ToString::to_string);
        let seconds = run.milliseconds() as f64 / 1000.0;
        let said = match status {
            RunStatus::Finished => format!("finished  {row} seed {} ({key}) in {seconds:.1} s", run.seed),
            RunStatus::Failed { reason } => format!("failed    {row} seed {} ({key}): {reason}", run.seed),
            RunStatus::Cancelled => format!("cancelled {row} seed {} ({key})", run.seed),
            RunStatus::Pruned => format!("pruned    {row} seed {} ({key})", run.seed),
            RunStatus::Paused => format!("paused    {row} seed {} ({key})", run.seed),
            RunStatus::Queued | RunStatus::Running { .. } | RunStatus::NotApplicable { .. } => return Ok(()),
        };
        self.say(&said);
        Ok(())
    }

    fn progress(&mut self) {
        self.greet();
        let counts = self.state.counts();
        let total = self.state.total();
        let ended = counts.all() - counts.not_applicable - counts.unfinished();
        let left = self.state.time_left().map_or_else(|| "?".to_owned(), |ms| duration(ms / 1000));
        let text = format!(
            "{ended} of {total} runs, {} running, {} failed; {:.0} rows/s; {left} left",
            counts.running,
            counts.failed,
            self.state.rows_per_second()
        );
        let done: f64 = self.state.runs().map(mmtl_grid::events::RunState::fraction).sum();
        self.bar.set_position((1000.0 * done / total.max(1) as f64) as u64);
        self.bar.set_message(text.clone());
        if !self.terminal && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            self.say(&text);
        }
    }

    fn say(&self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            // The grid goes on where nobody can read of it; the tables at its end tell of output that fails.
            let _ = writeln!(io::stdout(), "{text}");
        }
    }
}

/// 3725 s as `1:02:05`.
pub fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
