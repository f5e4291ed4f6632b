//! A dashboard at work: a store is read, a terminal is drawn to, commands are sent.

mod feed;
mod missing_terminal;
mod replay;
mod roofline;
mod sampler;
mod session;
mod terminal;

pub use missing_terminal::missing_terminal;
pub use roofline::read_bench;
pub use session::{Looks, WatchError, Watched, watch};
