//! Keeping the best weights, and knowing when to stop waiting for better ones.

use std::sync::Arc;

use mmtl_metrics::{Blame, Score};
use mmtl_plan::{Plan, Snapshot};

use crate::criterion::{Criterion, Per, Selection};
use crate::evaluation::{Choice, Key, OutputScores, score_of};

/// The weights and state chosen for one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// For what.
    pub key: Key,
    /// The step whose weights these are.
    pub step: u64,
    /// Their score by the criterion.
    pub score: Score,
    /// Weights and state, without the optimiser's memory. Keys whose best step is the same share one.
    pub snapshot: Arc<Snapshot>,
}

/// The best of each key so far.
#[derive(Clone, Debug)]
pub(crate) struct BestSoFar {
    criterion: Criterion,
    patience: Option<u64>,
    keys: Vec<Key>,
    /// In the order of `keys`; `None` until a key first had a score.
    pub(crate) kept: Vec<Option<Best>>,
    /// Evaluations since the run last improved.
    pub(crate) stale: u64,
}

impl BestSoFar {
    /// Nothing yet, for the keys that `selection` gives weights of their own: always the run, first.
    pub(crate) fn new(selection: Selection, patience: Option<u64>, plan: &Plan) -> Self {
        let mut keys = vec![Key::Run];
        match selection.per {
            Per::Run => {}
            Per::Task => keys.extend((0..plan.outputs.len()).map(Key::Output)),
            Per::Scene => keys.extend((0..plan.schema.scenes.len()).map(Key::Scene)),
        }
        let kept = vec![None; keys.len()];
        Self { criterion: selection.score.of_fit(plan), patience, keys, kept, stale: 0 }
    }

    /// The score of each key, and whether it is better than all before. Ties keep the earlier.
    pub(crate) fn judge(&self, outputs: &[OutputScores]) -> Vec<Choice> {
        let choice = |(key, kept): (&Key, &Option<Best>)| {
            let score = score_of(outputs, self.criterion, *key);
            Choice { key: *key, score, best: self.is_better(score, kept.as_ref().map(|best| best.score)) }
        };
        self.keys.iter().zip(&self.kept).map(choice).collect()
    }

    fn is_better(&self, score: Score, than: Option<Score>) -> bool {
        let merit = |score: Score| score.value().map(|value| self.criterion.better().merit(value));
        merit(score) > than.and_then(merit)
    }

    /// Takes the choices of [`BestSoFar::judge`] over; `snapshot` is needed where one of them is the best so far.
    /// Patience runs out by evaluations that did not better the run's score, those left out that no model could score.
    pub(crate) fn keep(&mut self, step: u64, choices: &[Choice], snapshot: Option<&Arc<Snapshot>>) {
        for (kept, choice) in self.kept.iter_mut().zip(choices) {
            if let (true, Some(snapshot)) = (choice.best, snapshot) {
                *kept = Some(Best { key: choice.key, step, score: choice.score, snapshot: snapshot.clone() });
            }
        }
        self.stale = stale_after(self.stale, &choices[0]);
    }

    /// Whether patience has run out.
    pub(crate) fn exhausted(&self) -> bool {
        self.patience.is_some_and(|patience| self.stale >= patience)
    }

    /// Weights for every key, the run first: its best; where a key never had a score the run's, and where the run
    /// never had one either `last`. Such a choice carries the undefined score of the last evaluation, `choices`.
    pub(crate) fn settle<E>(
        self,
        choices: &[Choice],
        last: impl FnOnce() -> Result<(u64, Arc<Snapshot>), E>,
    ) -> Result<Vec<Best>, E> {
        let (step, snapshot) = match &self.kept[0] {
            Some(best) => (best.step, best.snapshot.clone()),
            None => last()?,
        };
        let instead = |choice: &Choice| Best { key: choice.key, step, score: choice.score, snapshot: snapshot.clone() };
        let settled = |(choice, kept): (&Choice, Option<Best>)| kept.unwrap_or_else(|| instead(choice));
        Ok(choices.iter().zip(self.kept).map(settled).collect())
    }
}

