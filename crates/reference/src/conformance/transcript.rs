//! What a session answered to a series of calls.

use mmtl_plan::{Gradient, Plan, Snapshot};

use super::finding::Finding;
use super::tolerance::{STORED, TIMES_PLAIN_LOOPS};
use crate::parameters::Parameters;

/// Answers, in order.
#[derive(Default)]
pub(super) struct Transcript {
    readings: Vec<Reading>,
}

struct Reading {
    /// Readings of one series are compared with the same rounding error of plain loops: their worst one. A tensor whose
    /// true gradient is 0 has nothing else to be measured by.
    series: String,
    quantity: String,
    values: Vec<f64>,
    /// Allowed, in units of the largest true value.
    tolerance: f64,
    /// Allowed besides.
    floor: f64,
}

impl Transcript {
    pub fn values(&mut self, series: &str, quantity: &str, values: &[f32], tolerance: f64) {
        self.doubles(series, quantity, values.iter().map(|&x| f64::from(x)).collect(), tolerance);
    }

    pub fn doubles(&mut self, series: &str, quantity: &str, values: Vec<f64>, tolerance: f64) {
        let quantity = format!("{series}: {quantity}");
        self.readings.push(Reading { series: series.to_owned(), quantity, values, tolerance, floor: 0.0 });
    }

    /// Each parameter's and each table's gradient.
    pub fn gradient(&mut self, series: &str, plan: &Plan, gradient: &Gradient, tolerance: f64) {
        let whole = Parameters::<f64>::from_gradient(plan, gradient);
        for param in &plan.params {
            self.doubles(series, &param.name, whole.dense[param.range()].to_vec(), tolerance);
        }
        for (spec, table) in plan.tables.iter().zip(whole.tables) {
            self.doubles(series, &spec.name, table, tolerance);
        }
    }

    /// How each parameter and table, and each of their moments, changed; and the states.
    pub fn change(&mut self, series: &str, plan: &Plan, [before, after]: [&Snapshot; 2], tolerance: f64) {
        let mut note = |prefix: &str, dense: [&[f32]; 2], tables: [&[Vec<f32>]; 2]| {
            for param in &plan.params {
                let [before, after] = dense.map(|values| &values[param.range()]);
                self.difference(series, &format!("{prefix}{}", param.name), [before, after], tolerance);
            }
            for (spec, (before, after)) in plan.tables.iter().zip(tables[0].iter().zip(tables[1])) {
                self.difference(series, &format!("{prefix}{}", spec.name), [before, after], tolerance);
            }
        };
        note("", [&before.dense, &after.dense], [&before.tables, &after.tables]);
        if let (Some(before), Some(after)) = (&before.memory, &after.memory) {
            for (m, (dense, tables)) in after.dense.iter().zip(&after.tables).enumerate() {
                note(&format!("moment {m} of "), [&before.dense[m], dense], [&before.tables[m], tables]);
            }
        }
        self.states(series, plan, after, tolerance);
    }

    /// Running statistics.
    pub fn states(&mut self, series: &str, plan: &Plan, snapshot: &Snapshot, tolerance: f64) {
        for (spec, state) in plan.states.iter().zip(&snapshot.states) {
            self.values(&format!("{series}, states"), &spec.name, state, tolerance);
        }
    }

    fn difference(&mut self, series: &str, quantity: &str, [before, after]: [&[f32]; 2], tolerance: f64) {
        let values = before.iter().zip(after).map(|(b, a)| f64::from(*a) - f64::from(*b)).collect();
        let floor = STORED * largest(after.iter().map(|&x| f64::from(x)));
        let quantity = format!("{series}: change of {quantity}");
        self.readings.push(Reading { series: series.to_owned(), quantity, values, tolerance, floor });
    }

    /// The same answers, of which each may be so much farther off.
    #[must_use]
    pub fn allowing(mut self, more: f64) -> Self {
        self.readings.iter_mut().for_each(|reading| reading.tolerance += more);
        self
    }

    /// Compares an engine's answers with those of the oracle in `f64` and in `f32`: the worst of each series.
    pub fn compare(self, truth: &Self, plain: &Self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = vec![];
        let mut series: Option<&str> = None;
        let mut rounding = 0.0;
        for (got, truth_of) in self.readings.iter().zip(&truth.readings) {
            let next = series != Some(&got.series);
            if next {
                series = Some(&got.series);
                rounding = truth.rounding_of(plain, &got.series);
            }
            let scale = largest(truth_of.values.iter().copied());
            let bound = got.tolerance * scale + TIMES_PLAIN_LOOPS * rounding + truth_of.floor;
            let error = distance(&got.values, &truth_of.values);
            let finding = Finding { case: String::new(), quantity: got.quantity.clone(), error, bound };
            match findings.last_mut() {
                Some(worst) if !next => *worst = worst.clone().worse(finding),
                Some(_) | None => findings.push(finding),
            }
        }
        let same_questions = self.readings.len() == truth.readings.len()
            && self.readings.iter().zip(&truth.readings).all(|(a, b)| a.quantity == b.quantity);
        findings.push(Finding::fact("answers every question", same_questions));
        findings
    }

    fn rounding_of(&self, plain: &Self, series: &str) -> f64 {
        let of_series = self.readings.iter().zip(&plain.readings).filter(|(truth, _)| truth.series == series);
        of_series.map(|(truth, plain)| distance(&truth.values, &plain.values)).fold(0.0, f64::max)
    }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).fold(0.0, f64::max)
}

/// The largest difference; infinite when lengths differ or one value alone is not a number.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    let one = |(&x, &y): (&f64, &f64)| {
        if x == y || (x.is_nan() && y.is_nan()) {
            return 0.0;
        }
        let off = (x - y).abs();
        if off.is_nan() { f64::INFINITY } else { off }
    };
    a.iter().zip(b).map(one).fold(0.0, f64::max)
}
