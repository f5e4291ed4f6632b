//! Initial parameters: a pure function of the plan's names and a seed, the same for every engine.

use rayon::prelude::*;

use crate::param::Init;
use crate::philox::{Purpose, Stream};
use crate::plan::Plan;

/// Numbers that one thread draws at a time.
const SPAN: usize = 1 << 12;

/// Freshly initialised parameters and state on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Initial {
    /// The dense arena; padding is 0.
    pub dense: Vec<f32>,
    /// Each table, `[rows, dim]`.
    pub tables: Vec<Vec<f32>>,
    /// Each state.
    pub states: Vec<Vec<f32>>,
}

impl Initial {
    /// Draws every block of every parameter from the stream of its own name.
    pub fn of(plan: &Plan, seed: u64) -> Self {
        let mut dense = vec![0.0; plan.arena_len];
        for param in &plan.params {
            let mut at = param.offset;
            for block in &param.blocks {
                fill(&mut dense[at..at + block.len], at - param.offset, param.init, seed, &block.name);
                at += block.len;
            }
        }
        let table = |t: &crate::TableSpec| {
            let mut values = vec![0.0; t.rows * t.dim];
            fill(&mut values, 0, t.init, seed, &t.name);
            values
        };
        Self {
            dense,
            tables: plan.tables.iter().map(table).collect(),
            states: plan.states.iter().map(|s| vec![s.initial; s.len]).collect(),
        }
    }
}

/// Fills a block that starts at element `first` of its tensor.
fn fill(values: &mut [f32], first: usize, init: Init, seed: u64, name: &str) {
    let stream = Stream::new(seed, Purpose::Initialisation, name);
    match init {
        Init::Constant(value) => values.fill(value),
        Init::Uniform { bound } => {
            for (block, chunk) in values.chunks_mut(4).enumerate() {
                for (value, word) in chunk.iter_mut().zip(stream.block(0, block as u64)) {
                    *value = ((f64::from(word) + 0.5) * 2f64.powi(-31) - 1.0) as f32 * bound;
                }
            }
        }
        Init::Normal { deviation } => {
            // Some 30 ns a number, which makes it most of what a trial waits for before its first step.
            values.par_chunks_mut(SPAN).enumerate().for_each(|(span, values)| {
                for (i, value) in (span * SPAN..).zip(values) {
                    *value = stream.normal(0, i as u64) as f32 * deviation;
                }
            });
        }
        Init::Diagonal { on, off, rows } => {
            for (element, value) in (first..).zip(values) {
                *value = if element % (rows + 1) == 0 { on } else { off };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever draws them.
    #[test]
    fn every_number_is_that_of_its_element() {
        let mut values = vec![0.0; 2 * SPAN + 7];
        fill(&mut values, 0, Init::Normal { deviation: 0.5 }, 3, "table");
        let stream = Stream::new(3, Purpose::Initialisation, "table");
        for at in [0, 1, SPAN - 1, SPAN, SPAN + 1, 2 * SPAN, 2 * SPAN + 6] {
            assert_eq!(values[at], stream.normal(0, at as u64) as f32 * 0.5, "{at}");
        }
    }
}