/// Evaluations since the run last improved, once it has this choice: one that no model could score does not count.
pub(crate) fn stale_after(stale: u64, run: &Choice) -> u64 {
    let unscorable = run.score.reason().is_some_and(|reason| reason.blame() == Blame::Data);
    match (run.best, unscorable) {
        (true, _) => 0,
        (false, true) => stale,
        (false, false) => stale + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use mmtl_metrics::{Metric, Reason, Scored};

    use crate::evaluation::CellScores;

    const BLANK: Score = Score::Undefined(Reason::SingleClass);
    const BROKEN: Score = Score::Undefined(Reason::PredictionNotFinite);

    fn cell(score: Score) -> CellScores {
        let scored = Scored::over(score, 9);
        CellScores { skill: scored, metrics: vec![(Metric::Mse, scored)] }
    }

    /// Outputs of the fixture's two tasks in two scenes: (click, amount) over all rows, then in each scene.
    fn outputs(all: [Score; 2], scenes: [[Score; 2]; 2]) -> Vec<OutputScores> {
        let output = |task: usize| OutputScores {
            task,
            all: cell(all[task]),
            scenes: scenes.iter().map(|scene| cell(scene[task])).collect(),
        };
        vec![output(0), output(1)]
    }

    fn even(score: Score) -> Vec<OutputScores> {
        outputs([score; 2], [[score; 2]; 2])
    }

    fn snapshot(step: u64) -> Arc<Snapshot> {
        Arc::new(Snapshot { dense: vec![step as f32], tables: vec![], states: vec![], memory: None })
    }

    /// Plays evaluations at steps 1, 2, …; returns the kept steps in the order of keys and the step at which patience
    /// ran out.
    fn play(selection: Selection, patience: u64, history: &[Vec<OutputScores>]) -> (Vec<u64>, Option<u64>) {
        let mut best = BestSoFar::new(selection, Some(patience), &fixture::plan());
        let mut choices = vec![];
        for (step, outputs) in (1..).zip(history) {
            choices = best.judge(outputs);
            best.keep(step, &choices, Some(&snapshot(step)));
            if best.exhausted() {
                return (steps(best, &choices, step), Some(step));
            }
        }
        let last = history.len() as u64;
        (steps(best, &choices, last), None)
    }

    fn steps(best: BestSoFar, choices: &[Choice], last: u64) -> Vec<u64> {
        let settled = best.settle(choices, || Ok::<_, ()>((last, snapshot(last)))).unwrap();
        assert!(settled.iter().all(|best| best.snapshot.dense == [best.step as f32]));
        settled.iter().map(|best| best.step).collect()
    }

    fn skill(per: Per) -> Selection {
        Selection { score: Criterion::Skill, per }
    }

    fn runs(scores: &[f64]) -> Vec<Vec<OutputScores>> {
        scores.iter().map(|score| even(Score::Value(*score))).collect()
    }

    #[test]
    fn the_best_is_kept_and_ties_keep_the_earlier() {
        assert_eq!(play(skill(Per::Run), 9, &runs(&[0.1, 0.4, 0.3, 0.4, 0.2])), (vec![2], None));
        assert_eq!(play(skill(Per::Run), 9, &runs(&[-0.3, -0.1, -0.2])), (vec![2], None));
    }

    #[test]
    fn patience_counts_evaluations_since_the_run_last_improved() {
        let history = runs(&[0.1, 0.4, 0.4, 0.3, 0.5]);
        assert_eq!(play(skill(Per::Run), 1, &history), (vec![2], Some(3)));
        assert_eq!(play(skill(Per::Run), 2, &history), (vec![2], Some(4)));
        assert_eq!(play(skill(Per::Run), 3, &history), (vec![5], None));
    }

    #[test]
    fn a_lower_error_is_better() {
        let amount = Criterion::Metric { task: 1, metric: Metric::Mse };
        let selection = Selection { score: amount, per: Per::Run };
        assert_eq!(play(selection, 9, &runs(&[0.4, 0.2, 0.3])), (vec![2], None));
    }

    #[test]
    fn each_task_keeps_its_own() {
        let [low, high] = [0.1, 0.5].map(Score::Value);
        let all = [[low, high], [high, low], [low, low]];
        let history = all.map(|all| outputs(all, [[low; 2]; 2]));
        // The run's means tie at steps 1 and 2.
        assert_eq!(play(skill(Per::Task), 9, &history).0, [1, 2, 1]);
    }

    #[test]
    fn each_scene_keeps_its_own_and_one_without_a_score_takes_the_run_s() {
        let [low, high] = [0.1, 0.5].map(Score::Value);
        let scenes = [[[low; 2], [BLANK; 2]], [[low, high], [BLANK; 2]], [[low; 2], [BLANK; 2]]];
        let all = [low, low, high];
        let history: Vec<_> = all.iter().zip(scenes).map(|(all, scenes)| outputs([*all; 2], scenes)).collect();
        assert_eq!(play(skill(Per::Scene), 9, &history).0, [3, 2, 3]);
    }

    #[test]
    fn a_broken_evaluation_is_never_best_and_costs_patience() {
        let history = [even(Score::Value(-0.9)), even(BROKEN), even(BROKEN), even(Score::Value(0.2))];
        assert_eq!(play(skill(Per::Run), 3, &history), (vec![4], None));
        assert_eq!(play(skill(Per::Run), 2, &history), (vec![1], Some(3)));
    }

    #[test]
    fn rows_that_cannot_be_scored_never_end_a_fit_and_the_last_weights_stand() {
        let history = vec![even(BLANK); 5];
        assert_eq!(play(skill(Per::Run), 1, &history), (vec![5], None));
        let mut best = BestSoFar::new(skill(Per::Run), None, &fixture::plan());
        let choices = best.judge(&history[0]);
        best.keep(1, &choices, None);
        let settled = best.settle(&choices, || Ok::<_, ()>((1, snapshot(1)))).unwrap();
        assert_eq!(settled[0].score, Score::Undefined(Reason::Empty));
    }
}
