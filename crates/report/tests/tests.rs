//! The tests of the report crate; `grid` is the made-up grid that they share.

mod asked;
mod from_grid;
mod grid;
mod refused;
mod snapshots;
mod tables;
mod written;
