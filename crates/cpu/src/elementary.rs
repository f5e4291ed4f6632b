//! Exponentials and logarithms as polynomials, without branches and so vectorisable, and the same on every platform
//! (the C library's differ). Not a number in, not a number out.

/// e^x within 2 ulp, after `expf` of the Cephes library (Moshier, 1989). Results below the smallest normal number are
/// rounded twice.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves the nearest integer in the low bits.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5e-1;
    let mantissa = p * r * r + r + 1.0;
    // Scaled in two steps, since 2^128 and 2^-150 are no normal numbers.
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
    let half = exponent >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    mantissa * power(half) * power(exponent.wrapping_sub(half))
}

/// ln x within 1 ulp for normal x > 0, after `logf` of FreeBSD's msun; ∞ at ∞.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_add(0x3f80_0000 - SQRT_HALF);
    let k = (bits >> 23).cast_signed() - 127;
    let f = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let t1 = w * (0.400_009_72 + w * 0.242_790_79);
    let t2 = z * (0.666_666_6 + w * 0.284_987_87);
    let half_square = 0.5 * f * f;
    let k = k as f32;
    let value = s * (half_square + (t1 + t2)) + k * 9.058_001e-6 - half_square + f + k * 0.693_138_1;
    if x < f32::INFINITY { value } else { x }
}

/// ln(1 + e) for e in [0, 1], exact to the last digits where e is tiny.
#[inline(always)]
fn ln_one_plus(e: f32) -> f32 {
    let u = 1.0 + e;
    ln(u) + (e - (u - 1.0)) / u
}

/// ln(1 + e^x) = -ln σ(-x), finite at any finite x.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let positive = if x < 0.0 { 0.0 } else { x };
    positive + ln_one_plus(exp(-x.abs()))
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh x; Cephes' polynomial near 0, where the quotient would cancel.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_908_8e-2;
    p = p * z - 5.373_971_5e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328e-1;
    let near = p * z * x + x;
    let e = exp(-2.0 * x.abs());
    let far = ((1.0 - e) / (1.0 + e)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(range: std::ops::Range<i32>, scale: f64, f: fn(f32) -> f32, truth: fn(f64) -> f64) -> f64 {
        let error = |i: i32| {
            let x = (f64::from(i) * scale) as f32;
            let (got, want) = (f64::from(f(x)), truth(f64::from(x)));
            if want.abs() < f64::from(f32::MIN_POSITIVE) { (got - want).abs() } else { ((got - want) / want).abs() }
        };
        range.map(error).fold(0.0, f64::max)
    }

    /// Relative errors, in units of 2^-24 (half an ulp at worst).
    #[test]
    fn relative_errors_are_a_few_ulp() {
        let half_ulp = 2f64.powi(-24);
        assert!(worst(-87_000..88_700, 1e-3, exp, f64::exp) < 4.0 * half_ulp);
        assert!(worst(1..200_000, 1e-3, ln, f64::ln) < 3.0 * half_ulp);
        assert!(worst(-87_000..87_000, 1e-3, softplus, |x| x.exp().ln_1p()) < 8.0 * half_ulp);
        assert!(worst(-87_000..87_000, 1e-3, sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 6.0 * half_ulp);
        assert!(worst(-20_000..20_000, 1e-3, tanh, f64::tanh) < 6.0 * half_ulp);
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!((exp(0.0), exp(89.5), exp(-200.0)), (1.0, f32::INFINITY, 0.0));
        assert_eq!((ln(1.0), ln(f32::INFINITY)), (0.0, f32::INFINITY));
        assert_eq!((tanh(0.0), tanh(50.0), tanh(-50.0)), (0.0, 1.0, -1.0));
        assert_eq!((sigmoid(0.0), sigmoid(200.0), sigmoid(-200.0)), (0.5, 1.0, 0.0));
        assert_eq!((softplus(1e4), softplus(-1e4)), (1e4, 0.0));
        for f in [exp, ln, softplus, sigmoid, tanh] {
            assert!(f(f32::NAN).is_nan());
        }
    }
}
