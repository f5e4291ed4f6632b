//! Weights that hide nothing: no bias is 0, no scale is 1. And an optimiser's memory for them.

use mmtl_plan::{Initial, Memory, Plan, Snapshot};

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

/// An optimiser's memory after step 10 with second moments far from 0: there a step is a smooth function of the gradient,
/// as Adam's first step, a sign, is not.
pub fn memory(plan: &Plan, moments: usize, seed: u64) -> Memory {
    let mut draws = Draws::new(seed, "memory");
    let mut moment = |second: bool, len: usize| -> Vec<f32> {
        (0..len).map(|_| if second { 0.5 + 0.5 * draws.unit() as f32 } else { draws.symmetric(0.1) }).collect()
    };
    let mut memory = Memory { step: 10, dense: vec![], tables: vec![] };
    for number in 0..moments {
        let mut dense = vec![0.0; plan.arena_len];
        for param in &plan.params {
            dense[param.range()].copy_from_slice(&moment(number == 1, param.len()));
        }
        memory.dense.push(dense);
        memory.tables.push(plan.tables.iter().map(|table| moment(number == 1, table.rows * table.dim)).collect());
    }
    memory
}
