//! When a fit is looked at, and on which rows. All of it follows from the specification, the rows and the engine's kind,
//! never from the clock: a resumed fit is looked at after the same steps, on the same rows.

use mmtl_data::Dataset;
use mmtl_plan::{Batch, EngineError, Pass, Plan, Session};

use crate::error::TrainError;
use crate::insight::{GateInsight, Insight, cosines, scenes};
use crate::rows::FitRows;
use crate::timetable::Timetable;

/// Looks take one part in this of the time at most: half of it for gates, half for gradients. Time is counted in rows that
/// pass forward, of which a row that passes back is two.
const SHARE: u64 = 64;

/// Fewer rows say too little: then there are fewer looks.
const LEAST_ROWS: u64 = 64;

/// More rows of gates say no more.
pub(crate) const MOST_GATE_ROWS: u64 = 1024;

/// Rows of gradients at most. So many pass in the memory of steps, even of an engine with one thread.
pub(crate) const MOST_GRADIENT_ROWS: u64 = 256;

/// The masks of looks are those of no step: what differs from one look to the next is the weights.
const NO_STEP: u64 = 0;

/// How much is looked at, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Validation rows whose gates are looked at.
    pub gates: usize,
    /// Train rows whose gradients are looked at.
    pub gradients: usize,
    /// Evaluations from a look to the next.
    pub every: u64,
}

impl Rate {
    /// For a fit of `objectives` objectives on `valid` validation rows, by an engine that takes as long for
    /// [`mmtl_plan::Engine::least_rows`] as for fewer.
    pub(crate) fn new(timetable: &Timetable, valid: usize, (gated, objectives): (bool, usize), least: usize) -> Self {
        let rows = timetable.rows as u64;
        let between = (timetable.eval_every * timetable.rows as f64) as u64;
        let trained = between.max(rows.min(timetable.batch_size as u64)).min(timetable.epochs * rows);
        let may_take = (3 * trained + valid as u64) / SHARE;
        // A pass forward, and one back for each objective.
        let passes = 1 + 2 * objectives as u64;
        let gates = (may_take / 2).clamp(LEAST_ROWS, MOST_GATE_ROWS);
        let gradients = (may_take / 2 / passes).clamp(LEAST_ROWS, MOST_GRADIENT_ROWS);
        let takes = |wanted: bool, rows: u64, passes| if wanted { rows.max(least as u64) * passes } else { 0 };
        let taken = takes(gated, gates, 1) + takes(objectives > 1, gradients, passes);
        Self { gates: gates as usize, gradients: gradients as usize, every: taken.div_ceil(may_take.max(1)).max(1) }
    }
}

/// The rows that a fit is looked at on.
pub(crate) struct Looks {
    timetable: Timetable,
    every: u64,
    /// Validation rows, if there is a gate.
    gates: Option<Batch>,
    /// Train rows, if there are several objectives and memory for their gradients.
    gradients: Option<Batch>,
    /// Each objective alone.
    alone: Vec<Vec<f32>>,
}

impl Looks {
    pub(crate) fn new(dataset: &Dataset, plan: &Plan, rows: &FitRows, timetable: Timetable, least: usize) -> Self {
        let objectives = plan.objectives.len();
        let gated = plan.gates().next().is_some();
        let rate = Rate::new(&timetable, rows.valid().len(), (gated, objectives), least);
        let batch = |rows: &[u32], fill: fn(&Dataset, &[u32], &mut Batch)| {
            let mut batch = Batch::default();
            fill(dataset, rows, &mut batch);
            batch
        };
        let seen = of_each_scene(dataset, rows.valid(), rate.gates);
        let trained = spread(rows.train(), rate.gradients.min(timetable.batch_size));
        let alone = |k| (0..objectives).map(|j| f32::from(u8::from(j == k))).collect();
        Self {
            timetable,
            every: rate.every,
            gates: (gated && !seen.is_empty()).then(|| batch(&seen, Dataset::gather)),
            gradients: (objectives > 1).then(|| batch(&trained, Dataset::fill)),
            alone: (0..objectives).map(alone).collect(),
        }
    }

    /// Whether it is time for one after the evaluation of `step`. They are counted from the last one back, which is looked at.
    pub(crate) fn are_due(&self, step: u64) -> bool {
        let left = self.timetable.evaluations() - self.timetable.evaluation(step);
        (self.gates.is_some() || self.gradients.is_some()) && left.is_multiple_of(self.every)
    }

