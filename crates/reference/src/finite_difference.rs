//! Difference quotients in `f64`, which the oracle's gradients are held to.

use std::sync::Arc;

use mmtl_plan::{Batch, Pass, Plan, Session, SessionOptions, Snapshot, TableUpdates};

use crate::drawn::Draws;
use crate::ops::embed::touched_rows;
use crate::oracle::Oracle;
use crate::parameters::Parameters;
use crate::scope::Mode;

/// |analytic - difference| may be this times max(|analytic|, |difference|, scale of the tensor).
pub const TOLERANCE: f64 = 1e-6;

/// Half the distance between the inner points: the error of a fourth-order quotient, h⁴ times a fifth derivative,
/// stays near 1e-17 of it.
const H: f64 = 1.0 / 16384.0;

/// No tensor's scale is below this times the loss. A loss is rounded to 2⁻⁵³ of its size or so and divided by
/// `12 H`, which leaves 1e-12 of it in a quotient; smaller gradients cannot be told from 0 at [`TOLERANCE`].
const RESOLVED: f64 = 1e-5;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// Number of quotients compared.
    pub checked: usize,
    /// Number of quotients not taken because a ReLU's input changes its sign between their points.
    pub rejected: usize,
    /// The comparison closest to (or farthest past) its bound.
    pub worst: Option<Difference>,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Name of the parameter or table.
    pub tensor: String,
    /// Element within it.
    pub element: usize,
    /// The oracle's gradient.
    pub analytic: f64,
    /// The difference quotient.
    pub quotient: f64,
    /// |analytic - quotient| in units of what is allowed: above 1 is wrong.
    pub excess: f64,
}

impl Differences {
    /// The share of quotients that were rejected.
    pub fn rejected_share(&self) -> f64 {
        self.rejected as f64 / (self.checked + self.rejected).max(1) as f64
    }

    /// Adds those of another plan.
    pub fn merge(&mut self, other: Self) {
        self.checked += other.checked;
        self.rejected += other.rejected;
        other.worst.into_iter().for_each(|worst| self.note(worst));
    }

    fn note(&mut self, difference: Difference) {
        // Not `>`: a NaN must win.
        if !self.worst.as_ref().is_some_and(|worst| difference.excess <= worst.excess) {
            self.worst = Some(difference);
        }
    }
}

/// What to differentiate, and where.
pub struct Point<'a> {
    /// The plan.
    pub plan: &'a Arc<Plan>,
    /// Its parameters and states.
    pub weights: &'a Snapshot,
    /// The rows.
    pub batch: &'a Batch,
    /// Weight of each objective in the sum.
    pub objectives: &'a [f32],
    /// At most so many elements of each parameter or table are checked, drawn by `seed`.
    pub per_tensor: usize,
    /// Draws the elements, and keys the dropout masks.
    pub seed: u64,
}

