//! Everything with a gradient, and gradients themselves.

use mmtl_plan::{Gradient, Plan, TableGradient};

use crate::real::Real;

/// A value for every trainable parameter of a plan: weights, or a gradient. Tables are kept whole, also as gradients:
/// nothing to get wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters<T> {
    /// The dense arena.
    pub dense: Vec<T>,
    /// Each table, `[rows, dim]`.
    pub tables: Vec<Vec<T>>,
}

impl<T: Real> Parameters<T> {
    /// All zero.
    pub fn zeros(plan: &Plan) -> Self {
        Self {
            dense: vec![T::ZERO; plan.arena_len],
            tables: plan.tables.iter().map(|t| vec![T::ZERO; t.rows * t.dim]).collect(),
        }
    }

    /// Exactly the given values.
    pub fn of(dense: &[f32], tables: &[Vec<f32>]) -> Self {
        Self { dense: widened(dense), tables: tables.iter().map(|table| widened(table)).collect() }
    }

    /// The values of one dense parameter.
    pub fn param(&self, plan: &Plan, id: mmtl_plan::ParamId) -> &[T] {
        &self.dense[plan.param(id).range()]
    }

    /// The values of one dense parameter, to be changed.
    pub fn param_mut(&mut self, plan: &Plan, id: mmtl_plan::ParamId) -> &mut [T] {
        &mut self.dense[plan.param(id).range()]
    }

    /// `self += factor · other`.
    pub fn add_scaled(&mut self, factor: T, other: &Self) {
        for (x, &y) in self.dense.iter_mut().zip(&other.dense) {
            *x += factor * y;
        }
        for (table, other) in self.tables.iter_mut().zip(&other.tables) {
            for (x, &y) in table.iter_mut().zip(other) {
                *x += factor * y;
            }
        }
    }

    /// Sum of squares over everything.
    pub fn squared_norm(&self) -> T {
        self.dense.iter().chain(self.tables.iter().flatten()).map(|&x| x * x).sum()
    }

    /// Inner product over what more than one objective reaches.
    pub fn shared_dot(&self, plan: &Plan, other: &Self) -> f64 {
        let dot = |a: &[T], b: &[T]| a.iter().zip(b).map(|(x, y)| x.double() * y.double()).sum::<f64>();
        let dense: f64 =
            plan.shared_ranges().into_iter().map(|range| dot(&self.dense[range.clone()], &other.dense[range])).sum();
        let tables: f64 = (0..plan.tables.len())
            .filter(|&t| plan.tables[t].reached_by.len() > 1)
            .map(|t| dot(&self.tables[t], &other.tables[t]))
            .sum();
        dense + tables
    }

    /// As a gradient on the host, which names the given rows of each table.
    pub fn to_gradient(&self, plan: &Plan, touched: &[Vec<u32>]) -> Gradient {
        let table = |t: usize| {
            let dim = plan.tables[t].dim;
            let row = |&row: &u32| self.tables[t][row as usize * dim..][..dim].iter().map(|x| x.single());
            TableGradient { rows: touched[t].clone(), values: touched[t].iter().flat_map(row).collect() }
        };
        Gradient { dense: singles(&self.dense), tables: (0..plan.tables.len()).map(table).collect() }
    }

    /// From a gradient on the host: rows that it does not name are 0.
    pub fn from_gradient(plan: &Plan, gradient: &Gradient) -> Self {
        let mut whole = Self::zeros(plan);
        whole.dense = widened(&gradient.dense);
        for (t, table) in gradient.tables.iter().enumerate() {
            let dim = plan.tables[t].dim;
            for (k, &row) in table.rows.iter().enumerate() {
                let values = widened(&table.values[k * dim..][..dim]);
                whole.tables[t][row as usize * dim..][..dim].copy_from_slice(&values);
            }
        }
        whole
    }
}

/// Rounded to `f32`.
pub(crate) fn singles<T: Real>(values: &[T]) -> Vec<f32> {
    values.iter().map(|x| x.single()).collect()
}

/// Exactly the same values.
pub(crate) fn widened<T: Real>(values: &[f32]) -> Vec<T> {
    values.iter().map(|&x| T::of(f64::from(x))).collect()
}

/// All rounded to `f32`.
pub(crate) fn all_singles<T: Real>(all: &[Vec<T>]) -> Vec<Vec<f32>> {
    all.iter().map(|values| singles(values)).collect()
}
