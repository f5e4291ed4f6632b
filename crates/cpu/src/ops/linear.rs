//! `act(x·W + b)` for several groups, with shared, per-scene or STAR's matrices; bias and ReLU follow each product in
//! registers, other activations and dropout while its output is in the cache.

use std::ops::Range;

use mmtl_plan::{Activation, Batch};

use crate::elementary::{sigmoid, tanh};
use crate::layout::{Place, Tile};
use crate::matrix::{Matrix, MatrixMut, activated, masked, product};
use crate::node::Input;
use crate::ops::by_id::ById;
use crate::ops::dropout::{DropoutNode, each_derivative};
use crate::pass::{Backward, Forward, scene_part};
use crate::simd::vectorised;

/// A compiled [`mmtl_plan::Linear`].
pub struct LinearNode {
    /// Slot read.
    pub input: Input,
    /// Slot written.
    pub out: Place,
    /// The input group that each output group reads.
    pub reads: Vec<usize>,
    /// The matrices.
    pub weights: Weights,
    /// The columns of the input that are multiplied by id, and the others.
    pub by_id: ById,
    /// Start of the transposed matrices among the prepared weights: `[groups, out, in]`, with a scene axis in front
    /// unless they are shared.
    pub transposed: usize,
    /// Number of scenes.
    pub scenes: usize,
    /// Applied to every sum.
    pub activation: Activation,
    /// Applied last.
    pub dropout: Option<DropoutNode>,
    /// Whether what it reads is what ReLU left for it alone, so that it passes derivatives back through that as well.
    pub masks_input: bool,
    /// Whether the next node does so for what it writes.
    pub masked_by_next: bool,
}

/// Where a [`LinearNode`]'s parameters start in the dense arena.
#[derive(Clone, Copy)]
pub enum Weights {
    /// The same for all scenes.
    Shared {
        /// `[groups, in, out]`
        w: usize,
        /// `[groups, out]`
        b: Option<usize>,
    },
    /// One for each scene.
    PerScene {
        /// `[scenes, groups, in, out]`
        w: usize,
        /// `[scenes, groups, out]`
        b: Option<usize>,
    },
    /// `W ⊙ W_scene` and `b + b_scene`.
    Star(Star),
}

/// Where STAR's parameters and what is made of them start.
#[derive(Clone, Copy)]
pub struct Star {
    /// `[groups, in, out]` in the dense arena.
    pub w: usize,
    /// `[groups, out]` in the dense arena.
    pub b: usize,
    /// `[scenes, groups, in, out]` in the dense arena.
    pub scene_w: usize,
    /// `[scenes, groups, out]` in the dense arena.
    pub scene_b: usize,
    /// `W ⊙ W_scene`, `[scenes, groups, in, out]`, among the prepared weights.
    pub effective_w: usize,
    /// `b + b_scene`, `[scenes, groups, out]`, among the prepared weights.
    pub effective_b: usize,
    /// Gradients of both, in the same order, in the session's scratch.
    pub gradient_w: usize,
    /// See `gradient_w`.
    pub gradient_b: usize,
}

impl LinearNode {
    /// Elements of one matrix.
    pub fn matrix_len(&self) -> usize {
        self.input.place.width * self.out.width
    }

    /// Whether each scene has matrices of its own.
    pub fn by_scene(&self) -> bool {
        match self.weights {
            Weights::Shared { .. } => false,
            Weights::PerScene { .. } | Weights::Star(_) => true,
        }
    }

    /// Number of a (scene, group)'s matrix.
    pub fn matrix(&self, scene: usize, group: usize) -> usize {
        if self.by_scene() { scene * self.out.groups + group } else { group }
    }

    /// A group's product, followed by its bias, activation and dropout.
    pub fn forward(&self, pass: &Forward<'_>, tile: &Tile, group: usize, values: &mut [f32]) {
        let (before, out) = self.out.after(tile, values);
        let (wide, width, read) = (self.input.place.width, self.out.width, self.reads[group]);
        let (x_stride, stride) = (self.input.place.stride(), self.out.stride());
        let x = self.input.place.of(tile, before);
        self.each_part(pass.batch, tile, |scene, rows| {
            let out = &mut out[rows.start * stride..rows.end * stride];
            let (w, b) = self.parameters(pass, scene, group);
            let mut accumulate = !self.by_id.tables.is_empty();
            if accumulate {
                self.by_id.gather(
                    pass.batch,
                    tile,
                    self.products(pass, group),
                    (width, stride),
                    &mut out[group * width..],
                );
            }
            let sums = &mut MatrixMut::new(&mut out[group * width..], rows.len(), width, stride);
            let x = &x[rows.start * x_stride + read * wide..];
            let factors = |columns: &Range<usize>| {
                let x = Matrix::new(&x[columns.start..], rows.len(), columns.len(), x_stride);
                (x, Matrix::new(&w[columns.start * width..columns.end * width], columns.len(), width, width))
            };
            let (last, before) = self.by_id.others.split_last().unwrap_or((&(0..0), &[]));
            for columns in before {
                let (x, w) = factors(columns);
                product(sums, accumulate, x, w);
                accumulate = true;
            }
            activated(sums, accumulate, factors(last), b, self.activation == Activation::Relu);
            match self.activation {
                Activation::Identity | Activation::Relu => {}
                Activation::Sigmoid => vectorised!(each_row(out, (stride, group * width, width), sigmoid)),
                Activation::Tanh => vectorised!(each_row(out, (stride, group * width, width), tanh)),
            }
        });
        if let (Some(dropout), Some(step)) = (&self.dropout, pass.training) {
            vectorised!(dropout.forward(step, tile, group, (stride, group * width, width), out));
        }
    }