impl Point<'_> {
    /// Compares the oracle's gradient at this point.
    ///
    /// # Errors
    /// When weights or batch do not fit the plan.
    pub fn differences(&self) -> Result<Differences, mmtl_plan::EngineError> {
        let oracle = self.oracle()?;
        let analytic = oracle.backward(self.batch, &oracle.forward(self.batch, self.mode()), &self.objectives());
        self.compare(&analytic)
    }

    /// Compares any gradient at this point.
    ///
    /// # Errors
    /// When weights or batch do not fit the plan.
    pub fn compare(&self, analytic: &Parameters<f64>) -> Result<Differences, mmtl_plan::EngineError> {
        let mut oracle = self.oracle()?;
        let mut found = Differences::default();
        let tape = oracle.forward(self.batch, self.mode());
        let (loss, sides) = (self.sum(&tape.losses), oracle.relu_sides(self.batch, &tape));
        for tensor in self.tensors() {
            let largest = tensor.elements.clone().map(|at| tensor.of(analytic)[at].abs()).fold(0.0, f64::max);
            let scale = largest.max(RESOLVED * loss.abs());
            for at in self.chosen(&tensor) {
                let Some(quotient) = self.quotient(&mut oracle, &tensor, at, &sides) else {
                    found.rejected += 1;
                    continue;
                };
                let analytic = tensor.of(analytic)[at];
                let allowed = TOLERANCE * analytic.abs().max(quotient.abs()).max(scale);
                let off = (analytic - quotient).abs();
                let excess = if off == 0.0 { 0.0 } else { off / allowed };
                let (tensor, element) = (tensor.name.clone(), at - tensor.elements.start);
                found.checked += 1;
                found.note(Difference { tensor, element, analytic, quotient, excess });
            }
        }
        Ok(found)
    }

    fn oracle(&self) -> Result<Oracle<f64>, mmtl_plan::EngineError> {
        let options = SessionOptions {
            max_rows: self.batch.rows(),
            initialisation: 0,
            dropout: self.seed,
            tables: TableUpdates::Dense,
        };
        let mut oracle = Oracle::<f64>::new(Arc::clone(self.plan), options);
        oracle.restore(self.weights)?;
        Ok(oracle)
    }

    fn mode(&self) -> Mode {
        Mode::Training(Pass::of(self.seed))
    }

    fn objectives(&self) -> Vec<f64> {
        self.objectives.iter().map(|&weight| f64::from(weight)).collect()
    }

    fn sum(&self, losses: &[Option<f64>]) -> f64 {
        losses.iter().zip(self.objectives()).map(|(loss, weight)| weight * loss.unwrap_or(0.0)).sum()
    }

    /// `(8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h`, or `None` when a kink lies within `2h`.
    fn quotient(&self, oracle: &mut Oracle<f64>, tensor: &Tensor, at: usize, sides: &[bool]) -> Option<f64> {
        let centre = tensor.of(&oracle.parameters)[at];
        let mut kinked = false;
        let [outer_left, left, right, outer_right] = [-2.0, -1.0, 1.0, 2.0].map(|steps| {
            tensor.of_mut(&mut oracle.parameters)[at] = centre + steps * H;
            let tape = oracle.forward(self.batch, self.mode());
            kinked |= oracle.relu_sides(self.batch, &tape) != sides;
            self.sum(&tape.losses)
        });
        tensor.of_mut(&mut oracle.parameters)[at] = centre;
        (!kinked).then(|| (8.0 * (right - left) - (outer_right - outer_left)) / (12.0 * H))
    }

    /// All parameters; of each table the rows that the batch touches and the first that it does not.
    fn tensors(&self) -> Vec<Tensor> {
        let dense = self.plan.params.iter().map(|p| Tensor { name: p.name.clone(), elements: p.range(), table: None });
        let tables = touched_rows(self.plan, self.batch).into_iter().enumerate().flat_map(|(t, mut rows)| {
            let spec = &self.plan.tables[t];
            rows.extend((0..spec.rows as u32).find(|row| !rows.contains(row)));
            rows.into_iter().map(move |row| Tensor {
                name: format!("{} row {row}", spec.name),
                elements: row as usize * spec.dim..(row as usize + 1) * spec.dim,
                table: Some(t),
            })
        });
        dense.chain(tables).collect()
    }

    fn chosen(&self, tensor: &Tensor) -> Vec<usize> {
        if tensor.elements.len() <= self.per_tensor {
            return tensor.elements.clone().collect();
        }
        let mut draws = Draws::new(self.seed, &tensor.name);
        (0..self.per_tensor).map(|_| tensor.elements.start + draws.below(tensor.elements.len())).collect()
    }
}

/// A parameter or a table row.
struct Tensor {
    name: String,
    elements: std::ops::Range<usize>,
    table: Option<usize>,
}

