//! The vocabulary every other crate speaks: what the data looks like ([`Schema`], [`Batch`]), what a model is
//! ([`Plan`], a list of coarse [`Op`]s over named slots), how it changes ([`Update`]) and who executes it
//! ([`Engine`], [`Session`]).
//!
//! Nothing here performs I/O, reads a clock or touches a device; initial values are drawn on all threads, which moves no bit.

mod arena;
mod batch;
mod builder;
mod cost;
mod engine;
mod error;
mod factors;
mod fault;
mod footprint;
mod gates;
mod init;
mod knob;
mod op;
mod param;
mod philox;
mod plan;
mod reach;
mod schema;
mod segments;
mod update;

pub use arena::{ALIGN, padded};
pub use batch::{Batch, Lookup};
pub use builder::{Group, LinearSpec, PlanBuilder, WeightKind};
pub use cost::Cost;
pub use engine::{
    Compiling, Engine, EngineError, Gradient, LossTotals, Memory, Pass, Session, SessionOptions, Snapshot,
    TableGradient, TableUpdates,
};
pub use error::PlanError;
pub use factors::Factors;
pub use fault::{Checker, Fault, Faults, line_at, listed, suggestion};
pub use footprint::Footprint;
pub use init::Initial;
pub use knob::{Kind, Knob, KnobError, Settings, Value, nearest};
pub use op::{
    Activation, Add, Column, Concat, Dropout, Embed, Factor, Gate, Linear, LinearWeights, Link, Loss, LossKind, Mix,
    MixWeights, Norm, NormKind, Op, Pool, Predict, Reduction, SlotId, Source,
};
pub use param::{Block, DecayTowards, Init, ParamId, ParamSpec, StateId, StateSpec, TableId, TableSpec};
pub use philox::{Purpose, Seeds, Stream, log_between, philox4x32};
pub use plan::{Objective, Output, Plan, Slot};
pub use schema::{Field, FieldKind, Schema, Space, TargetScale, Task, TaskKind, Vocabulary};
pub use segments::{Occurrence, Segments};
pub use update::{Decay, Memories, Optimiser, StepScalars, Update};
