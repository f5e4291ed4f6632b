//! Where a batch's words say what.

use mmtl_plan::Schema;

/// The words at a batch's beginning. Word 0 is the number of rows; the scenes' first rows and the end of the last follow.
pub struct Header {
    /// Number of scenes.
    scenes: usize,
    /// Number of fields.
    fields: usize,
}

impl Header {
    /// Of a data set's batches.
    pub fn new(schema: &Schema) -> Self {
        Self { scenes: schema.scenes.len(), fields: schema.fields.len() }
    }

    /// The word that says where a field's ids start; the next says where their bounds do, 0 for one id a row.
    pub fn field(&self, field: usize) -> u32 {
        (self.scenes + 2 + 2 * field) as u32
    }

    /// The words that say where labels, weights and reciprocals start among the numbers.
    pub fn labels(&self) -> u32 {
        self.field(self.fields)
    }

    /// The word that says where the rows' scenes start.
    pub fn scene_of(&self) -> u32 {
        self.labels() + 3
    }

    /// The word that says how many rows of tables are touched; the next says where their words start.
    pub fn touched(&self) -> u32 {
        self.scene_of() + 1
    }

    /// The same of the parts of their occurrences.
    pub fn parts(&self) -> u32 {
        self.touched() + 2
    }

    /// The same of the rows of several parts.
    pub fn splits(&self) -> u32 {
        self.parts() + 2
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.splits() as usize + 2
    }
}
