//! Fits from end to end, on the oracle and a small world.

mod asked;
mod compiling;
mod failing;
mod insight;
mod learning;
mod onlooker;
mod peeking;
mod predicting;
mod resuming;
mod selecting;
mod stepping;
mod world;
