//! A dashboard at work: a store is read, a terminal is drawn to, commands are sent.

mod feed;
mod replay;
mod roofline;
mod sampler;
mod session;
mod terminal;

pub use roofline::read_bench;
pub use session::{Looks, WatchError, Watched, watch};
