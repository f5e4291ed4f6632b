//! Where rows come from and how they reach a model.
//!
//! A [`Source`] is a table of raw columns and a card that says what they mean. The table is gone through twice: first to fit
//! vocabularies, means and bins on train rows (and on nothing else), then to encode every row. The result is kept in a
//! cache file that is mapped into memory, or in memory alone, as a [`Dataset`]. [`Dataset::fill`] gathers rows into
//! batches, which [`Batches`] prepares ahead of training in the order that an [`Order`] gives.
//!
//! ```
//! use mmtl_data::{Batches, Order, Part, describe, knobs, open};
//! use mmtl_plan::{Seeds, Settings, Value};
//!
//! let given = [("rows", Value::Int(500)), ("dim", Value::Int(8)), ("cache", Value::Bool(false))];
//! let settings = Settings::resolve(&knobs("synthetic")?, given.iter().map(|(key, value)| (*key, value)))?;
//! let seeds = Seeds::all(1);
//! let dataset = open(&settings, &seeds, "results/cache".as_ref(), &mut |_| {})?;
//! assert_eq!(dataset.schema().numeric_columns(), 8);
//! println!("{}", describe(&dataset));
//!
//! let order = Order::new(&seeds, dataset.rows(Part::Train), 64);
//! let mut batches = Batches::epochs(&dataset, &order, 0, 0, 2);
//! let first = batches.next().expect("training batches never end");
//! assert_eq!(first.batch.rows(), 64);
//! batches.give_back(first);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base;
mod batches;
mod cache;
mod card;
mod card_file;
mod card_source;
mod census;
mod chunk;
mod columns;
mod dataset;
mod describe;
mod error;
mod export;
mod expression;
mod fill;
mod fingerprint;
mod fitted_file;
#[cfg(test)]
mod fuzz;
mod guess;
mod interned;
mod kept;
mod knobs;
mod label_rules;
mod layout;
mod listed;
mod made_folders;
mod manifest;
mod moments;
mod open;
mod order;
mod pack;
mod parquet_file;
mod part;
mod prefetch;
mod prepare;
mod preprocessing;
mod progress;
mod read;
mod reviews;
mod room;
mod sheet;
mod shipped;
mod source;
mod split;
mod sub_second;
mod synthetic;
mod table;

pub use base::TaskBase;
pub use batches::{Batches, Prepared};
pub use card_source::{card_text, cards};
pub use columns::{Columns, FieldColumn};
pub use dataset::{Dataset, Slice};
pub use describe::{
    Correlation, Description, FieldDescription, Histogram, SceneDescription, SliceDescription, TaskDescription,
    describe,
};
pub use error::DataError;
pub use export::{export, export_split};
pub use guess::guess;
pub use knobs::{INPUTS, NOT_CONTENTS, knobs};
pub use open::{open, open_made, open_noting};
pub use order::Order;
pub use part::Part;
pub use prepare::Meaning;
pub use preprocessing::{NewRows, Preprocessing, Texts, VocabularyMeaning, preprocessing};
pub use progress::{Progress, Stage};
pub use sheet::{Cells, SheetColumn, SheetFormat, SheetWriter};
pub use source::{Source, source, sources};
