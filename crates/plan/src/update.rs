//! How parameters change, as data: engines share these formulas and nothing else decides them.

use serde::{Deserialize, Serialize};

/// One update of all parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// The rule.
    pub optimiser: Optimiser,
    /// Learning rate of this step.
    pub lr: f32,
    /// The number of this step, counted from 1. Also keys the dropout masks.
    pub step: u64,
    /// The loss's gradient is scaled down to this global norm, over arena and touched table rows, before decay is
    /// added (as in PyTorch, where `weight_decay` acts inside the optimiser).
    pub clip: Option<f32>,
    /// Weight decay.
    pub decay: Decay,
}

/// Weight decay of dense parameters and of embedding tables, apart. [`Optimiser::AdamW`] and [`Optimiser::Lion`] decouple it
/// (`w -= lr · λ · (w - target)`); the others add `λ · (w - target)` to the gradient (L2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decay {
    /// λ of dense parameters.
    pub dense: f32,
    /// λ of embedding tables; their target is 0.
    pub tables: f32,
}

/// The rule of an update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Optimiser {
    /// Kingma and Ba (ICLR 2015), with ε outside the bias correction as in PyTorch:
    /// `m = β₁m + (1-β₁)g; v = β₂v + (1-β₂)g²; w -= lr/(1-β₁ᵗ) · m / (√v / √(1-β₂ᵗ) + ε)`.
    Adam {
        /// β₁
        beta1: f32,
        /// β₂
        beta2: f32,
        /// ε
        eps: f32,
    },
    /// Loshchilov and Hutter (ICLR 2019): Adam with decoupled decay, `w -= lr · λ · (w - target)` first.
    AdamW {
        /// β₁
        beta1: f32,
        /// β₂
        beta2: f32,
        /// ε
        eps: f32,
    },
    /// `m = μm + g; w -= lr · m` (PyTorch's form, without dampening).
    Sgd {
        /// μ; 0 for plain gradient descent.
        momentum: f32,
    },
    /// Duchi et al. (JMLR 2011), as in PyTorch: `v += g²; w -= lr · g / (√v + ε)`, from `v = 0`.
    Adagrad {
        /// ε
        eps: f32,
    },
    /// [`Optimiser::Adagrad`] with one `v` for each row of a table, `v += mean of the row's g²` (FBGEMM's and TorchRec's
    /// `rowwise_adagrad`). Dense parameters have one for each element, as under Adagrad.
    RowWiseAdagrad {
        /// ε
        eps: f32,
    },
    /// Tieleman and Hinton (lecture 6.5 of Neural Networks for Machine Learning, 2012), as in PyTorch, without momentum:
    /// `v = αv + (1-α)g²; w -= lr · g / (√v + ε)`.
    RmsProp {
        /// α
        alpha: f32,
        /// ε
        eps: f32,
    },
    /// Chen et al. (NeurIPS 2023), algorithm 2: `c = β₁m + (1-β₁)g; m = β₂m + (1-β₂)g; w -= lr · (sign c + λ · (w - target))`.
    Lion {
        /// β₁
        beta1: f32,
        /// β₂
        beta2: f32,
    },
}

/// What a rule remembers of each element. A session that is given a rule which remembers something else starts from zeros;
/// rules which remember the same hand it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memories {
    /// Nothing.
    None,
    /// A mean of gradients: momentum, Lion's.
    Mean,
    /// A sum or mean of their squares.
    Squares,
    /// Their squares' sum; in a table that of a row, the same at each of its elements.
    SquaresOfRows,
    /// A mean of gradients, and one of their squares.
    MeanAndSquares,
}

impl Memories {
    /// How many moments of a parameter's size that are.
    pub fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::Mean | Self::Squares | Self::SquaresOfRows => 1,
            Self::MeanAndSquares => 2,
        }
    }
}

/// The numbers of one update that are the same for every element, so that a row which missed steps can replay them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepScalars {
    /// `lr / (1 - β₁ᵗ)`; `lr` for rules without a correction.
    pub step_size: f32,
    /// `1 / √(1 - β₂ᵗ)`; 1 for those.
    pub second_scale: f32,
    /// `lr`, by which decoupled decay is multiplied.
    pub lr: f32,
}

impl StepScalars {
    /// Those of a parameter whose learning rate is multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f32) -> Self {
        Self { step_size: self.step_size * factor, second_scale: self.second_scale, lr: self.lr * factor }
    }
}

impl Optimiser {
    /// What it remembers.
    pub fn memories(&self) -> Memories {
        match self {
            Self::Adam { .. } | Self::AdamW { .. } => Memories::MeanAndSquares,
            Self::Sgd { momentum: 0.0 } => Memories::None,
            Self::Sgd { .. } | Self::Lion { .. } => Memories::Mean,
            Self::Adagrad { .. } | Self::RmsProp { .. } => Memories::Squares,
            Self::RowWiseAdagrad { .. } => Memories::SquaresOfRows,
        }
    }

    /// How many moments of a parameter's size it keeps.
    pub fn moments(&self) -> usize {
        self.memories().count()
    }
}

impl Update {
    /// The step's scalars, computed in f64 with `libm` so that every engine and platform has the same bits.
    pub fn scalars(&self) -> StepScalars {
        match self.optimiser {
            Optimiser::Adam { beta1, beta2, .. } | Optimiser::AdamW { beta1, beta2, .. } => {
                let correction = |beta: f32| 1.0 - libm::pow(f64::from(beta), self.step as f64);
                StepScalars {
                    step_size: (f64::from(self.lr) / correction(beta1)) as f32,
                    second_scale: (1.0 / correction(beta2).sqrt()) as f32,
                    lr: self.lr,
                }
            }
            Optimiser::Sgd { .. }
            | Optimiser::Adagrad { .. }
            | Optimiser::RowWiseAdagrad { .. }
            | Optimiser::RmsProp { .. }
            | Optimiser::Lion { .. } => StepScalars { step_size: self.lr, second_scale: 1.0, lr: self.lr },
        }
    }

    /// Whether it changes no bit of an element without a gradient, whatever its moments, under weight decay λ: then there is
    /// nothing that a table's row can miss.
    pub fn is_still(&self, lambda: f32) -> bool {
        let divides = |eps: f32| eps > 0.0;
        let still = match self.optimiser {
            Optimiser::Sgd { momentum } => momentum == 0.0,
            Optimiser::Adagrad { eps } | Optimiser::RowWiseAdagrad { eps } => divides(eps),
            // Their moments fade.
            Optimiser::Adam { .. } | Optimiser::AdamW { .. } | Optimiser::RmsProp { .. } | Optimiser::Lion { .. } => {
                false
            }
        };
        still && lambda == 0.0 && self.lr.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_adam_step_is_corrected_in_full() {
        let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        let update = Update { optimiser, lr: 0.5, step: 1, clip: None, decay: Decay::default() };
        let scalars = update.scalars();
        assert!((scalars.step_size - 5.0).abs() < 1e-5, "{scalars:?}");
        // 1 - 0.999f32 is 0.00100004673...
        assert!((scalars.second_scale - 31.622).abs() < 1e-2, "{scalars:?}");
        let far = Update { step: 1_000_000, ..update }.scalars();
        assert_eq!((far.step_size, far.second_scale), (0.5, 1.0));
    }
}
