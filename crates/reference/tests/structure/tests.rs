//! What makes an architecture the one its paper describes, shown on the oracle in `f64`.

mod finite_difference;
mod net;

mod cgc;
mod esmm;
mod mmoe;
mod ple;
mod shared_bottom;
mod single_task;
mod star;
