//! The number types the oracle computes in.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// `f32` or `f64`: the oracle is one text, and its `f64` reading is what engines and difference quotients are held to.
pub trait Real:
    Copy
    + Debug
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + Sum
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// The nearest value to `x`; exact for every `f32`.
    fn of(x: f64) -> Self;
    /// The value, exactly.
    fn double(self) -> f64;
    /// eˣ
    #[must_use]
    fn exp(self) -> Self;
    /// log x
    #[must_use]
    fn ln(self) -> Self;
    /// log(1 + x)
    #[must_use]
    fn ln_1p(self) -> Self;
    /// tanh x
    #[must_use]
    fn tanh(self) -> Self;
    /// √x
    #[must_use]
    fn sqrt(self) -> Self;
    /// |x|
    #[must_use]
    fn abs(self) -> Self;

    /// The nearest `f32`.
    fn single(self) -> f32 {
        self.double() as f32
    }

    /// The larger of two values that are not NaN.
    #[must_use]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

macro_rules! real {
    ($type:ident) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            fn of(x: f64) -> Self {
                x as Self
            }
            fn double(self) -> f64 {
                f64::from(self)
            }
            fn exp(self) -> Self {
                $type::exp(self)
            }
            fn ln(self) -> Self {
                $type::ln(self)
            }
            fn ln_1p(self) -> Self {
                $type::ln_1p(self)
            }
            fn tanh(self) -> Self {
                $type::tanh(self)
            }
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            fn abs(self) -> Self {
                $type::abs(self)
            }
        }
    };
}

real!(f32);
real!(f64);

/// log σ(x) = min(x, 0) - log(1 + e^-|x|): no term overflows, none cancels.
pub(crate) fn log_sigmoid<T: Real>(x: T) -> T {
    let negative_part = if x < T::ZERO { x } else { T::ZERO };
    negative_part - (-x.abs()).exp().ln_1p()
}

/// σ(x) = 1 / (1 + e^-x), from e^-|x| so that it keeps its relative accuracy at both ends.
pub(crate) fn sigmoid<T: Real>(x: T) -> T {
    let small = (-x.abs()).exp();
    if x < T::ZERO { small / (T::ONE + small) } else { T::ONE / (T::ONE + small) }
}

/// log Σ e^x, shifted by the largest term. -∞ for no terms.
pub(crate) fn log_sum_exp<T: Real>(terms: &[T]) -> T {
    let Some(largest) = terms.iter().copied().reduce(T::larger) else { return T::ZERO.ln() };
    largest + terms.iter().map(|&x| (x - largest).exp()).sum::<T>().ln()
}
