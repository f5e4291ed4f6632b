//! Integration tests of the engine.

mod conforming;
mod world;
