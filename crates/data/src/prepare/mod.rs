//! Preprocessing: everything is fitted on train rows alone, in a first reading, and applied to all rows in a second.

mod encode;
mod exact;
mod fields;
mod fit;
mod identity;
mod impute;
mod labels;
mod lists;
mod number_fit;
mod numbers;
mod parts;
mod quantiles;
mod scenes;
mod slices;
mod tells;
mod text;
mod times;
mod vocabulary;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use encode::{EachChunk, encode};
pub(crate) use fields::Encoders;
pub use fields::Meaning;
pub(crate) use fit::{Fitted, fit};
pub(crate) use numbers::{missing, numbers, texts};
pub(crate) use parts::resolved;
pub(crate) use scenes::{RawScenes, Scenes, scene_words_of_any};
pub(crate) use text::word_count;
pub(crate) use times::seconds;
pub(crate) use vocabulary::{RESERVED, UNSEEN};
pub(crate) use words::{MISSING, Words};
