//! Tests of the vocabulary's own rules.

mod batches;
mod building;
mod initial;
mod world;
