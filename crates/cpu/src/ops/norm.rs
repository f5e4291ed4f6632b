//! Normalisation over a group's width, over a batch's rows, or over each scene's rows.

use mmtl_plan::Batch;

use crate::lanes::{LANES, sum_of};
use crate::layout::{Frame, Place, Tile};
use crate::node::Input;
use crate::pass::{Forward, scene_part};
use crate::simd::vectorised;
use crate::workers::Workers;

/// A compiled [`mmtl_plan::Norm`].
pub struct NormNode {
    /// Slot read.
    pub input: Input,
    /// Slot written.
    pub out: Place,
    /// Over what the statistics are taken.
    pub over: Over,
    /// Number of scenes.
    pub scenes: usize,
    /// Start of the scale, `[groups, width]`, in the dense arena.
    pub gamma: usize,
    /// Start of the shift, `[groups, width]`, in the dense arena.
    pub beta: usize,
    /// Added to the variance.
    pub eps: f32,
}

/// Over what a [`NormNode`]'s statistics are taken.
#[derive(Clone, Copy)]
pub enum Over {
    /// The width of each (row, group); `saved` holds (mean, 1 / deviation) of each.
    Width {
        /// `[rows, groups, 2]`
        saved: Place,
    },
    /// Rows: those of the batch, or those of each scene.
    Rows(OverRows),
}

/// Statistics over rows.
#[derive(Clone, Copy)]
pub struct OverRows {
    /// Which [`Statistics`] of the session.
    pub statistics: usize,
    /// Index of the running means among the states.
    pub mean: usize,
    /// Index of the running variances among the states.
    pub variance: usize,
    /// `running = (1 - momentum) · running + momentum · batch`.
    pub momentum: f32,
    /// Starts of the scenes' own scales and shifts, `[scenes, groups, width]`; `None` over the batch.
    pub scene: Option<(usize, usize)>,
}

/// What a normalisation over rows subtracts and divides by, and the sums its gradient needs; each
/// `[scenes, columns]`, with one scene when it is over the batch.
#[derive(Clone, Default)]
pub struct Statistics {
    /// Number of columns.
    pub columns: usize,
    /// Means.
    pub mean: Vec<f32>,
    /// Biased variances.
    pub variance: Vec<f32>,
    /// `1 / √(variance + eps)`
    pub inverse: Vec<f32>,
    /// `Σ dy`
    pub sum: Vec<f32>,
    /// `Σ dy · x̂`
    pub product: Vec<f32>,
    /// Rows the statistics were taken from; 0 where they are running ones, constants to the gradient.
    pub counts: Vec<usize>,
}

impl Statistics {
    /// Statistics of `scenes` × `columns`.
    pub fn new(scenes: usize, columns: usize) -> Self {
        let zeros = vec![0.0; scenes * columns];
        Self {
            columns,
            mean: zeros.clone(),
            variance: zeros.clone(),
            inverse: zeros.clone(),
            sum: zeros.clone(),
            product: zeros,
            counts: vec![0; scenes],
        }
    }
}

/// Columns of one task: two cache lines of each row.
pub const COLUMNS: usize = 32;

impl OverRows {
    /// Rows of scene `scene`, or all for the batch.
    pub fn rows(&self, batch: &Batch, scene: usize) -> std::ops::Range<usize> {
        if self.scene.is_some() { batch.scene(scene) } else { 0..batch.rows() }
    }

    /// Rows of the tile that belong to scene `scene`, or all for the batch.
    pub fn part(&self, batch: &Batch, scene: usize, tile: &Tile) -> std::ops::Range<usize> {
        if self.scene.is_some() { scene_part(batch, scene, tile) } else { 0..tile.rows }
    }

    /// Effective scale and shift of column `c` of scene `s`.
    #[inline(always)]
    pub fn affine(&self, dense: &[f32], norm: &NormNode, s: usize, c: usize) -> (f32, f32) {
        let (gamma, beta) = (dense[norm.gamma + c], dense[norm.beta + c]);
        match self.scene {
            None => (gamma, beta),
            Some((scene_gamma, scene_beta)) => {
                let at = s * norm.out.columns() + c;
                (gamma * dense[scene_gamma + at], beta + dense[scene_beta + at])
            }
        }
    }
}

impl NormNode {
    /// Takes the statistics of a batch, or the running ones in evaluation and where there are fewer than 2 rows; in
    /// training, advances the running ones.
    pub fn gather(
        &self,
        over: &OverRows,
        workers: &Workers,
        batch: &Batch,
        frame: &Frame,
        training: bool,
        values: &[f32],
        states: &mut [Vec<f32>],
        statistics: &mut Statistics,
    ) {
        let columns = statistics.columns;
        for scene in 0..statistics.counts.len() {
            let rows = over.rows(batch, scene);
            let place = scene * columns..(scene + 1) * columns;
            let (mean, variance) = (&mut statistics.mean[place.clone()], &mut statistics.variance[place.clone()]);
            let inverse = &mut statistics.inverse[place.clone()];
            if !training || rows.len() < 2 {
                statistics.counts[scene] = 0;
                mean.copy_from_slice(&states[over.mean][place.clone()]);
                variance.copy_from_slice(&states[over.variance][place.clone()]);
            } else {
                statistics.counts[scene] = rows.len();
                workers.chunks((&mut *mean, &mut *variance), columns, COLUMNS, &|start, (mean, variance)| {
                    self.moments(frame, rows.clone(), values, start, mean, variance);
                });
                let unbias = rows.len() as f32 / (rows.len() - 1) as f32;
                advance(&mut states[over.mean][place.clone()], mean, over.momentum, 1.0);
                advance(&mut states[over.variance][place.clone()], variance, over.momentum, unbias);
            }
            let eps = f64::from(self.eps);
            for (inverse, &variance) in inverse.iter_mut().zip(&*variance) {
                *inverse = (1.0 / (f64::from(variance) + eps).sqrt()) as f32;
            }
        }
    }

