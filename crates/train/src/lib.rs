//! The loop of one fit: schedules, steps, evaluation on validation rows, selection and stopping, checkpoints.
//!
//! Engines execute and this crate decides. Nothing here prints, writes a file or lets the clock near a number: a
//! [`Watcher`] is told what happens and may ask to stop, and a stopped fit goes on from its [`Checkpoint`] to the same
//! bits.

mod average;
mod best;
mod checkpoint;
mod checkpoint_file;
mod cost;
mod criterion;
mod error;
mod evaluation;
mod fit;
mod fitted;
#[cfg(test)]
mod fixture;
mod insight;
mod knobs;
mod looks;
mod losses;
mod model;
mod pace;
mod plateau;
mod predict;
mod rows;
mod schedule;
mod sealed;
mod spec;
mod tensors;
mod timetable;
mod training;
mod validation;
mod watcher;
mod weights_file;

pub use best::Best;
pub use checkpoint::Checkpoint;
pub use cost::{FitMemory, prediction_bytes};
pub use criterion::{Criterion, Per, Selection};
pub use error::TrainError;
pub use evaluation::{CellScores, Choice, Evaluation, Key, OutputScores};
pub use fit::{Outcome, fit};
pub use fitted::{End, Fitted};
pub use insight::{DEAD, GateInsight, Insight};
pub use knobs::{PACING, knobs, select_knobs};
pub use model::{Model, digest};
pub use predict::{Portions, Prediction, predict};
pub use rows::FitRows;
pub use schedule::{Schedule, Shape};
pub use spec::FitSpec;
pub use tensors::{Tensor, TensorKind, tensors, write_tensors};
pub use timetable::{READ_EVERY, Timetable};
pub use training::{Averaging, Drops, Training};
pub use watcher::{Command, Progress, Watcher};
pub use weights_file::weights_from_bytes;
