//! Weights that hide nothing: no bias is 0, no scale is 1. And an optimiser's memory for them.

use mmtl_plan::{Initial, Memories, Memory, Plan, Snapshot, TableSpec};

use super::Draws;

/// Initial values of `plan` with uniform noise added: ±¼ on dense parameters, ±½ on tables, up to ½ on states (so that
/// variances stay positive). Without the optimiser's memory.
pub fn weights(plan: &Plan, seed: u64) -> Snapshot {
    let mut draws = Draws::new(seed, "weights");
    let mut initial = Initial::of(plan, seed);
    for param in &plan.params {
        for value in &mut initial.dense[param.range()] {
            *value += draws.symmetric(0.25);
        }
    }
    for value in initial.tables.iter_mut().flatten() {
        *value += draws.symmetric(0.5);
    }
    for value in initial.states.iter_mut().flatten() {
        *value += 0.5 * draws.unit() as f32;
    }
    Snapshot { dense: initial.dense, tables: initial.tables, states: initial.states, memory: None }
}

/// An optimiser's memory after step 10 with squares far from 0: there a step is a smooth function of the gradient, as
/// Adam's first step, a sign, is not.
pub fn memory(plan: &Plan, memories: Memories, seed: u64) -> Memory {
    let mut draws = Draws::new(seed, "memory");
    let mut moment = |squares: bool, len: usize| -> Vec<f32> {
        (0..len).map(|_| if squares { 0.5 + 0.5 * draws.unit() as f32 } else { draws.symmetric(0.1) }).collect()
    };
    let mut memory = Memory { step: 10, dense: vec![], tables: vec![] };
    for number in 0..memories.count() {
        let squares = match memories {
            Memories::None | Memories::Mean => false,
            Memories::Squares | Memories::SquaresOfRows => true,
            Memories::MeanAndSquares => number == 1,
        };
        let mut dense = vec![0.0; plan.arena_len];
        for param in &plan.params {
            dense[param.range()].copy_from_slice(&moment(squares, param.len()));
        }
        memory.dense.push(dense);
        let mut table = |table: &TableSpec| {
            if memories == Memories::SquaresOfRows {
                let of_rows = moment(squares, table.rows);
                of_rows.iter().flat_map(|value| vec![*value; table.dim]).collect()
            } else {
                moment(squares, table.rows * table.dim)
            }
        };
        memory.tables.push(plan.tables.iter().map(&mut table).collect());
    }
    memory
}
