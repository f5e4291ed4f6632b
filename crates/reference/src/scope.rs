//! What one op sees of one pass.

use std::borrow::Cow;
use std::ops::Range;

use mmtl_plan::{Batch, Factors, ParamId, Pass, Plan, SlotId};

use crate::parameters::Parameters;
use crate::real::Real;

/// Which statistics norms use, and whether elements are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch, dropout masks of this pass.
    Training(Pass),
    /// Running statistics, nothing dropped.
    Evaluation,
}

/// Everything an op may read.
pub(crate) struct Scope<'a, T> {
    pub plan: &'a Plan,
    pub batch: &'a Batch,
    pub parameters: &'a Parameters<T>,
    /// As the pass found them.
    pub states: &'a [Vec<T>],
    /// `[rows, groups, width]` each; empty until written.
    pub slots: &'a [Vec<T>],
    pub mode: Mode,
    /// Seed of dropout masks.
    pub dropout: u64,
    /// What factors of matrix products are rounded to.
    pub factors: Factors,
}

impl<T: Real> Scope<'_, T> {
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// (groups, width) of a slot.
    pub fn shape(&self, slot: SlotId) -> (usize, usize) {
        let slot = self.plan.slot(slot);
        (slot.groups, slot.width)
    }

    /// A slot of zeros.
    pub fn zeros(&self, slot: SlotId) -> Vec<T> {
        let (groups, width) = self.shape(slot);
        vec![T::ZERO; self.rows() * groups * width]
    }

    /// Where group `group` of row `row` lies in `slot`.
    pub fn span(&self, slot: SlotId, row: usize, group: usize) -> Range<usize> {
        let (groups, width) = self.shape(slot);
        let start = (row * groups + group) * width;
        start..start + width
    }

    /// The values of group `group` of row `row` in `slot`.
    pub fn values(&self, slot: SlotId, row: usize, group: usize) -> &[T] {
        &self.slots[slot.0][self.span(slot, row, group)]
    }

    /// A factor of a matrix product.
    pub fn factor(&self, x: T) -> T {
        match self.factors {
            Factors::F32 => x,
            Factors::Tf32 | Factors::Bf16 => T::of(f64::from(self.factors.rounded(x.single()))),
        }
    }

    /// Factors of matrix products.
    pub fn all_factors<'x>(&self, x: &'x [T]) -> Cow<'x, [T]> {
        match self.factors {
            Factors::F32 => Cow::Borrowed(x),
            Factors::Tf32 | Factors::Bf16 => x.iter().map(|&x| self.factor(x)).collect(),
        }
    }

    pub fn param(&self, id: ParamId) -> &[T] {
        self.parameters.param(self.plan, id)
    }
}

/// Gradients being summed up: of slots and of parameters.
pub(crate) struct Gradients<T> {
    pub slots: Vec<Vec<T>>,
    pub parameters: Parameters<T>,
}
