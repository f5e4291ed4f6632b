//! Grids made up for a test.

use std::str::FromStr;

use mmtl_dash::{Event, State, Subject, Subjects};
use mmtl_grid::events::{Evaluated, GridEvent, GridLine, Happened, RunEvent, RunLine, RunStatus, ValidScore};
use mmtl_grid::store::FormatVersion;
use mmtl_grid::{Row, TrialKey};
use mmtl_metrics::{Kind, Metric, Score, Scored};
use mmtl_plan::Value;

/// A grid of one binary task: rows × seeds, in these states and with these AUCs by row, seed and scene.
pub struct Made<'a> {
    pub architectures: &'a [&'a str],
    pub seeds: u64,
    pub scenes: &'a [&'a str],
    pub status: &'a dyn Fn(usize, u64) -> RunStatus,
    pub auc: &'a dyn Fn(usize, u64, usize) -> Option<Score>,
}

/// The key of a made-up run.
pub fn key(number: usize) -> TrialKey {
    TrialKey::from_str(&format!("{number:016x}")).expect("16 digits")
}

/// A score on enough rows of both classes.
pub fn scored(score: Score) -> Scored {
    Scored { positives: Some(100), negatives: Some(100), ..Scored::over(score, 200) }
}

impl Made<'_> {
    /// What is known of it. The first row is the baseline.
    pub fn state(&self) -> State {
        let mut state = State::default();
        let tasks = vec![Subject {
            name: "click".into(),
            kind: Kind::Binary,
            compared_by: Metric::Auc,
            asked: vec![],
            at_looks: false,
        }];
        let scenes = self.scenes.iter().map(|scene| (*scene).to_owned()).collect();
        state.apply(Event::Subjects(Subjects { tasks, scenes, ..Subjects::default() }));
        let opened = GridEvent::Opened { experiment: "made up".into(), host: "vm".into(), pid: 1, jobs: 2, trials: 0 };
        let mut seq = 0;
        let mut grid = |state: &mut State, event| {
            seq += 1;
            let line = GridLine { v: FormatVersion(2), attempt: 1, seq, at: 1_000 + seq, event };
            state.apply(Event::Happened(Happened::Grid(line)));
        };
        grid(&mut state, opened);
        let mut number = 0;
        for (row, architecture) in self.architectures.iter().enumerate() {
            for seed in 1..=self.seeds {
                let rows = vec![Row {
                    architecture: (*architecture).to_owned(),
                    values: vec![("model.width".into(), Value::Int([8, 16, 24][row % 3]))],
                    ablation: None,
                    baseline: row == 0,
                    tuning: false,
                }];
                let (architecture, protocol) = ((*architecture).to_owned(), "joint".to_owned());
                let status = (self.status)(row, seed);
                let key = key(number);
                grid(&mut state, GridEvent::Planned { key: key.clone(), architecture, protocol, seed, rows, status });
                self.evaluate(&mut state, &key, row, seed);
                number += 1;
            }
        }
        state.apply(Event::Clock(100_000));
        state
    }

    fn evaluate(&self, state: &mut State, key: &TrialKey, row: usize, seed: u64) {
        let valid = |(place, scene): (usize, &&str)| {
            let scored = scored((self.auc)(row, seed, place)?);
            Some(ValidScore { task: "click".into(), scene: Some((**scene).to_owned()), metric: Metric::Auc, scored })
        };
        let scores: Vec<ValidScore> = self.scenes.iter().enumerate().filter_map(valid).collect();
        if scores.is_empty() {
            return;
        }
        let fits = vec!["all".to_owned()];
        let score = scores[0].scored.score;
        let evaluated = Evaluated { fit: 0, step: 40, epochs: 2.0, score, best: true, losses: vec![Some(0.5)], scores };
        let progress =
            RunEvent::Progress { fit: 0, step: 40, steps: 100, epochs: 2.0, rows_per_second: 5e4, losses: vec![] };
        let events = [
            RunEvent::Started { host: "vm".into(), pid: 2, threads: 1, fits },
            progress,
            RunEvent::Evaluated(evaluated),
        ];
        for (event, seq) in events.into_iter().zip(1..) {
            let line = RunLine { v: FormatVersion(2), attempt: 1, seq, at: 2_000 + 1_000 * seq, event };
            state.apply(Event::Happened(Happened::Run(key.clone(), line)));
        }
    }
}

/// Everything is finished.
pub fn finished(_: usize, _: u64) -> RunStatus {
    RunStatus::Finished
}

/// A score that grows with row and scene and varies with the seed.
#[expect(clippy::unnecessary_wraps, reason = "what `Made::auc` is: scores may be missing")]
pub fn growing(row: usize, seed: u64, scene: usize) -> Option<Score> {
    Some(Score::Value(0.6 + 0.01 * row as f64 + 0.001 * seed as f64 + 0.002 * scene as f64))
}
