//! Integration tests of the whole program; one module for each thing they hold.

mod bad_input;
mod bench;
mod dashboard;
mod devices;
mod everyday;
mod exact;
mod layering;
mod own_data;
mod plan;
mod program;
mod terminal;
mod tune;
mod using;
