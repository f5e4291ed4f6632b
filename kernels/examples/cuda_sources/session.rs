//! Sessions that launch every kernel.

use std::error::Error;
use std::sync::Arc;

use mmtl_plan::{Engine, Pass, Plan, SessionOptions, TableUpdates};
use mmtl_reference::conformance;
use mmtl_reference::drawn::{self, Rows, SchemaSize};

/// Rows of a batch: enough that wide products are cut in the largest tiles.
const BATCH_ROWS: usize = 1024;

/// Every call of a session, under every rule, in every mode of tables.
pub fn exercise(engine: &dyn Engine) -> Result<(), Box<dyn Error>> {
    for plan in all_ops()? {
        for tables in [TableUpdates::Exact, TableUpdates::Dense, TableUpdates::Sparse] {
            train(engine, &plan, tables)?;
        }
    }
    // Predictions that other ops read are not in those.
    conformance::drawn_plans().iter().try_for_each(|(_, plan)| train(engine, plan, TableUpdates::Exact))
}

/// A step of all ops with narrow rows, whose last ones are launched together elsewhere.
pub fn exercise_narrow(engine: &dyn Engine) -> Result<(), Box<dyn Error>> {
    let [narrow, _] = all_ops()?;
    train(engine, &narrow, TableUpdates::Exact)
}

/// All ops in one plan, with narrow rows and with wide ones.
fn all_ops() -> Result<[Arc<Plan>; 2], Box<dyn Error>> {
    let narrow = drawn::schema(SchemaSize { items: 40, ..SchemaSize::default() });
    let wide = drawn::schema(SchemaSize { items: 40, classes: 128, ..SchemaSize::default() });
    let experts = |number: usize| (0..number).map(|expert| format!("expert {expert}")).collect();
    Ok([drawn::every_op(&narrow, experts(3), 19)?, drawn::every_op(&wide, experts(64), 96)?].map(Arc::new))
}

fn train(engine: &dyn Engine, plan: &Arc<Plan>, tables: TableUpdates) -> Result<(), Box<dyn Error>> {
    let options = SessionOptions { max_rows: BATCH_ROWS, initialisation: 1, dropout: 2, tables };
    let mut session = engine.session(Arc::clone(plan), options)?;
    session.restore(&drawn::weights(plan, 3))?;
    let batch = |seed| drawn::batch(&plan.schema, &Rows::count(BATCH_ROWS), seed);
    let weights = vec![1.0; plan.objectives.len()];
    // Rows of tables miss updates from the second step on, and rules follow one another that keep different moments.
    for (number, (_, mut update)) in drawn::updates(0, 0.5).into_iter().enumerate() {
        update.step = number as u64 + 1;
        session.step(&batch(update.step), &weights, &update)?;
        session.gradients(&batch(0), Pass::of(update.step), &[&weights, &weights])?;
        session.gradient(1)?;
        session.gram()?;
        session.combine(&[0.5, 2.0], &update)?;
        session.combine(&[0.0, 0.0], &update)?;
    }
    session.losses()?;
    session.predict(&batch(0), &mut vec![vec![]; plan.outputs.len()])?;
    session.snapshot(true)?;
    Ok(())
}
