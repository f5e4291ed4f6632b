//! A plan with every op, and sessions of it.

use std::sync::Arc;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{
    Activation, Batch, Decay, Engine, Factor, Field, FieldKind, Group, Init, LinearSpec, Optimiser, Plan, PlanBuilder,
    PlanError, Pool, Reduction, Schema, Session, SessionOptions, TableUpdates, Update, Vocabulary, WeightKind,
};
use mmtl_reference::drawn::{self, Rows, SchemaSize};

/// Rows of a batch at most.
pub const MAX_ROWS: usize = 1100;

/// Three scenes, 40 items, 80 users, tags, numbers, tasks of every kind.
pub fn schema() -> Schema {
    drawn::schema(SchemaSize { items: 40, ..SchemaSize::default() })
}

/// Every op.
pub fn every_op() -> Arc<Plan> {
    Arc::new(drawn::every_op(&schema(), ["a", "b", "c"].map(str::to_owned).to_vec(), 19).expect("the plan is valid"))
}

/// The same with rows so wide that they are set apart: of experts, gates, their concatenation and classes.
pub fn every_op_wide() -> Arc<Plan> {
    let schema = drawn::schema(SchemaSize { items: 40, classes: 128, ..SchemaSize::default() });
    let experts = (0..64).map(|expert| format!("expert {expert}")).collect();
    Arc::new(drawn::every_op(&schema, experts, 32).expect("the plan is valid"))
}

/// Experts, a gate and a layer that read nine small tables, one of them by two fields, beside a table of 200 rows, tags and
/// numbers; or small tables alone.
pub fn small_tables(alone: bool) -> Arc<Plan> {
    let mut schema = drawn::schema(SchemaSize { items: 100, ..SchemaSize::default() });
    for size in 20..27 {
        let (vocabulary, name) = (schema.vocabularies.len(), format!("of {size}"));
        schema.vocabularies.push(Vocabulary { name: name.clone(), size });
        schema.fields.push(Field { name, kind: FieldKind::Categorical { vocabulary } });
    }
    schema.fields.push(Field { name: "other item".to_owned(), kind: FieldKind::Categorical { vocabulary: 1 } });
    let fields = if alone { vec![0, 1] } else { (0..schema.fields.len()).rev().collect() };
    Arc::new(read_tables(&schema, &fields).expect("the plan is valid"))
}

fn read_tables(schema: &Schema, fields: &[usize]) -> Result<Plan, PlanError> {
    let mut builder = PlanBuilder::new("small tables", schema);
    let init = Init::Normal { deviation: 0.3 };
    let vocabularies = schema.vocabularies.iter().enumerate();
    let tables: Vec<_> = vocabularies.map(|(v, of)| builder.table(&of.name, v, 5, init)).collect::<Result<_, _>>()?;
    let x = builder.embed("embed", fields, Pool::Mean, |v| tables[v])?;
    let layer = |name: &str, input, groups: &[Group], width, activation, dropout| {
        let (name, groups, weights) = (name.to_owned(), groups.to_vec(), WeightKind::Shared);
        (name, LinearSpec { input, groups, width, activation, dropout, weights, bias: true })
    };
    let names = ["a", "b", "c"];
    let deeper: Vec<Group> =
        names.iter().enumerate().map(|(reads, name)| Group { name: (*name).to_owned(), reads }).collect();
    let one = [Group { name: "one".to_owned(), reads: 0 }];
    // Blocks of 64, 16, 8 and 4 outputs and three single ones.
    let (name, spec) = layer("experts", x, &Group::broadcast(names), 95, Activation::Relu, 0.0);
    let experts = builder.linear(&name, &spec)?;
    let (name, spec) = layer("deeper", experts, &deeper, 18, Activation::Relu, 0.25);
    let deeper = builder.linear(&name, &spec)?;
    let gate = builder.gate("gate", x, &one, 3, vec![true; 3], 0.7)?;
    let mixed = builder.mix("mix", deeper, gate)?;
    let (name, spec) = layer("beside", x, &one, 20, Activation::Tanh, 0.25);
    let beside = builder.linear(&name, &spec)?;
    let both = builder.concat("both", &[mixed, beside])?;
    for (task, spec) in schema.tasks.iter().enumerate().filter(|(_, spec)| spec.product_of.is_empty()) {
        let (name, head) = layer(&spec.name, both, &one, spec.kind.width(), Activation::Identity, 0.0);
        let slot = builder.linear(&name, &head)?;
        let predict = builder.predict(task, &[Factor { slot, group: 0 }])?;
        builder.loss(predict, Reduction::Own)?;
    }
    builder.finish()
}

/// A batch of `rows` rows for the plan's schema.
pub fn batch(plan: &Plan, rows: usize, seed: u64) -> Batch {
    drawn::batch(&plan.schema, &Rows::count(rows), seed)
}

/// A session with drawn weights.
pub fn session(engine: &dyn Engine, plan: &Arc<Plan>, tables: TableUpdates) -> Box<dyn Session> {
    let options = SessionOptions { max_rows: MAX_ROWS, initialisation: 1, dropout: 2, tables };
    let mut session = engine.session(Arc::clone(plan), options).expect("there is memory");
    session.restore(&drawn::weights(plan, 5)).expect("the weights are the plan's");
    session
}

/// An engine.
pub fn engine(threads: usize) -> CpuEngine {
    CpuEngine::new(threads).expect("threads start")
}

/// Weights of the plan's objectives.
pub fn objective_weights(plan: &Plan) -> Vec<f32> {
    (0..plan.objectives.len()).map(|k| 1.0 / (k + 1) as f32).collect()
}

/// A step of Adam.
pub fn adam(step: u64) -> Update {
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    Update { optimiser, lr: 0.01, step, clip: Some(0.5), decay: Decay { dense: 0.01, tables: 0.01 } }
}
