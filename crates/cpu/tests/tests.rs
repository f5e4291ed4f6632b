//! Integration tests of the engine.

mod conforming;
mod lazy;
mod refusals;
mod threads;
mod tiles;
mod world;
mod zoo;
