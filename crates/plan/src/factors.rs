//! What the factors of matrix products are rounded to.

/// What an engine rounds the factors of its matrix products to; sums, and everything else, are `f32` in any case.
///
/// Products are those of layers and of gates' logits, forward and backward: `x·W`, `dZ·Wᵀ` and `Xᵀ·dZ`, where STAR's
/// `W ⊙ W_scene` is formed first. Biases and their gradients are not rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Factors {
    /// Not at all.
    #[default]
    F32,
    /// To 10 bits after the point, halves away from zero, as NVIDIA's `cvt.rna.tf32.f32` does.
    Tf32,
    /// To 7 bits after the point, halves to even: `bfloat16`.
    Bf16,
}

impl Factors {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::Bf16];

    /// As given to `--precision`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factors| factors.name() == name)
    }

    /// Rounds a factor. Infinities and what is no number stay what they are.
    #[must_use]
    pub fn rounded(self, x: f32) -> f32 {
        if !x.is_finite() {
            return x;
        }
        let bits = x.to_bits();
        match self {
            Self::F32 => x,
            Self::Tf32 => f32::from_bits((bits + 0x1000) & !0x1FFF),
            Self::Bf16 => f32::from_bits((bits + 0x7FFF + ((bits >> 16) & 1)) & !0xFFFF),
        }
    }

    /// The distance from 1 to the next factor.
    pub fn spacing(self) -> f64 {
        match self {
            Self::F32 => f64::from(f32::EPSILON),
            Self::Tf32 => 1.0 / 1024.0,
            Self::Bf16 => 1.0 / 128.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_rounded_to_the_nearest() {
        let halves = [1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, -1.0 - 1.0 / 2048.0];
        assert_eq!(
            halves.map(|x| Factors::Tf32.rounded(x)),
            [1.0 + 1.0 / 1024.0, 1.0 + 2.0 / 1024.0, -1.0 - 1.0 / 1024.0]
        );
        let halves = [1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -1.0 - 1.0 / 256.0];
        assert_eq!(halves.map(|x| Factors::Bf16.rounded(x)), [1.0, 1.0 + 2.0 / 128.0, -1.0]);
        for factors in Factors::ALL {
            for x in [0.0, -0.0, 1.0, -2.5, f32::INFINITY] {
                assert_eq!(factors.rounded(x).to_bits(), x.to_bits(), "{factors:?}");
            }
            assert!(factors.rounded(f32::from_bits(0x7FFF_FFFF)).is_nan());
            assert_eq!(f64::from(factors.rounded(1.0 + factors.spacing() as f32)), 1.0 + factors.spacing());
            assert_eq!(Factors::named(factors.name()), Some(factors));
        }
        assert_eq!(Factors::F32.rounded(0.1).to_bits(), 0.1f32.to_bits());
    }
}
