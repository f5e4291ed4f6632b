//! What is known of a data set beside its rows. The cache keeps it as JSON in its Arrow metadata.

use mmtl_plan::Schema;
use serde::{Deserialize, Serialize};

use crate::base::TaskBase;

/// What is known of a data set beside its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// See [`crate::Dataset::fingerprint`].
    pub fingerprint: String,
    /// With target scales filled in.
    pub schema: Schema,
    /// One for each task, over train rows.
    pub bases: Vec<TaskBase>,
    /// Names of the slices.
    pub slices: Vec<String>,
    /// For each field, rows without a value in train, valid and test.
    pub missing: Vec<[u64; 3]>,
    /// Whether rows are weighted.
    pub weighted: bool,
    /// Whether rows are grouped.
    pub grouped: bool,
}
