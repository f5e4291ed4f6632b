//! The kernels of the plan's ops, forward and backward. Each works on a list of jobs, see [`crate::jobs`].

pub mod embed;
pub mod gate;
pub mod linear;
pub mod linear_gradient;
pub mod loss;
pub mod mix;
pub mod norm;
pub mod predict;
pub mod sum;
pub mod tail;
mod tail_elements;
mod tail_products;
