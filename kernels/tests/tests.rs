//! Integration tests of the engine.

mod conforming;
mod dropout;
mod launches;
mod repeats;
mod shapes;
mod world;
mod zoo;
