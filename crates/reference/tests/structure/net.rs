//! An architecture on a drawn schema, in the oracle's `f64`.

use std::ops::Range;
use std::sync::Arc;

use mmtl_plan::{Batch, Op, Pass, Plan, Schema, Session, SessionOptions, Settings, TableUpdates, Value};
use mmtl_reference::drawn::{self, Rows, SchemaSize};
use mmtl_reference::{Mode, Oracle, Parameters, Tape};
use mmtl_zoo::{architecture, model_knobs};

/// A knob and its value.
pub type Given<'a> = &'a [(&'a str, Value)];

/// Small and smooth: every part of a net has a gradient, which a ReLU might take from it.
pub const SMOOTH: [(&str, &str); 1] = [("activation", "tanh")];

/// A plan with drawn weights.
pub struct Net {
    pub plan: Arc<Plan>,
    pub oracle: Oracle<f64>,
}

impl Net {
    /// All tasks of `schema`, smooth, with embeddings of 3.
    pub fn new(name: &str, schema: &Schema, own: Given) -> Self {
        let all: Vec<usize> = (0..schema.tasks.len()).collect();
        Self::on(plan(name, schema, &all, &[], own), 1)
    }

    /// `plan` with weights drawn by `seed`.
    pub fn on(plan: Plan, seed: u64) -> Self {
        let plan = Arc::new(plan);
        let options = SessionOptions { max_rows: 64, initialisation: seed, dropout: seed, tables: TableUpdates::Dense };
        let mut oracle = Oracle::new(Arc::clone(&plan), options);
        oracle.restore(&drawn::weights(&plan, seed)).unwrap();
        Self { plan, oracle }
    }

    /// A pass in training mode.
    pub fn training(&self, batch: &Batch) -> Tape<f64> {
        self.oracle.forward(batch, Mode::Training(Pass::of(1)))
    }

    /// The gradient of `Σ weights[k] · L_k`.
    pub fn gradient(&self, batch: &Batch, weights: &[f64]) -> Parameters<f64> {
        self.oracle.backward(batch, &self.training(batch), weights)
    }

    /// The gradient of one objective's loss.
    pub fn gradient_of(&self, batch: &Batch, objective: usize) -> Parameters<f64> {
        let mut weights = vec![0.0; self.plan.objectives.len()];
        weights[objective] = 1.0;
        self.gradient(batch, &weights)
    }

    /// The scores of every output, `[rows, width]` each.
    pub fn scores(&self, batch: &Batch) -> Vec<Vec<f64>> {
        let tape = self.oracle.forward(batch, Mode::Evaluation);
        self.plan.outputs.iter().map(|output| tape.slots[output.slot.0].clone()).collect()
    }

    /// Where the parameter called `name` lies in the arena.
    pub fn range(&self, name: &str) -> Range<usize> {
        self.plan.param_named(name).unwrap_or_else(|| panic!("there is no parameter {name}")).range()
    }

    /// Where the block (an expert, a task's tower) called `name` lies in the arena.
    pub fn block(&self, name: &str) -> Range<usize> {
        let of_param = |param: &mmtl_plan::ParamSpec| {
            let mut at = param.offset;
            param.blocks.iter().find_map(|block| {
                at += block.len;
                (block.name == name).then_some(at - block.len..at)
            })
        };
        self.plan.params.iter().find_map(of_param).unwrap_or_else(|| panic!("there is no block {name}"))
    }

    /// The op called `name`.
    pub fn op(&self, name: &str) -> &Op {
        self.plan.ops.iter().find(|op| op.name() == name).unwrap_or_else(|| panic!("there is no op {name}"))
    }

    /// The values that the op called `name` wrote.
    pub fn written<'a>(&self, tape: &'a Tape<f64>, name: &str) -> &'a [f64] {
        &tape.slots[self.op(name).out().unwrap().0]
    }

    /// Number of objectives.
    pub fn objectives(&self) -> usize {
        self.plan.objectives.len()
    }
}

/// The plan of some tasks, smooth unless `model` says otherwise, with embeddings of 3.
pub fn plan(name: &str, schema: &Schema, tasks: &[usize], model: Given, own: Given) -> Plan {
    let usual = SMOOTH.map(|(knob, word)| (knob, Value::Text(word.to_owned())));
    let usual = [&usual[..], &[("embedding_dim", int(3))]].concat();
    let model = Settings::resolve(&model_knobs(), usual.iter().chain(model).map(|(knob, value)| (*knob, value)));
    let architecture = architecture(name).unwrap();
    let own = Settings::resolve(&architecture.knobs(), own.iter().map(|(knob, value)| (*knob, value)));
    architecture.plan(schema, tasks, &model.unwrap(), &own.unwrap()).unwrap()
}

/// Three scenes; click, conversion given click, their product, rating (regression) and colour (three classes).
pub fn schema() -> Schema {
    drawn::schema(SchemaSize::default())
}

/// 16 rows of all scenes.
pub fn batch(seed: u64) -> Batch {
    drawn::batch(&schema(), &Rows::count(16), seed)
}

/// A count as a knob's value.
pub fn int(value: usize) -> Value {
    Value::Int(i64::try_from(value).unwrap())
}

/// A list of widths as a knob's value.
pub fn ints(values: &[usize]) -> Value {
    Value::List(values.iter().map(|v| int(*v)).collect())
}

/// Asserts that two arrays agree up to the rounding of a few hundred additions in another order.
pub fn assert_close(what: &str, left: &[f64], right: &[f64]) {
    assert_eq!(left.len(), right.len(), "{what}");
    let scale = left.iter().chain(right).fold(0.0, |most: f64, x| most.max(x.abs()));
    for (at, (l, r)) in left.iter().zip(right).enumerate() {
        assert!((l - r).abs() <= 1e-13 * scale, "{what}, element {at}: {l} and {r}");
    }
}

/// Whether any value is not exactly 0.
pub fn any_moves(values: &[f64]) -> bool {
    values.iter().any(|x| *x != 0.0)
}
