//! How far an `f32` engine may be from the oracle in `f64`.
//!
//! Errors are measured in units of the largest element of the tensor they occur in. Half a unit in the last place of
//! `f32` is 6e-8 of a value. To what a plan's ops allow, a few times the error of plain sequential `f32` loops is
//! added: it knows about cancellation, which no constant does.

use mmtl_plan::{Activation, Factors, Linear, Norm, NormKind, Op, Plan};

/// An engine may be this many times as far from `f64` as plain sequential loops in `f32`: an order of summation is not
/// prescribed, and a lucky one must not become the yardstick.
pub const TIMES_PLAIN_LOOPS: f64 = 4.0;

/// An optimiser's step from the same gradient: about ten roundings of its change, one of them a square root and one a
/// quotient (2e-6), and the gradient's norm, a sum of up to 1e5 squares summed in blocks (8e-6).
pub const UPDATE: f64 = 1e-5;

/// Rounding a parameter to `f32` after each of its up to three changes in a step.
pub const STORED: f64 = 2e-7;

/// Twenty steps let rounding errors grow: each step's gradient is taken at a slightly different point. A learning rate
/// of a hundredth moves a loss by percents, so an error in a formula shows far above this.
pub const CURVE: f64 = 2e-4;

/// A logit of some hundreds is rounded to 3e-5, and a probability is an exponential of it.
pub const EXTREME: f64 = 1e-4;

/// Inner products of gradients, in units of the largest: twice a gradient's own error, see [`of_plan`], and a sum.
pub fn gram(plan: &Plan) -> f64 {
    2.0 * of_plan(plan) + 2e-6
}

/// What rounding the factors of matrix products adds. The oracle rounds them too; but numbers that `f32` tells apart from
/// its own may be rounded to a factor's other neighbour, which changes a term of a sum by this part of it, and the layers
/// after that.
pub fn of_factors(factors: Factors) -> f64 {
    match factors {
        Factors::F32 => 0.0,
        Factors::Tf32 | Factors::Bf16 => factors.spacing(),
    }
}

/// What a whole plan's outputs, losses and gradients are allowed: in the worst case its ops' errors add up.
pub fn of_plan(plan: &Plan) -> f64 {
    plan.ops.iter().map(of_op).sum()
}

/// What one op adds.
pub fn of_op(op: &Op) -> f64 {
    match op {
        // A pool of a few table rows; the gradient of a row is a sum over its uses in the batch.
        Op::Embed(_) => 1e-6,
        Op::Linear(op) => of_linear(op),
        Op::Norm(op) => of_norm(op),
        // Inner products as in a linear layer, then an exponential and a quotient; a low temperature multiplies the
        // error of a logit.
        Op::Gate(op) => 4e-6 / f64::from(op.temperature).min(1.0),
        // A sum over experts, whose terms may cancel.
        Op::Mix(_) => 3e-6,
        // One rounding for each slot but the first.
        Op::Add(_) => 5e-7,
        // A copy.
        Op::Concat(_) => 0.0,
        // Exponentials with two units in the last place.
        Op::Predict(_) => 2e-6,
        // Exponentials, logarithms and a sum over the batch.
        Op::Loss(_) => 4e-6,
    }
}

/// Inner products over the fan-in, and over the batch for a matrix's gradient: up to 2^12 terms summed in blocks.
fn of_linear(op: &Linear) -> f64 {
    match op.activation {
        Activation::Identity | Activation::Relu => 4e-6,
        // A vectorised exponential has two to four units in the last place.
        Activation::Sigmoid | Activation::Tanh => 5e-6,
    }
}

/// A mean is subtracted and the rest divided by its own size: what both lose is multiplied by (mean / deviation), which
/// plain loops lose too, and then by the quotient's conditioning.
fn of_norm(op: &Norm) -> f64 {
    match op.kind {
        NormKind::Layer => 1e-5,
        // Sums over rows, and running statistics.
        NormKind::Batch { .. } | NormKind::Scene { .. } => 2e-5,
    }
}
