//! What makes an architecture the one its paper describes, shown on the oracle in `f64`.

mod finite_difference;
mod net;

mod cgc;
mod cross_stitch;
mod esmm;
mod matrix_factorisation;
mod mmoe;
mod omoe;
mod ple;
mod shared_bottom;
mod single_task;
mod star;
