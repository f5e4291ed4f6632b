//! Data sets from the outside: sources, cache, batches, descriptions and every kind of bad input.

mod bad_cards;
mod bad_input;
mod batches;
mod cache;
mod cards;
mod census;
mod guessing;
mod importing;
mod opening;
mod pinned;
mod reviews;
mod synthetic;
