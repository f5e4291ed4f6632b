//! The cases are what they claim, and numbers come out right.

mod case;
mod counted;
mod kernel;
mod measured;
mod single_op;
mod slope;
mod spread;
mod timing;
mod world;
