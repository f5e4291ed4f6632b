//! Integration tests of the engine.

mod alone;
mod compiling;
mod conforming;
mod dropout;
mod fused;
mod hangs;
mod huge;
mod launches;
mod lazy;
mod limits;
mod memory;
mod profile;
mod repeats;
mod shapes;
mod world;
mod zoo;
