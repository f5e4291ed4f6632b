//! Preprocessing: everything is fitted on train rows alone, in a first reading, and applied to all rows in a second.

mod encode;
mod fields;
mod fit;
mod labels;
mod number_fit;
mod numbers;
mod quantiles;
mod scenes;
mod slices;
mod text;
mod vocabulary;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use encode::encode;
pub(crate) use fit::fit;
pub(crate) use vocabulary::{RESERVED, UNSEEN};