impl Tensor {
    fn of<'a>(&self, parameters: &'a Parameters<f64>) -> &'a [f64] {
        self.table.map_or(&parameters.dense, |t| &parameters.tables[t])
    }

    fn of_mut<'a>(&self, parameters: &'a mut Parameters<f64>) -> &'a mut [f64] {
        match self.table {
            None => &mut parameters.dense,
            Some(t) => &mut parameters.tables[t],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::drawn::{self, PlanCase, PlanSize, Rows, SchemaSize, strategies};

    /// No kink may hide more than this share of what is to be compared.
    const MOST_REJECTED: f64 = 0.02;

    fn differences(case: PlanCase, size: PlanSize, of: SchemaSize, rows: &Rows, seed: u64) -> Differences {
        let schema = drawn::schema(of);
        let plan = Arc::new(drawn::plan("drawn", case, size, &schema).expect("the case fits the schema"));
        let weights = drawn::weights(&plan, seed);
        let batch = drawn::batch(&schema, rows, seed);
        let objectives: Vec<f32> = (0..plan.objectives.len()).map(|k| 1.0 - 0.75 * k as f32).collect();
        let point =
            Point { plan: &plan, weights: &weights, batch: &batch, objectives: &objectives, per_tensor: 8, seed };
        point.differences().expect("the batch fits the plan")
    }

    /// Draws `draws` sizes for each case of `prefix`.
    fn hold(prefix: &str, draws: u32) {
        let cases: Vec<_> = PlanCase::all().into_iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        assert!(!cases.is_empty(), "no case is called {prefix}…");
        for (name, case) in cases {
            let mut runner = proptest::test_runner::TestRunner::new_with_rng(
                ProptestConfig { cases: draws, failure_persistence: None, ..ProptestConfig::default() },
                proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
            );
            let drawn = (strategies::plan_size(), strategies::schema_size(), strategies::rows(), 0..1_000_000u64);
            let total = std::cell::RefCell::new(Differences::default());
            let outcome = runner.run(&drawn, |(size, schema, rows, seed)| {
                let found = differences(case, size, schema, &rows, seed);
                let excess = found.worst.as_ref().map_or(0.0, |worst| worst.excess);
                prop_assert!(excess <= 1.0, "{:?}", found.worst);
                total.borrow_mut().merge(found);
                Ok(())
            });
            if let Err(failure) = outcome {
                panic!("{name}: {failure}");
            }
            let total = total.into_inner();
            assert!(total.checked > 500, "{name}: only {} quotients", total.checked);
            assert!(total.rejected_share() <= MOST_REJECTED, "{name}: {} of them rejected", total.rejected);
        }
    }

    #[test]
    fn embed() {
        hold("embed", 96);
    }

    #[test]
    fn linear() {
        hold("linear", 96);
    }

    #[test]
    fn layer_norm() {
        hold("layer norm", 96);
    }

    #[test]
    fn batch_norm() {
        hold("batch norm", 96);
    }

    #[test]
    fn scene_norm() {
        hold("scene norm", 96);
    }

    #[test]
    fn gate() {
        hold("gate", 96);
    }

    #[test]
    fn mix_add_and_concat() {
        for prefix in ["mix", "add", "concat"] {
            hold(prefix, 96);
        }
    }

    #[test]
    fn predict() {
        hold("predict", 96);
    }

    #[test]
    fn loss() {
        hold("loss", 96);
        hold("product", 96);
    }

    fn example() -> (Arc<Plan>, Snapshot, Batch) {
        let schema = drawn::schema(SchemaSize::default());
        let size = PlanSize { dim: 3, groups: 2, width: 3 };
        let case = PlanCase::Gate { masked: false, temperature: 1.0 };
        let plan = Arc::new(drawn::plan("drawn", case, size, &schema).expect("the case fits the schema"));
        let weights = drawn::weights(&plan, 1);
        (plan, weights, drawn::batch(&schema, &Rows::count(5), 1))
    }

    #[test]
    fn an_error_of_a_few_millionths_is_found() {
        let (plan, weights, batch) = example();
        let point =
            Point { plan: &plan, weights: &weights, batch: &batch, objectives: &[1.0, 1.0], per_tensor: 99, seed: 1 };
        let oracle = point.oracle().expect("the weights fit the plan");
        let right = oracle.backward(&batch, &oracle.forward(&batch, point.mode()), &[1.0, 1.0]);
        let gate = plan.param_named("gate.weight").expect("the plan has a gate").range();
        let excess = |gradient: &Parameters<f64>| {
            let found = point.compare(gradient).expect("the batch fits the plan");
            found.worst.expect("something was compared").excess
        };
        assert!(excess(&right) < 0.5, "{}", excess(&right));
        let mut wrong = right.clone();
        wrong.dense[gate].iter_mut().for_each(|g| *g *= 1.0 + 4e-6);
        assert!(excess(&wrong) > 1.0, "{}", excess(&wrong));
    }

    #[test]
    fn quotients_across_a_kink_are_rejected_and_counted() {
        let schema = drawn::schema(SchemaSize { numeric: 0, ..SchemaSize::default() });
        let relu = mmtl_plan::Activation::Relu;
        let weights = mmtl_plan::WeightKind::Shared;
        let case = PlanCase::Linear { weights, activation: relu, bias: true, dropout: 0.0 };
        let size = PlanSize { dim: 2, groups: 1, width: 2 };
        let plan = Arc::new(drawn::plan("drawn", case, size, &schema).expect("the case fits the schema"));
        let batch = drawn::batch(&schema, &Rows::count(3), 1);
        let mut weights = drawn::weights(&plan, 1);
        let linear = ["linear.weight", "linear.bias"].map(|name| plan.param_named(name).expect("it is there"));
        for param in linear {
            weights.dense[param.range()].fill(0.0);
        }
        let point =
            Point { plan: &plan, weights: &weights, batch: &batch, objectives: &[1.0, 1.0], per_tensor: 99, seed: 1 };
        let found = point.differences().expect("the batch fits the plan");
        // Every input of the ReLU is exactly 0: any change of its weights or biases crosses the kink.
        assert_eq!(found.rejected, linear.iter().map(|param| param.len()).sum::<usize>());
        assert!(found.checked > 0 && found.worst.expect("others were compared").excess <= 1.0);
    }
}
