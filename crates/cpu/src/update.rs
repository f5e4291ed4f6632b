//! The optimisers, element by element. Dense parameters, swept tables and replayed rows all go through [`advance`]: there
//! is one formula, and so one set of bits.

use mmtl_plan::{DecayTowards, Optimiser, Plan, Update};

use crate::simd::vectorised;
use crate::workers::Workers;

/// Everything an update does to an element whose gradient is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    form: Form,
    /// λ
    decay: f32,
    lr: f32,
    step_size: f32,
    second_scale: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Adam {
        beta1: f32,
        beta2: f32,
        eps: f32,
        decoupled: bool,
    },
    Sgd {
        momentum: f32,
    },
    Adagrad {
        eps: f32,
    },
    /// Of a table's rows: all elements of a row have one sum of squares.
    RowWise {
        eps: f32,
    },
    RmsProp {
        alpha: f32,
        eps: f32,
    },
    Lion {
        beta1: f32,
        beta2: f32,
    },
}

impl Rule {
    /// The rule of `update` for tables.
    pub fn of_tables(update: &Update) -> Self {
        let rule = Self::new(update, update.decay.tables);
        match update.optimiser {
            Optimiser::RowWiseAdagrad { eps } => Self { form: Form::RowWise { eps }, ..rule },
            Optimiser::Adam { .. }
            | Optimiser::AdamW { .. }
            | Optimiser::Sgd { .. }
            | Optimiser::Adagrad { .. }
            | Optimiser::RmsProp { .. }
            | Optimiser::Lion { .. } => rule,
        }
    }

    /// The rule of `update` with weight decay `decay`, element by element.
    pub fn new(update: &Update, decay: f32) -> Self {
        let form = match update.optimiser {
            Optimiser::Adam { beta1, beta2, eps } => Form::Adam { beta1, beta2, eps, decoupled: false },
            Optimiser::AdamW { beta1, beta2, eps } => Form::Adam { beta1, beta2, eps, decoupled: true },
            Optimiser::Sgd { momentum } => Form::Sgd { momentum },
            Optimiser::Adagrad { eps } | Optimiser::RowWiseAdagrad { eps } => Form::Adagrad { eps },
            Optimiser::RmsProp { alpha, eps } => Form::RmsProp { alpha, eps },
            Optimiser::Lion { beta1, beta2 } => Form::Lion { beta1, beta2 },
        };
        let scalars = update.scalars();
        Self { form, decay, lr: scalars.lr, step_size: scalars.step_size, second_scale: scalars.second_scale }
    }

    /// Of a parameter whose learning rate is multiplied by `factor`.
    fn scaled(self, factor: f32) -> Self {
        Self { lr: self.lr * factor, step_size: self.step_size * factor, ..self }
    }

    /// Whether it changes no bit of an element whose moments and gradient are 0.
    pub fn rests(&self) -> bool {
        let still = match self.form {
            // 0 · ∞ is no number, and so is 0 / 0.
            Form::Adam { eps, .. } => eps > 0.0 && self.step_size.is_finite() && self.second_scale.is_finite(),
            Form::Sgd { .. } | Form::Lion { .. } => self.lr.is_finite(),
            Form::Adagrad { eps } | Form::RowWise { eps } | Form::RmsProp { eps, .. } => {
                eps > 0.0 && self.lr.is_finite()
            }
        };
        still && self.decay == 0.0
    }

    /// Whether it differs from another only in how far it moves.
    pub fn is_like(&self, other: &Self) -> bool {
        self.form == other.form && self.decay.to_bits() == other.decay.to_bits()
    }

    /// Moves a row whose elements share their sum of squares, by gradient `g`, to which L2 decay is still to be added.
    #[inline(always)]
    fn advance_row(&self, eps: f32, w: &mut [f32], m: &mut [f32], g: Slope<'_>) {
        let slope = |at: usize, w: f32| {
            let g = match g {
                Slope::Flat => 0.0,
                Slope::Scaled(g, scale) => g[at] * scale,
            };
            g + self.decay * w
        };
        let mut squares = 0.0;
        for (at, &w) in w.iter().enumerate() {
            let g = slope(at, w);
            squares += g * g;
        }
        let sum = m[0] + squares / m.len() as f32;
        m.fill(sum);
        let size = sum.sqrt() + eps;
        for (at, w) in w.iter_mut().enumerate() {
            *w -= self.lr * slope(at, *w) / size;
        }
    }
}

/// Adam's step, decay apart.
#[inline(always)]
fn adam<const N: usize>(
    rule: &Rule,
    (beta1, beta2, eps): (f32, f32, f32),
    w: &mut [f32; N],
    m: &mut [f32; N],
    v: &mut [f32; N],
    g: &[f32; N],
) {
    for i in 0..N {
        let g = g[i];
        m[i] = beta1 * m[i] + (1.0 - beta1) * g;
        v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
        w[i] -= rule.step_size * m[i] / (v[i].sqrt() * rule.second_scale + eps);
    }
}

