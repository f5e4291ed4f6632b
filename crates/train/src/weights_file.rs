//! The chosen weights of a fit as bytes, without what only training needs; see `sealed.rs`.

use mmtl_plan::Plan;
use serde::{Deserialize, Serialize};

use crate::best::Best;
use crate::error::TrainError;
use crate::model::Model;
use crate::sealed::{Kept, Kind, Shape, named_best, shared};

const KIND: Kind = Kind { name: "file of weights", format: 1 };

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    /// Of what plan; see [`of_plan`].
    plan: String,
    /// Each once, though several keys may share one.
    snapshots: Vec<Shape>,
    best: Vec<Option<Kept>>,
}

impl Model {
    /// The bytes of a file of its weights.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (snapshots, best) = shared(self.best().iter().map(Some));
        let shapes = snapshots.iter().map(|snapshot| Shape::of(snapshot)).collect();
        KIND.seal(&Contents { plan: of_plan(self.plan()), snapshots: shapes, best }, &named_best(&snapshots))
    }
}

/// The chosen weights of `plan`: the run's first, then those of each task or scene if they were chosen apart.
///
/// # Errors
/// When the bytes are not those that [`Model::to_bytes`] made of such a plan, or a newer version's.
pub fn weights_from_bytes(bytes: &[u8], plan: &Plan) -> Result<Vec<Best>, TrainError> {
    let (contents, file) = KIND.unseal::<Contents>(bytes)?;
    let expected = of_plan(plan);
    if contents.plan != expected {
        return Err(TrainError::OtherPlan { got: contents.plan, expected });
    }
    let best = KIND.read_best(&file, &contents.snapshots, contents.best)?;
    let best: Option<Vec<Best>> = best.into_iter().collect();
    best.filter(|best| !best.is_empty()).ok_or_else(|| KIND.damaged(&"a choice of weights is missing"))
}

/// What plans share exactly when they predict the same, however their labels were smoothed: a hexadecimal BLAKE3 hash.
fn of_plan(plan: &Plan) -> String {
    let text = serde_json::to_vec(&plan.clone().with_smooth_labels(0.0)).expect("all keys are strings");
    blake3::hash(&text).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mmtl_cpu::CpuEngine;
    use mmtl_metrics::Score;
    use mmtl_plan::{Engine, SessionOptions, Snapshot, TableUpdates};

    use super::*;
    use crate::evaluation::Key;
    use crate::fixture;
    use crate::model::digest;
    use crate::predict::Portions;

    fn model() -> Model {
        model_of(fixture::plan())
    }

    fn model_of(plan: Plan) -> Model {
        let plan = Arc::new(plan);
        let tables = TableUpdates::Exact;
        let options = SessionOptions { max_rows: 8, initialisation: 1, dropout: 1, tables };
        let mut session = CpuEngine::new(1).unwrap().session(plan, options).unwrap();
        let first = Arc::new(session.snapshot(false).unwrap());
        let mut other = Snapshot::clone(&first);
        other.dense.iter_mut().for_each(|value| *value += 1.0);
        let best = |key, step, snapshot: &Arc<Snapshot>| Best {
            key,
            step,
            score: Score::Value(0.25),
            snapshot: snapshot.clone(),
        };
        let other = Arc::new(other);
        let best = vec![best(Key::Run, 4, &first), best(Key::Scene(0), 2, &other), best(Key::Scene(1), 4, &first)];
        Model::new(session, Portions { rows: 8, ahead: 0 }, best).unwrap()
    }

    #[test]
    fn weights_come_back_bit_for_bit() {
        let model = model();
        let bytes = model.to_bytes();
        let back = weights_from_bytes(&bytes, model.plan()).unwrap();
        assert_eq!((&back[..], digest(&back)), (model.best(), model.digest()));
        assert!(Arc::ptr_eq(&back[0].snapshot, &back[2].snapshot), "choices of one step share its weights");
        assert_eq!(model.to_bytes(), bytes);
    }

    #[test]
    fn weights_of_smoothed_labels_are_those_of_the_plan() {
        let (plain, smooth) = (fixture::plan(), fixture::plan().with_smooth_labels(0.1));
        assert_ne!(plain, smooth);
        let model = model_of(smooth.clone());
        for plan in [plain, smooth] {
            let back = weights_from_bytes(&model.to_bytes(), &plan).unwrap();
            assert_eq!((&back[..], digest(&back)), (model.best(), model.digest()));
        }
    }

    #[test]
    fn damage_newer_formats_and_other_plans_are_told_apart() {
        let model = model();
        let bytes = model.to_bytes();
        let error = |bytes: &[u8], plan: &Plan| weights_from_bytes(bytes, plan).unwrap_err().to_string();
        for at in (0..bytes.len()).step_by(37) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(weights_from_bytes(&flipped, model.plan()).is_err(), "byte {at}");
            assert!(weights_from_bytes(&bytes[..at], model.plan()).is_err(), "cut at {at}");
        }
        assert_eq!(error(b"", model.plan()), "the file of weights is damaged: header too small");
        let text = b"{\\\"format\\\":";
        let at = bytes.windows(text.len()).position(|window| window == text).unwrap() + text.len();
        let mut newer = bytes.clone();
        newer[at] = b'9';
        assert!(error(&newer, model.plan()).contains("the file of weights has format 9, expected at most 1"));
        let other = Plan { name: "other".into(), ..model.plan().clone() };
        assert!(error(&bytes, &other).contains("belong to another plan"), "{}", error(&bytes, &other));
    }
}
