//! The rows that a fit may see.

use mmtl_data::{Dataset, Part};

/// The train and validation rows of a fit. It is made from a data set's parts and in no other way, so a fit cannot be
/// given a test row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitRows {
    train: Vec<u32>,
    valid: Vec<u32>,
    scene: Option<usize>,
}

impl FitRows {
    /// Those of all scenes.
    pub fn all(dataset: &Dataset) -> Self {
        let rows = |part| dataset.rows(part).to_vec();
        Self { train: rows(Part::Train), valid: rows(Part::Valid), scene: None }
    }

    /// Those of one scene, an index into the schema's scenes.
    pub fn of_scene(dataset: &Dataset, scene: usize) -> Self {
        let rows = |part| dataset.rows(part).iter().copied().filter(|&row| dataset.scene(row) == scene).collect();
        Self { train: rows(Part::Train), valid: rows(Part::Valid), scene: Some(scene) }
    }

    /// Train rows, ascending.
    pub fn train(&self) -> &[u32] {
        &self.train
    }

    /// Validation rows, ascending.
    pub fn valid(&self) -> &[u32] {
        &self.valid
    }

    /// The one scene that they are of, if they are restricted to one.
    pub fn scene(&self) -> Option<usize> {
        self.scene
    }
}