/// 1, -1 or 0; what is no number stays none.
#[inline(always)]
fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// The gradient of some elements.
#[derive(Clone, Copy)]
pub enum Slope<'a> {
    /// 0
    Flat,
    /// `scale · g`
    Scaled(&'a [f32], f32),
}

/// Moves `N` elements by `rules` in turn, all of them alike, by gradient `g`, to which L2 decay is still to be added.
#[inline(always)]
fn advance<const N: usize>(
    rules: &[Rule],
    target: f32,
    w: &mut [f32; N],
    m: &mut [f32; N],
    v: &mut [f32; N],
    g: &[f32; N],
) {
    // What rules have in common is looked at once: a replay is a loop of little more than its roots and quotients.
    let Some(&Rule { form, decay, .. }) = rules.first() else { return };
    match form {
        Form::Adam { beta1, beta2, eps, decoupled } => {
            for rule in rules {
                // Without decay the moments do not wait for the last step's weight: a replay of many steps is then
                // bound by the throughput of roots and quotients, not by their latency.
                if decay == 0.0 {
                    adam(rule, (beta1, beta2, eps), w, m, v, g);
                } else if decoupled {
                    let free = rule.lr * decay;
                    for w in &mut *w {
                        *w -= free * (*w - target);
                    }
                    adam(rule, (beta1, beta2, eps), w, m, v, g);
                } else {
                    let mut g = *g;
                    g.iter_mut().zip(&*w).for_each(|(g, w)| *g += decay * (w - target));
                    adam(rule, (beta1, beta2, eps), w, m, v, &g);
                }
            }
        }
        Form::Sgd { momentum } => {
            for rule in rules {
                for i in 0..N {
                    let mut g = g[i] + decay * (w[i] - target);
                    if momentum != 0.0 {
                        m[i] = momentum * m[i] + g;
                        g = m[i];
                    }
                    w[i] -= rule.lr * g;
                }
            }
        }
        Form::Adagrad { eps } | Form::RowWise { eps } => {
            for rule in rules {
                for i in 0..N {
                    let g = g[i] + decay * (w[i] - target);
                    m[i] += g * g;
                    w[i] -= rule.lr * g / (m[i].sqrt() + eps);
                }
            }
        }
        Form::RmsProp { alpha, eps } => {
            for rule in rules {
                for i in 0..N {
                    let g = g[i] + decay * (w[i] - target);
                    m[i] = alpha * m[i] + (1.0 - alpha) * g * g;
                    w[i] -= rule.lr * g / (m[i].sqrt() + eps);
                }
            }
        }
        Form::Lion { beta1, beta2 } => {
            for rule in rules {
                for i in 0..N {
                    let direction = sign(beta1 * m[i] + (1.0 - beta1) * g[i]);
                    w[i] -= rule.lr * (direction + decay * (w[i] - target));
                    m[i] = beta2 * m[i] + (1.0 - beta2) * g[i];
                }
            }
        }
    }
}

/// Moves elements of any number by `rules` in turn, which are all alike and see the same gradient. Elements stay in
/// registers from the first rule to the last.
#[inline(always)]
pub fn advance_all(rules: &[Rule], target: f32, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: Slope<'_>) {
    if let Some(&Rule { form: Form::RowWise { eps }, .. }) = rules.first() {
        for rule in rules {
            rule.advance_row(eps, w, m, g);
        }
        return;
    }
    let mut at = 0;
    while at + 16 <= w.len() {
        piece::<16>(rules, target, at, w, m, v, g);
        at += 16;
    }
    if at + 8 <= w.len() {
        piece::<8>(rules, target, at, w, m, v, g);
        at += 8;
    }
    while at < w.len() {
        piece::<1>(rules, target, at, w, m, v, g);
        at += 1;
    }
}

#[inline(always)]
fn piece<const N: usize>(
    rules: &[Rule],
    target: f32,
    at: usize,
    w: &mut [f32],
    m: &mut [f32],
    v: &mut [f32],
    g: Slope<'_>,
) {
    let load = |x: &[f32]| {
        let mut piece = [0.0; N];
        piece.copy_from_slice(&x[at..at + N]);
        piece
    };
    let (mut w_piece, mut m_piece, mut v_piece) = (load(w), load(m), load(v));
    let g = match g {
        Slope::Flat => [0.0; N],
        Slope::Scaled(g, scale) => load(g).map(|g| g * scale),
    };
    advance(rules, target, &mut w_piece, &mut m_piece, &mut v_piece, &g);
    w[at..at + N].copy_from_slice(&w_piece);
    m[at..at + N].copy_from_slice(&m_piece);
    v[at..at + N].copy_from_slice(&v_piece);
}

/// Pieces of the dense arena, none across two parameters.
pub struct ArenaUpdate {
    pieces: Vec<Piece>,
}

struct Piece {
    start: usize,
    len: usize,
    decay: DecayTowards,
    lr_factor: f32,
}

