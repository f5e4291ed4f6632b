//! How long a grid still takes.

use std::collections::BTreeMap;

use crate::events::{GridState, RunState, RunStatus};

/// Durations of runs, in milliseconds.
#[derive(Default)]
struct Durations {
    sum: f64,
    count: f64,
}

impl Durations {
    fn add(&mut self, milliseconds: f64) {
        self.sum += milliseconds;
        self.count += 1.0;
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

/// Below this share of a run, what it took so far (opening data, first batches) says little about the rest.
const TELLING: f64 = 0.02;

impl GridState {
    /// Milliseconds until the last run ends: `None` until a run has come far enough to tell. What waits is taken to
    /// last as long as finished runs of its architecture do on average, else as all do; before any has finished, as
    /// the running ones will if they keep their pace. The work is spread over the places, and lasts at least as long
    /// as the longest run that runs; where all that is left is paused, nobody knows. Runs that tuning has yet to choose count as those that wait.
    pub fn time_left(&self) -> Option<u64> {
        let (mut finished, mut projected) = (Durations::default(), Durations::default());
        let mut by_architecture: BTreeMap<&str, Durations> = BTreeMap::new();
        for run in self.runs() {
            match run.status {
                RunStatus::Finished if run.attempt > 0 => {
                    finished.add(run.milliseconds() as f64);
                    by_architecture.entry(&run.architecture).or_default().add(run.milliseconds() as f64);
                }
                RunStatus::Running { .. } => {
                    if let Some(whole) = projection(run) {
                        projected.add(whole);
                    }
                }
                _ => {}
            }
        }
        let usual = finished.mean().or(projected.mean());
        let of = |architecture: &str| by_architecture.get(architecture).and_then(Durations::mean).or(usual);
        let (mut work, mut longest, mut places) = (0.0, 0.0f64, 0usize);
        for run in self.runs() {
            let left = match run.status {
                RunStatus::Queued => of(&run.architecture)?,
                RunStatus::Running { .. } => {
                    let whole = projection(run).or_else(|| of(&run.architecture))?;
                    let left = (whole - run.milliseconds() as f64).max(0.0);
                    longest = longest.max(left);
                    left
                }
                _ => continue,
            };
            work += left;
            places += 1;
        }
        for (architecture, count) in &self.ahead {
            work += *count as f64 * of(architecture)?;
            places = places.saturating_add(*count);
        }
        if places == 0 && self.counts().paused > 0 {
            return None;
        }
        let places = self.jobs.clamp(1, places.max(1)) as f64;
        Some((work / places).max(longest) as u64)
    }
}

/// The duration of a running run at its pace so far; stages (compiling kernels) do not come again.
fn projection(run: &RunState) -> Option<f64> {
    let (fraction, staged) = (run.fraction(), run.staged as f64);
    (fraction >= TELLING).then(|| staged + (run.milliseconds() as f64 - staged).max(0.0) / fraction)
}
