//! The optimisers, element by element. Dense parameters, swept tables and replayed rows all go through [`advance`], whose
//! sums are written as fused multiply-adds: no compiler can round one kernel's otherwise than another's.

use cubecl::prelude::*;
use mmtl_plan::{ALIGN, DecayTowards, Optimiser, Update};

use crate::tables::NOWHERE;

/// Words of a rule.
pub const RULE: usize = 8;

/// Adam with decay added to the gradient.
pub const ADAM: f32 = 0.0;
/// Adam with decoupled decay.
pub const ADAM_W: f32 = 1.0;
/// Gradient descent, with momentum or without.
pub const SGD: f32 = 2.0;

/// Adagrad.
pub const ADAGRAD: f32 = 3.0;
/// Adagrad of a table's rows, all elements of which have one sum of squares.
pub const ROW_WISE: f32 = 4.0;
/// A mean of squares, and no other.
pub const RMS_PROP: f32 = 5.0;
/// The sign of a mean.
pub const LION: f32 = 6.0;

/// [`rule_words`] for tables.
pub fn table_words(update: &Update) -> [f32; RULE] {
    let mut words = rule_words(update, update.decay.tables);
    if matches!(update.optimiser, Optimiser::RowWiseAdagrad { .. }) {
        words[0] = ROW_WISE;
    }
    words
}

/// Everything an update does to an element whose gradient is known, as words; `decay` is λ.
pub fn rule_words(update: &Update, decay: f32) -> [f32; RULE] {
    let scalars = update.scalars();
    let (form, first, second, eps) = match update.optimiser {
        Optimiser::Adam { beta1, beta2, eps } => (ADAM, beta1, beta2, eps),
        Optimiser::AdamW { beta1, beta2, eps } => (ADAM_W, beta1, beta2, eps),
        Optimiser::Sgd { momentum } => (SGD, momentum, 0.0, 0.0),
        Optimiser::Adagrad { eps } | Optimiser::RowWiseAdagrad { eps } => (ADAGRAD, 0.0, 0.0, eps),
        Optimiser::RmsProp { alpha, eps } => (RMS_PROP, alpha, 0.0, eps),
        Optimiser::Lion { beta1, beta2 } => (LION, beta1, beta2, 0.0),
    };
    [form, first, second, eps, decay, scalars.lr, scalars.step_size, scalars.second_scale]
}

/// A block's words for [`dense`]: what decay pulls it towards, and the bits of what its learning rate is multiplied by.
pub const PULL: usize = 2;

/// The first of them.
pub fn pull_word(towards: DecayTowards) -> u32 {
    match towards {
        DecayTowards::Nothing => 0,
        DecayTowards::Zero => 1,
        DecayTowards::One => 2,
    }
}

/// A rule on the device.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
pub struct Rule {
    form: f32,
    first: f32,
    second: f32,
    eps: f32,
    decay: f32,
    lr: f32,
    step_size: f32,
    second_scale: f32,
}

/// An element and its moments.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
pub struct Moved {
    /// Its value.
    pub w: f32,
    /// The first moment.
    pub m: f32,
    /// The second.
    pub v: f32,
}

/// The rule whose words start at `at`.
#[cube]
pub fn rule_at(words: &Array<f32>, at: u32) -> Rule {
    let at = at as usize;
    Rule {
        form: words[at],
        first: words[at + 1],
        second: words[at + 2],
        eps: words[at + 3],
        decay: words[at + 4],
        lr: words[at + 5],
        step_size: words[at + 6],
        second_scale: words[at + 7],
    }
}

/// Whether a rule moves an element without a gradient: without decay, one that has never had any stays where it is.
#[cube]
pub fn moves(rule: &Rule, m: f32, v: f32) -> bool {
    let moments = u32::reinterpret(m) | u32::reinterpret(v);
    rule.decay != 0.0f32 || moments != 0u32
}