    /// Looks at a session, which goes on as if nobody had.
    pub(crate) fn take(&mut self, session: &mut dyn Session, step: u64) -> Result<Insight, TrainError> {
        let starts = self.gates.as_ref().map_or(&[][..], |batch| &batch.scene_starts);
        let scenes = scenes(starts).map(|(scene, _)| scene).collect();
        Ok(Insight { step, scenes, gates: self.gates(session)?, cosines: self.cosines(session)? })
    }

    fn gates(&self, session: &mut dyn Session) -> Result<Vec<GateInsight>, TrainError> {
        let Some(batch) = &self.gates else { return Ok(vec![]) };
        let plan = session.plan().clone();
        let mut weights = vec![vec![]; plan.gates().count()];
        session.gates(batch, &mut weights)?;
        let of_op = |(gate, weights): (&mmtl_plan::Gate, &Vec<f32>)| {
            GateInsight::of(weights, &gate.mask, plan.slot(gate.out).width, &batch.scene_starts)
        };
        Ok(plan.gates().zip(&weights).map(of_op).collect())
    }

    fn cosines(&mut self, session: &mut dyn Session) -> Result<Vec<Option<f64>>, TrainError> {
        let Some(batch) = &self.gradients else { return Ok(vec![]) };
        let alone: Vec<&[f32]> = self.alone.iter().map(Vec::as_slice).collect();
        match session.gradients(batch, Pass::looking(NO_STEP), &alone) {
            Ok(()) => Ok(cosines(&session.gram()?)),
            // A fit that has room for its steps does not fail for the sake of a look.
            Err(EngineError::Memory { .. }) => {
                self.gradients = None;
                Ok(vec![])
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// `count` of `rows` at even distances, or all.
fn spread(rows: &[u32], count: usize) -> Vec<u32> {
    let count = count.min(rows.len());
    (0..count).map(|number| rows[number * rows.len() / count]).collect()
}

/// About `count` of `rows`, of each scene as many if it has them and one at least, but no more in all: each scene's gates are
/// looked at apart.
fn of_each_scene(dataset: &Dataset, rows: &[u32], count: usize) -> Vec<u32> {
    let mut scenes = vec![vec![]; dataset.schema().scenes.len()];
    for &row in rows {
        scenes[dataset.scene(row)].push(row);
    }
    scenes.retain(|rows| !rows.is_empty());
    let of_each = (count / scenes.len().max(1)).max(1);
    scenes.iter().flat_map(|rows| spread(rows, of_each)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rows: usize, eval_every: f64, objectives: usize, least: usize) -> Rate {
        let timetable = Timetable { rows, batch_size: 512, epochs: 8, eval_every };
        Rate::new(&timetable, rows / 4, (true, objectives), least)
    }

    #[test]
    fn looks_take_their_share_of_the_time() {
        for rows in [1_000, 18_000, 1_000_000] {
            for eval_every in [0.001, 0.1, 1.0, 3.0] {
                for objectives in 1..6 {
                    for least in [1, 64, 8192] {
                        let rate = rate(rows, eval_every, objectives, least);
                        let of_gradients = if objectives > 1 { 1 + 2 * objectives } else { 0 };
                        let taken = rate.gates.max(least) + rate.gradients.max(least) * of_gradients;
                        let steps = ((eval_every * rows as f64) as usize).max(512);
                        let trained = (3 * steps + rows / 4) as u64 * rate.every;
                        let share = taken as f64 / trained as f64;
                        assert!(share < 1.01 / SHARE as f64, "{rows} {eval_every} {objectives} {least}: {share}");
                    }
                }
            }
        }
    }

    #[test]
    fn there_are_as_many_rows_as_time_allows() {
        // Of 3 × 18000 + 4500 rows' worth of time 914 are for looks, and 457 for either kind.
        assert_eq!(rate(18_000, 1.0, 2, 64), Rate { gates: 457, gradients: 91, every: 1 });
        assert_eq!(rate(1_000_000, 1.0, 2, 64), Rate { gates: 1024, gradients: 256, every: 1 });
        // A sixty-fourth of 3 × 1800 + 4500 is 154, and the least are 64 + 5 × 64.
        assert_eq!(rate(18_000, 0.1, 2, 64), Rate { gates: 77, gradients: 64, every: 3 });
        assert_eq!(rate(18_000, 1.0, 2, 8192).every, 54);
    }

    #[test]
    fn rows_are_spread_evenly() {
        let rows: Vec<u32> = (0..10).map(|row| 3 * row).collect();
        assert_eq!(spread(&rows, 3), [0, 9, 18]);
        assert_eq!(spread(&rows, 10), rows);
        assert_eq!(spread(&rows, 99), rows);
        assert!(spread(&[], 5).is_empty());
    }
}