    /// Turns the derivative of a group's output into that of its sums, in place, and passes it on to the input, whose
    /// derivative it is the `first` to be or is added to.
    pub fn backward(
        &self,
        pass: &Backward<'_>,
        tile: &Tile,
        group: usize,
        first: bool,
        values: &[f32],
        grads: &mut [f32],
    ) {
        let (before, out) = self.out.after(tile, grads);
        if !self.masked_by_next {
            self.deactivate(group, self.out.of(tile, values), out);
        }
        if !pass.live[self.input.node] {
            return;
        }
        let (wide, width, read) = (self.input.place.width, self.out.width, self.reads[group]);
        let (x_stride, stride) = (self.input.place.stride(), self.out.stride());
        let (x, input) = (self.input.place.of(tile, values), self.input.place.of_mut(tile, before));
        let first = first && !self.reads[..group].contains(&read);
        self.each_part(pass.batch, tile, |scene, rows| {
            let turned = self.turned(pass.prepared, scene, group);
            let d = Matrix::new(&out[rows.start * stride + group * width..], rows.len(), width, stride);
            for columns in &self.by_id.others {
                let at = rows.start * x_stride + read * wide + columns.start;
                let dx = &mut MatrixMut::new(&mut input[at..], rows.len(), columns.len(), x_stride);
                let w = Matrix::new(&turned[columns.start..], width, columns.len(), wide);
                if self.masks_input {
                    masked(dx, d, w, Matrix::new(&x[at..], rows.len(), columns.len(), x_stride));
                } else {
                    product(dx, !first, d, w);
                }
            }
        });
    }

    /// Whether its outputs are what ReLU left.
    pub fn ends_in_relu(&self) -> bool {
        matches!((self.activation, &self.dropout), (Activation::Relu, None))
    }

    /// Whether its groups together pass a derivative to all of the input.
    pub fn reads_all(&self) -> bool {
        self.by_id.tables.is_empty() && (0..self.input.place.groups).all(|group| self.reads.contains(&group))
    }

    /// A group's matrix with rows and columns exchanged, `[out, in]`.
    pub fn turned<'a>(&self, prepared: &'a [f32], scene: usize, group: usize) -> &'a [f32] {
        &prepared[self.transposed + self.matrix(scene, group) * self.matrix_len()..][..self.matrix_len()]
    }

    /// `f(scene, rows)` for the parts of a tile that use the same matrices.
    fn each_part(&self, batch: &Batch, tile: &Tile, mut f: impl FnMut(usize, Range<usize>)) {
        if !self.by_scene() {
            return f(0, 0..tile.rows);
        }
        for scene in 0..self.scenes {
            let rows = scene_part(batch, scene, tile);
            if !rows.is_empty() {
                f(scene, rows);
            }
        }
    }

    /// A group's products with the rows of small tables.
    fn products<'a>(&self, pass: &Forward<'a>, group: usize) -> &'a [f32] {
        let len = self.by_id.group_len(self.out.width);
        &pass.prepared[self.by_id.products + group * len..][..len]
    }

    fn parameters<'a>(&self, pass: &Forward<'a>, scene: usize, group: usize) -> (&'a [f32], Option<&'a [f32]>) {
        let (len, width, number) = (self.matrix_len(), self.out.width, self.matrix(scene, group));
        let take = |from: &'a [f32], w: usize, b: Option<usize>| {
            (&from[w + number * len..][..len], b.map(|b| &from[b + number * width..][..width]))
        };
        match self.weights {
            Weights::Shared { w, b } | Weights::PerScene { w, b } => take(pass.dense, w, b),
            Weights::Star(star) => take(pass.prepared, star.effective_w, Some(star.effective_b)),
        }
    }

    /// Multiplies derivatives of a group's outputs by those of activation and dropout.
    fn deactivate(&self, group: usize, values: &[f32], grads: &mut [f32]) {
        let scale = self.dropout.as_ref().map(|dropout| dropout.scale);
        let place = (self.out.stride(), group * self.out.width, self.out.width);
        vectorised!(match (self.activation, scale) {
            (Activation::Identity, None) => {}
            (Activation::Identity, _) => each_derivative(values, grads, place, scale, |_, d| d),
            (Activation::Relu, _) => {
                each_derivative(values, grads, place, scale, |y, d| if y <= 0.0 { 0.0 } else { d });
            }
            (Activation::Sigmoid, _) => each_derivative(values, grads, place, scale, |y, d| d * y * (1.0 - y)),
            (Activation::Tanh, _) => each_derivative(values, grads, place, scale, |y, d| d * (1.0 - y * y)),
        });
    }
}

/// `x = act(x)` for some columns of every row.
#[inline(always)]
fn each_row(rows: &mut [f32], (stride, offset, width): (usize, usize, usize), act: impl Fn(f32) -> f32) {
    for row in rows.chunks_exact_mut(stride) {
        row[offset..offset + width].iter_mut().for_each(|x| *x = act(*x));
    }
}
