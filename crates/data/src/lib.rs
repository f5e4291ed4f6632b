//! Where rows come from and how they reach a model: sources, preprocessing fitted on train rows, splits, a
//! memory-mapped column cache, and batches.

mod base;
mod batches;
mod cache;
mod card;
mod census;
mod chunk;
mod columns;
mod dataset;
mod describe;
mod error;
mod export;
mod fill;
mod fingerprint;
mod knobs;
mod label_rules;
mod layout;
mod manifest;
mod moments;
mod open;
mod order;
mod pack;
mod parquet_file;
mod part;
mod prepare;
mod progress;
mod reviews;
mod shipped;
mod source;
mod split;
mod synthetic;
mod table;

pub use base::TaskBase;
pub use batches::{Batches, Prepared};
pub use columns::{Columns, FieldColumn};
pub use dataset::{Dataset, Slice};
pub use describe::{
    Correlation, Description, FieldDescription, SceneDescription, SliceDescription, TaskDescription, describe,
};
pub use error::DataError;
pub use export::export;
pub use knobs::knobs;
pub use open::open;
pub use order::Order;
pub use part::Part;
pub use progress::{Progress, Stage};
pub use source::{Source, source, sources};
