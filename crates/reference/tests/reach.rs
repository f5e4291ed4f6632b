//! What the plan says about reach holds for the gradients: the engines and `gram` rely on it.

use std::sync::Arc;

use mmtl_plan::{Pass, Plan, Session, SessionOptions, TableUpdates};
use mmtl_reference::conformance::drawn_plans;
use mmtl_reference::drawn::{self, Rows};
use mmtl_reference::{Mode, Oracle, Parameters};

/// The gradient of each objective alone, at drawn weights and enough rows for every scene and task.
fn gradients(plan: &Arc<Plan>) -> Vec<Parameters<f64>> {
    let options = SessionOptions { max_rows: 40, initialisation: 0, dropout: 0, tables: TableUpdates::Dense };
    let mut oracle = Oracle::<f64>::new(Arc::clone(plan), options);
    oracle.restore(&drawn::weights(plan, 1)).expect("the weights fit the plan");
    let batch = drawn::batch(&plan.schema, &Rows::count(40), 1);
    let tape = oracle.forward(&batch, Mode::Training(Pass::of(1)));
    let alone = |k: usize| (0..plan.objectives.len()).map(|j| f64::from(u8::from(j == k))).collect::<Vec<f64>>();
    (0..plan.objectives.len()).map(|k| oracle.backward(&batch, &tape, &alone(k))).collect()
}

#[test]
fn an_objective_moves_exactly_what_it_reaches() {
    for (name, plan) in drawn_plans() {
        // Of one value a layer norm leaves nothing and a softmax always 1, so that what they reach has no gradient;
        // a gate over two experts that may not use one of them is such a softmax.
        let degenerate = !name.ends_with("3 × 16");
        let check = |what: &str, values: &[f64], reached: bool| {
            let moved = values.iter().any(|&g| g != 0.0);
            assert!(moved == reached || (degenerate && reached), "{name}: {what} reached: {reached}, moved: {moved}");
        };
        for (k, gradient) in gradients(&plan).iter().enumerate() {
            for param in &plan.params {
                for (block, range) in param.block_ranges() {
                    let what = format!("{} by objective {k}", block.name);
                    check(&what, &gradient.dense[range], block.reached_by.contains(&k));
                }
                let what = format!("{} by objective {k}", param.name);
                check(&what, &gradient.dense[param.range()], param.reached_by.contains(&k));
            }
            for (spec, table) in plan.tables.iter().zip(&gradient.tables) {
                check(&format!("{} by objective {k}", spec.name), table, spec.reached_by.contains(&k));
            }
        }
    }
}
