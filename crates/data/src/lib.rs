//! Where rows come from and how they reach a model: sources, preprocessing fitted on train rows, splits, a
//! memory-mapped column cache, and batches.

mod base;
mod batches;
mod chunk;
mod columns;
mod dataset;
mod error;
mod fill;
mod fingerprint;
mod label_rules;
mod layout;
mod manifest;
mod open;
mod order;
mod pack;
mod part;
mod progress;
mod source;

pub use base::TaskBase;
pub use batches::{Batches, Prepared};
pub use columns::{Columns, FieldColumn};
pub use dataset::{Dataset, Slice};
pub use error::DataError;
pub use open::open;
pub use order::Order;
pub use part::Part;
pub use progress::{Progress, Stage};
pub use source::{Source, knobs, source, sources};
