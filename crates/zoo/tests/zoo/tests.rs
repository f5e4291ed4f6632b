//! What every architecture promises, without executing any.

mod counts;
mod model;
mod names;
mod reach;
mod registry;
mod schemas;
