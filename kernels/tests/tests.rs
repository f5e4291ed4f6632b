//! Integration tests of the engine.

mod conforming;
mod dropout;
mod launches;
mod lazy;
mod limits;
mod profile;
mod repeats;
mod shapes;
mod world;
mod zoo;
