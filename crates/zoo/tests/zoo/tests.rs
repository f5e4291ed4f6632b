//! What every architecture promises, without executing any.

mod counts;
mod names;
mod reach;
mod registry;
mod schemas;