/// Elements of one piece: 16 KiB of each of four buffers.
const PIECE: usize = 4096;

impl ArenaUpdate {
    /// Cuts a plan's parameters.
    pub fn of(plan: &Plan) -> Self {
        let mut pieces = vec![];
        for param in &plan.params {
            let range = param.range();
            for start in range.clone().step_by(PIECE) {
                pieces.push(Piece {
                    start,
                    len: PIECE.min(range.end - start),
                    decay: param.decay,
                    lr_factor: param.lr_factor,
                });
            }
        }
        pieces.sort_by_key(|piece| piece.start);
        Self { pieces }
    }

    /// One step of every dense parameter; the loss's gradient is multiplied by `scale` first.
    pub fn run(
        &self,
        workers: &Workers,
        update: &Update,
        w: &mut [f32],
        [m, v]: [&mut [f32]; 2],
        g: &[f32],
        scale: f32,
    ) {
        let decayed = Rule::new(update, update.decay.dense);
        let free = Rule::new(update, 0.0);
        workers.tasks((w, m, v), &self.pieces, 1, &|piece| piece.start, &|pieces, _, (w, m, v)| {
            let Piece { start, len, decay, lr_factor } = pieces[0];
            let (rule, target) = match decay {
                DecayTowards::Nothing => (free, 0.0),
                DecayTowards::Zero => (decayed, 0.0),
                DecayTowards::One => (decayed, 1.0),
            };
            let rules = &[rule.scaled(lr_factor)];
            let g = Slope::Scaled(&g[start..start + len], scale);
            vectorised!(advance_all(rules, target, &mut w[..len], &mut m[..len], &mut v[..len], g));
        });
    }
}

#[cfg(test)]
mod tests {
    use mmtl_plan::Decay;

    use super::*;

    fn update(optimiser: Optimiser, step: u64) -> Update {
        Update { optimiser, lr: 0.1, step, clip: None, decay: Decay { dense: 0.25, tables: 0.0 } }
    }

    /// By hand: momentum 0.5, λ = ¼ towards 1, all numbers exact.
    #[test]
    fn sgd_with_momentum_and_decay_towards_one() {
        let update = Update { lr: 0.5, ..update(Optimiser::Sgd { momentum: 0.5 }, 1) };
        let rule = [Rule::new(&update, 0.25)];
        let (mut w, mut m, mut v) = ([3.0; 27], [1.0; 27], [0.0; 27]);
        advance_all(&rule, 1.0, &mut w, &mut m, &mut v, Slope::Scaled(&[2.0; 27], 0.5));
        // g = ½·2 + ¼·(3 - 1) = 1.5; m = ½·1 + 1.5 = 2; w = 3 - ½·2.
        assert_eq!((w, m), ([2.0; 27], [2.0; 27]));
    }

    #[test]
    fn width_of_a_piece_moves_no_bit() {
        for optimiser in [
            Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
            Optimiser::AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-6 },
            Optimiser::Sgd { momentum: 0.9 },
            Optimiser::Adagrad { eps: 1e-8 },
            Optimiser::RmsProp { alpha: 0.9, eps: 1e-8 },
            Optimiser::Lion { beta1: 0.9, beta2: 0.99 },
        ] {
            let rules: Vec<Rule> = (1..40).map(|step| Rule::new(&update(optimiser, step), 0.01)).collect();
            let start: Vec<f32> = (0..29).map(|i| (i as f32 * 0.37).sin()).collect();
            let (mut w, mut m, mut v) = (start.clone(), start.clone(), vec![0.5; 29]);
            vectorised!(advance_all(&rules, 0.0, &mut w, &mut m, &mut v, Slope::Flat));
            for i in 0..29 {
                let (mut one, mut m_one, mut v_one) = ([start[i]], [start[i]], [0.5]);
                for rule in &rules {
                    advance(std::slice::from_ref(rule), 0.0, &mut one, &mut m_one, &mut v_one, &[0.0]);
                }
                assert_eq!((one[0].to_bits(), m_one[0].to_bits()), (w[i].to_bits(), m[i].to_bits()));
            }
        }
    }

    #[test]
    fn a_resting_rule_moves_no_bit() {
        let rule = Rule::new(&update(Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }, 3), 0.0);
        assert!(rule.rests());
        let (mut w, mut m, mut v) = ([0.3, -0.0], [0.0; 2], [0.0; 2]);
        advance(&[rule], 0.0, &mut w, &mut m, &mut v, &[0.0; 2]);
        assert_eq!(w.map(f32::to_bits), [0.3, -0.0].map(f32::to_bits));
        let restless = [
            Rule::new(&update(Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 0.0 }, 3), 0.0),
            Rule::new(&update(Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }, 0), 0.0),
            Rule::new(&update(Optimiser::Sgd { momentum: 0.0 }, 3), 0.1),
        ];
        assert!(restless.iter().all(|rule| !rule.rests()));
    }
}
