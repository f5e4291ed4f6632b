//! Functions of one number that are right wherever `f32` is.

#![expect(
    unused_assignments,
    reason = "an `if` as a value is silently wrong in a kernel when its branches are literals, so branches assign"
)]

use cubecl::prelude::*;

/// `1 / (1 + e^-x)`
#[cube]
pub fn sigmoid(x: f32) -> f32 {
    // The exponential never overflows, and small results keep all their digits.
    let small = (-x.abs()).exp();
    let mut top = 1.0f32;
    if x < 0.0f32 {
        top = small;
    }
    top / (1.0f32 + small)
}

/// `ln(1 + x)` for `0 ≤ x ≤ 1`: `2 artanh(x / (2 + x))`, a series of positive terms. Devices may reorder sums, so that
/// nothing here relies on what rounding leaves.
#[cube]
fn ln_one_more(x: f32) -> f32 {
    let ratio = x / (2.0f32 + x);
    let square = ratio * ratio;
    let mut series = f32::new(1.0 / 17.0);
    series = fma(series, square, f32::new(1.0 / 15.0));
    series = fma(series, square, f32::new(1.0 / 13.0));
    series = fma(series, square, f32::new(1.0 / 11.0));
    series = fma(series, square, f32::new(1.0 / 9.0));
    series = fma(series, square, f32::new(1.0 / 7.0));
    series = fma(series, square, f32::new(1.0 / 5.0));
    series = fma(series, square, f32::new(1.0 / 3.0));
    series = fma(series, square, f32::new(1.0));
    2.0f32 * ratio * series
}

/// `ln(1 + e^x)`
#[cube]
pub fn softplus(x: f32) -> f32 {
    max(x, 0.0f32) + ln_one_more((-x.abs()).exp())
}

/// `tanh x`
#[cube]
pub fn hyperbolic_tangent(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let mut result = f32::new(0.0);
    if size < 0.25f32 {
        // The series to x^11, whose next term is below half a unit in the last place.
        let mut series = fma(f32::new(-0.008_863_236), square, 0.021_869_488f32);
        series = fma(series, square, -0.053_968_254f32);
        series = fma(series, square, 0.133_333_34f32);
        series = fma(series, square, -0.333_333_34f32);
        result = fma(series * square, x, x);
    } else {
        let power = (-2.0f32 * size).exp();
        result = (1.0f32 - power) / (1.0f32 + power);
        if x < 0.0f32 {
            result = -result;
        }
    }
    result
}