/// Moves an element by gradient `g`, to which decay towards `target` is still to be added.
#[cube]
pub fn advance(rule: &Rule, target: f32, w: f32, m: f32, v: f32, g: f32) -> Moved {
    let mut moved = Moved { w, m, v };
    let pulled = fma(rule.decay, w - target, g);
    if rule.form == SGD {
        let mut slope = pulled;
        if rule.first != 0.0f32 {
            slope = fma(rule.first, m, pulled);
            moved.m = slope;
        }
        moved.w = fma(-rule.lr, slope, w);
    } else if rule.form == LION {
        let mean = fma(rule.first, m, (1.0f32 - rule.first) * g);
        // What is no number stays none.
        let mut direction = mean;
        if mean > 0.0f32 {
            direction = 1.0f32;
        } else if mean < 0.0f32 {
            direction = -1.0f32;
        }
        moved.w = fma(-rule.lr, fma(rule.decay, w - target, direction), w);
        moved.m = fma(rule.second, m, (1.0f32 - rule.second) * g);
    } else if rule.form == ADAGRAD {
        moved.m = fma(pulled, pulled, m);
        moved.w -= rule.lr * pulled / (moved.m.sqrt() + rule.eps);
    } else if rule.form == RMS_PROP {
        moved.m = fma(rule.first, m, (1.0f32 - rule.first) * pulled * pulled);
        moved.w -= rule.lr * pulled / (moved.m.sqrt() + rule.eps);
    } else {
        let mut slope = pulled;
        if rule.form == ADAM_W {
            slope = g;
            moved.w = fma(-(rule.lr * rule.decay), w - target, w);
        }
        moved.m = fma(rule.first, m, (1.0f32 - rule.first) * slope);
        moved.v = fma(rule.second, v, (1.0f32 - rule.second) * slope * slope);
        let size = fma(moved.v.sqrt(), rule.second_scale, rule.eps);
        moved.w -= rule.step_size * moved.m / size;
    }
    moved
}

/// Whether a rule moves rows as wholes.
#[cube]
pub fn is_of_rows(rule: &Rule) -> bool {
    rule.form == ROW_WISE
}

/// Moves a row whose elements share their sum of squares: `width` of them from `at` on. Its gradient starts at `from`, or is 0
/// for [`NOWHERE`], and decay is still to be added.
#[cube]
pub fn advance_row(
    rule: &Rule,
    values: &mut Array<f32>,
    sums: &mut Array<f32>,
    gradients: &Array<f32>,
    at: u32,
    width: u32,
    from: u32,
    scale: f32,
) {
    let mut squares = 0.0f32;
    for k in 0..width {
        let slope = slope_of(rule, values, gradients, at + k, from, k, scale);
        squares = fma(slope, slope, squares);
    }
    let sum = sums[at as usize] + squares / f32::cast_from(width);
    let size = sum.sqrt() + rule.eps;
    for k in 0..width {
        let slope = slope_of(rule, values, gradients, at + k, from, k, scale);
        let to = (at + k) as usize;
        values[to] -= rule.lr * slope / size;
        sums[to] = sum;
    }
}

/// An element's gradient, with decay.
#[cube]
fn slope_of(rule: &Rule, values: &Array<f32>, gradients: &Array<f32>, at: u32, from: u32, k: u32, scale: f32) -> f32 {
    let mut g = 0.0f32;
    if from != NOWHERE {
        g = gradients[(from + k) as usize] * scale;
    }
    fma(rule.decay, values[at as usize], g)
}

/// One update of the arena. `pulls` has [`PULL`] words for each [`ALIGN`] elements. `scale` has the two factors of gradients.
#[cube(launch_unchecked)]
pub fn dense(
    values: &mut Array<f32>,
    first_moment: &mut Array<f32>,
    second_moment: &mut Array<f32>,
    gradient: &Array<f32>,
    pulls: &Array<u32>,
    rule: &Array<f32>,
    scale: &Array<f32>,
    elements: u32,
) {
    let mut i = ABSOLUTE_POS;
    while i < elements as usize {
        let pull = pulls[i / ALIGN * PULL];
        let factor = f32::reinterpret(pulls[i / ALIGN * PULL + 1]);
        let mut of = rule_at(rule, 0u32);
        of.lr *= factor;
        of.step_size *= factor;
        let mut target = 0.0f32;
        if pull == 0u32 {
            of.decay = 0.0f32;
        } else if pull == 2u32 {
            target = 1.0f32;
        }
        let moved =
            advance(&of, target, values[i], first_moment[i], second_moment[i], gradient[i] * scale[0] * scale[1]);
        values[i] = moved.w;
        first_moment[i] = moved.m;
        second_moment[i] = moved.v;
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}
