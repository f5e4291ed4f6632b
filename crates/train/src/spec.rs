//! Everything that decides the numbers of one fit, beside engine and data.

use std::sync::Arc;

use mmtl_data::Dataset;
use mmtl_metrics::Metric;
use mmtl_plan::{Engine, Plan, Seeds, SessionOptions};

use crate::criterion::Selection;
use crate::rows::FitRows;
use crate::training::Training;

/// Rows of a batch of predictions where steps have fewer: small batches would waste an engine.
const PREDICT_ROWS: usize = 1024;

/// One fit.
#[derive(Clone, Debug)]
pub struct FitSpec {
    /// The model.
    pub plan: Arc<Plan>,
    /// How it is trained.
    pub training: Training,
    /// How its best weights are chosen.
    pub selection: Selection,
    /// Seeds; those of initialisation, order and dropout matter here.
    pub seeds: Seeds,
    /// The rows it may see.
    pub rows: FitRows,
    /// Metrics that every evaluation finds, beside the usual ones and that of the selection. They move no number.
    pub looks: Vec<Metric>,
}

impl FitSpec {
    /// The most rows that a batch of this fit has, predictions included.
    pub fn max_rows(&self) -> usize {
        self.training.batch_size.max(PREDICT_ROWS)
    }

    /// The plan whose steps are taken.
    pub(crate) fn plan_to_train(&self) -> Arc<Plan> {
        let smooth = |share| Arc::new(Plan::clone(&self.plan).with_smooth_labels(share));
        self.training.label_smoothing.map_or_else(|| self.plan.clone(), smooth)
    }

    pub(crate) fn session_options(&self) -> SessionOptions {
        SessionOptions {
            max_rows: self.max_rows(),
            initialisation: self.seeds.initialisation,
            dropout: self.seeds.dropout,
            tables: self.training.tables,
        }
    }

    /// What two fits share exactly when their numbers are the same, on engines of one numerics class: a hexadecimal
    /// BLAKE3 hash. A checkpoint carries it.
    pub fn identity(&self, engine: &dyn Engine, dataset: &Dataset) -> String {
        let parts = serde_json::to_vec(&(
            engine.name(),
            dataset.fingerprint(),
            self.plan.as_ref(),
            &self.training,
            self.selection,
            (self.seeds.initialisation, self.seeds.order, self.seeds.dropout),
            self.rows.scene(),
        ));
        blake3::hash(&parts.expect("all keys are strings")).to_hex().to_string()
    }
}
