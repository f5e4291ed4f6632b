//! One file per op, each with its forward and backward pass over a tile.

pub mod add;
pub mod by_id;
pub mod concat;
pub mod dropout;
pub mod embed;
pub mod gate;
pub mod linear;
pub mod linear_gradient;
pub mod loss;
pub mod mix;
pub mod norm;
pub mod norm_gradient;
pub mod predict;
