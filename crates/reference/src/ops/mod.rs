//! One file for each op: its forward pass, and the gradient of its inputs and parameters from that of its output.
//! Nothing is cached between the two: what the backward pass needs, it computes again.

pub mod add;
pub mod concat;
pub mod embed;
pub mod gate;
pub mod linear;
pub mod loss;
pub mod mix;
pub mod norm;
pub mod predict;