    /// Mean and biased variance of some columns over `rows`, in f64 and in the rows' order, deviations from the mean
    /// in a second pass.
    fn moments(
        &self,
        frame: &Frame,
        rows: std::ops::Range<usize>,
        values: &[f32],
        start: usize,
        mean: &mut [f32],
        variance: &mut [f32],
    ) {
        let n = rows.len() as f64;
        let centre = self.column_sums(frame, rows.clone(), values, start, mean.len(), |x, _| x).map(|sum| sum / n);
        let spread = self.column_sums(frame, rows, values, start, mean.len(), |x, c| (x - centre[c]) * (x - centre[c]));
        for (c, (mean, variance)) in mean.iter_mut().zip(variance).enumerate() {
            *mean = centre[c] as f32;
            *variance = (spread[c] / n) as f32;
        }
    }

    fn column_sums(
        &self,
        frame: &Frame,
        rows: std::ops::Range<usize>,
        values: &[f32],
        start: usize,
        columns: usize,
        f: impl Fn(f64, usize) -> f64,
    ) -> [f64; COLUMNS] {
        let place = self.input.place;
        let mut sums = [0.0; COLUMNS];
        for (tile, part) in frame.parts(rows) {
            let x = place.of(&tile, frame.memory(&tile, values));
            vectorised!({
                for row in x[part.start * place.stride()..part.end * place.stride()].chunks_exact(place.stride()) {
                    for (c, &x) in row[start..start + columns].iter().enumerate() {
                        sums[c] += f(f64::from(x), c);
                    }
                }
            });
        }
        sums
    }

    /// `γ · (x - mean) / √(variance + eps) + β`
    pub fn forward(&self, pass: &Forward<'_>, tile: &Tile, values: &mut [f32]) {
        match self.over {
            Over::Width { saved } => self.forward_width(pass, saved, tile, values),
            Over::Rows(over) => self.forward_rows(pass, &over, tile, values),
        }
    }

    fn forward_rows(&self, pass: &Forward<'_>, over: &OverRows, tile: &Tile, values: &mut [f32]) {
        let statistics = &pass.statistics[over.statistics];
        let columns = statistics.columns;
        let (before, out) = self.out.after(tile, values);
        let x = self.input.place.of(tile, before);
        // Input and output have one shape.
        let stride = self.out.stride();
        for scene in 0..statistics.counts.len() {
            let rows = over.part(pass.batch, scene, tile);
            let place = rows.start * stride..rows.end * stride;
            let mean = &statistics.mean[scene * columns..][..columns];
            let inverse = &statistics.inverse[scene * columns..][..columns];
            // A block of columns at a time, so that its scale and shift are computed once and stay in registers.
            for start in (0..columns).step_by(LANES) {
                let width = LANES.min(columns - start);
                let mut affine = [(0.0, 0.0); LANES];
                for (c, affine) in affine[..width].iter_mut().enumerate() {
                    *affine = over.affine(pass.dense, self, scene, start + c);
                }
                let (mean, inverse) = (&mean[start..start + width], &inverse[start..start + width]);
                vectorised!({
                    let rows = out[place.clone()].chunks_exact_mut(stride).zip(x[place.clone()].chunks_exact(stride));
                    for (out, x) in rows {
                        let (out, x) = (&mut out[start..start + width], &x[start..start + width]);
                        for c in 0..width {
                            out[c] = affine[c].0 * ((x[c] - mean[c]) * inverse[c]) + affine[c].1;
                        }
                    }
                });
            }
        }
    }

    fn forward_width(&self, pass: &Forward<'_>, saved: Place, tile: &Tile, values: &mut [f32]) {
        let (width, columns) = (self.out.width, self.out.columns());
        let (before, rest) = values.split_at_mut(tile.size * self.out.at);
        let (out, after) = rest.split_at_mut(tile.size * self.out.stride());
        // What is saved lies right behind the output.
        let (saved_stride, saved) = (saved.stride(), &mut after[..tile.rows * saved.stride()]);
        let x = self.input.place.of(tile, before);
        let gamma = &pass.dense[self.gamma..][..columns];
        let beta = &pass.dense[self.beta..][..columns];
        vectorised!({
            for (row, group) in (0..tile.rows).flat_map(|row| (0..self.out.groups).map(move |group| (row, group))) {
                let at = row * self.out.stride() + group * width;
                let (out, x) = (&mut out[at..at + width], &x[at..at + width]);
                let saved = &mut saved[row * saved_stride + 2 * group..][..2];
                let group = group * width;
                let mean = sum_of(x, x, |x, _| x) / width as f32;
                let variance = sum_of(x, x, |x, _| (x - mean) * (x - mean)) / width as f32;
                let inverse = 1.0 / (variance + self.eps).sqrt();
                saved.copy_from_slice(&[mean, inverse]);
                let (gamma, beta) = (&gamma[group..group + width], &beta[group..group + width]);
                for c in 0..width {
                    out[c] = gamma[c] * ((x[c] - mean) * inverse) + beta[c];
                }
            }
        });
    }
}

/// `running = (1 - momentum) · running + momentum · scale · batch`
fn advance(running: &mut [f32], batch: &[f32], momentum: f32, scale: f32) {
    for (running, &batch) in running.iter_mut().zip(batch) {
        *running = (1.0 - momentum) * *running + momentum * (batch * scale);
    }
}
