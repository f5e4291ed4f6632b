//! A run folded apart from its grid, so that many can be read at the same time.

use crate::events::fold::words;
use crate::events::{GridState, Level, RunLine, RunState};
use crate::key::TrialKey;

/// What the worker of a run has told, for [`GridState::adopt`].
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    run: RunState,
    /// What of it belongs in the log: time, level, text.
    words: Vec<(u64, Level, String)>,
    last_at: u64,
}

impl Told {
    /// Nothing yet.
    pub fn new(key: TrialKey) -> Self {
        Self { run: RunState::new(key), words: vec![], last_at: 0 }
    }

    /// Takes in a line, as [`GridState::apply`] does.
    pub fn take(&mut self, line: RunLine) {
        if self.run.is_behind(&line) {
            self.last_at = self.last_at.max(line.at);
            if let Some((level, text)) = words(&line.event) {
                self.words.push((line.at, level, text));
            }
            self.run.next(line);
        }
    }

    /// The run so far; what only its scheduler tells of it is not there.
    pub fn run(&self) -> &RunState {
        &self.run
    }
}

impl GridState {
    /// Takes in all that a run's worker has told at once: the same as [`GridState::apply`] of every line. A run of which
    /// as much is known already stays as it is.
    pub fn adopt(&mut self, told: Told) {
        let Told { run, words, last_at } = told;
        let known = self.run_mut(&run.key);
        if (run.attempt, run.seq) <= (known.attempt, known.seq) {
            return;
        }
        let key = run.key.clone();
        let planned = std::mem::replace(known, run);
        // What the scheduler tells.
        known.architecture = planned.architecture;
        known.protocol = planned.protocol;
        known.seed = planned.seed;
        known.rows = planned.rows;
        known.status = planned.status;
        known.priority = planned.priority;
        known.planned = planned.planned;
        known.abandoned = planned.abandoned;
        self.last_at = self.last_at.max(last_at);
        // Its scheduler may have told of a failure first.
        let is_new = |text: &String| !self.log.iter().any(|(_, of, _, told)| of.as_ref() == Some(&key) && told == text);
        let words: Vec<_> =
            words.into_iter().filter(|(_, level, text)| *level != Level::Error || is_new(text)).collect();
        for (at, level, text) in words {
            self.note(at, Some(key.clone()), level, text);
        }
    }
}
