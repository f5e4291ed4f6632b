//! The backward pass of normalisations.

use mmtl_plan::Batch;

use crate::gradient::Part;
use crate::lanes::sum_of;
use crate::layout::{Frame, Place, Tile};
use crate::ops::norm::{COLUMNS, NormNode, Over, OverRows, Statistics};
use crate::pass::{Backward, Passed, Summed};
use crate::simd::vectorised;
use crate::workers::Workers;

impl NormNode {
    /// Sums over rows that the derivative of the input and the gradients of scale and shift need.
    pub fn reduce(
        &self,
        over: &OverRows,
        workers: &Workers,
        batch: &Batch,
        frame: &Frame,
        values: &[f32],
        grads: &[f32],
        statistics: &mut Statistics,
    ) {
        let columns = statistics.columns;
        for scene in 0..statistics.counts.len() {
            let rows = over.rows(batch, scene);
            let place = scene * columns..(scene + 1) * columns;
            let (mean, inverse) = (&statistics.mean[place.clone()], &statistics.inverse[place.clone()]);
            let sums = (&mut statistics.sum[place.clone()], &mut statistics.product[place.clone()]);
            workers.chunks(sums, columns, COLUMNS, &|start, (sum, product): (&mut [f32], &mut [f32])| {
                let width = sum.len();
                let mut totals = [[0.0f64; COLUMNS]; 2];
                for (tile, part) in frame.parts(rows.clone()) {
                    let x = self.input.place.of(&tile, frame.memory(&tile, values));
                    let d = self.out.of(&tile, frame.memory(&tile, grads));
                    let (stride, columns) = (self.out.stride(), start..start + width);
                    let place = part.start * stride..part.end * stride;
                    let (mean, inverse) = (&mean[columns.clone()], &inverse[columns.clone()]);
                    vectorised!({
                        for (x, d) in x[place.clone()].chunks_exact(stride).zip(d[place.clone()].chunks_exact(stride)) {
                            let (x, d) = (&x[columns.clone()], &d[columns.clone()]);
                            for c in 0..width {
                                totals[0][c] += f64::from(d[c]);
                                totals[1][c] += f64::from(d[c] * ((x[c] - mean[c]) * inverse[c]));
                            }
                        }
                    });
                }
                sum.iter_mut().zip(totals[0]).for_each(|(sum, total)| *sum = total as f32);
                product.iter_mut().zip(totals[1]).for_each(|(product, total)| *product = total as f32);
            });
        }
    }

    /// Passes the output's derivative on to the input.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        if !pass.live[self.input.node] {
            return;
        }
        match self.over {
            Over::Width { saved } => self.backward_width(pass, saved, tile, values, grads),
            Over::Rows(over) => self.backward_rows(pass, &over, tile, values, grads),
        }
    }

    /// `γ / √· / n · (n·dy - Σ dy - x̂ · Σ dy·x̂)`, or `γ / √· · dy` where the statistics are constants.
    fn backward_rows(&self, pass: &Backward<'_>, over: &OverRows, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        let statistics = &pass.statistics[over.statistics];
        let columns = statistics.columns;
        let (before, d) = self.out.after(tile, grads);
        let dx = self.input.place.of_mut(tile, before);
        let x = self.input.place.of(tile, values);
        for scene in 0..statistics.counts.len() {
            let rows = over.part(pass.batch, scene, tile);
            let at = scene * columns;
            let share = if statistics.counts[scene] == 0 { 0.0 } else { 1.0 / statistics.counts[scene] as f32 };
            for r in rows {
                let row = r * self.out.stride()..r * self.out.stride() + columns;
                let (dx, x, d) = (&mut dx[row.clone()], &x[row.clone()], &d[row]);
                vectorised!({
                    for c in 0..columns {
                        let inverse = statistics.inverse[at + c];
                        let normal = (x[c] - statistics.mean[at + c]) * inverse;
                        let common = (statistics.sum[at + c] + normal * statistics.product[at + c]) * share;
                        dx[c] += over.affine(pass.dense, self, scene, c).0 * inverse * (d[c] - common);
                    }
                });
            }
        }
    }

    fn backward_width(&self, pass: &Backward<'_>, saved: Place, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        let (width, groups) = (self.out.width, self.out.groups);
        let (before, d) = self.out.after(tile, grads);
        let dx = self.input.place.of_mut(tile, before);
        let x = self.input.place.of(tile, values);
        let (stride, saved) = (saved.stride(), saved.of(tile, values));
        let gamma = &pass.dense[self.gamma..][..self.out.columns()];
        vectorised!({
            for (row, group) in (0..tile.rows).flat_map(|row| (0..groups).map(move |group| (row, group))) {
                let at = row * self.out.stride() + group * width;
                let (dx, x, d) = (&mut dx[at..at + width], &x[at..at + width], &d[at..at + width]);
                let saved = &saved[row * stride + 2 * group..][..2];
                let (mean, inverse) = (saved[0], saved[1]);
                let gamma = &gamma[group * width..][..width];
                let sum = sum_of(d, gamma, |d, gamma| d * gamma) / width as f32;
                let mut product = 0.0;
                for c in 0..width {
                    product += d[c] * gamma[c] * ((x[c] - mean) * inverse);
                }
                product /= width as f32;
                for c in 0..width {
                    dx[c] += inverse * (d[c] * gamma[c] - sum - (x[c] - mean) * inverse * product);
                }
            }
        });
    }

    /// The tasks that write every gradient of the op, as (start in the arena, length, part).
    pub fn gradient_parts(&self, mut add: impl FnMut(usize, usize, Part)) {
        let columns = self.out.columns();
        let (gamma, beta) = match self.over {
            Over::Width { .. } => (Part::WidthGamma, Part::WidthBeta),
            Over::Rows(_) => (Part::Gamma { scene: None }, Part::Beta { scene: None }),
        };
        add(self.gamma, columns, gamma);
        add(self.beta, columns, beta);
        if let Over::Rows(OverRows { scene: Some((gamma, beta)), .. }) = self.over {
            for scene in 0..self.scenes {
                add(gamma + scene * columns, columns, Part::Gamma { scene: Some(scene) });
                add(beta + scene * columns, columns, Part::Beta { scene: Some(scene) });
            }
        }
    }

    /// Adds a tile's share to the scale or the shift over the width; the first tile's replaces what is there.
    pub fn add_gradient(&self, passed: &Passed<'_>, part: &Part, out: &mut [f32]) {
        let Over::Width { saved } = self.over else { unreachable!("statistics over rows hold their own sums") };
        let scale = match part {
            Part::WidthGamma => true,
            Part::WidthBeta => false,
            Part::Matrix { .. }
            | Part::Bias { .. }
            | Part::Shares { .. }
            | Part::IdSums { .. }
            | Part::ById { .. }
            | Part::StarShared { .. }
            | Part::StarScene { .. }
            | Part::Gamma { .. }
            | Part::Beta { .. } => unreachable!("{part:?} is no sum of a normalisation"),
        };
        if passed.is_first(None) {
            out.fill(0.0);
        }
        self.add_width(passed, saved, scale, out);
    }

    /// The gradient of a scale or shift over rows.
    pub fn final_gradient(&self, sums: &Summed<'_>, part: &Part, out: &mut [f32]) {
        let Over::Rows(over) = self.over else { unreachable!("sums over the width are complete") };
        let (scale, scene) = match part {
            Part::Gamma { scene } => (true, *scene),
            Part::Beta { scene } => (false, *scene),
            Part::Matrix { .. }
            | Part::Bias { .. }
            | Part::Shares { .. }
            | Part::IdSums { .. }
            | Part::ById { .. }
            | Part::StarShared { .. }
            | Part::StarScene { .. }
            | Part::WidthGamma
            | Part::WidthBeta => unreachable!("{part:?} is summed"),
        };
        self.gradient_rows(sums, &over, scale, scene, out);
    }

    /// With effective scale `γ·γ_s` and shift `β + β_s`: `dγ = Σ_s γ_s P_s`, `dγ_s = γ P_s`, `dβ = Σ_s S_s`,
    /// `dβ_s = S_s`, where `P_s = Σ dy·x̂` and `S_s = Σ dy` over the scene's rows.
    fn gradient_rows(&self, summed: &Summed<'_>, over: &OverRows, scale: bool, scene: Option<usize>, out: &mut [f32]) {
        let statistics = &summed.statistics[over.statistics];
        let columns = statistics.columns;
        let sums = if scale { &statistics.product } else { &statistics.sum };
        let factor = |s: usize, c: usize| match over.scene {
            Some((scene_gamma, _)) if scale => match scene {
                None => summed.dense[scene_gamma + s * columns + c],
                Some(_) => summed.dense[self.gamma + c],
            },
            Some(_) | None => 1.0,
        };
        out.fill(0.0);
        for s in scene.map_or(0..statistics.counts.len(), |s| s..s + 1) {
            for (c, out) in out.iter_mut().enumerate() {
                *out += factor(s, c) * sums[s * columns + c];
            }
        }
    }

    fn add_width(&self, passed: &Passed<'_>, saved: Place, scale: bool, out: &mut [f32]) {
        let (width, stride) = (self.out.width, self.out.stride());
        let (x, d) = (self.input.place.of(passed.tile, passed.values), self.out.of(passed.tile, passed.grads));
        let (saved_stride, saved) = (saved.stride(), saved.of(passed.tile, passed.values));
        for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
            let mut sum = [0.0f32; COLUMNS];
            vectorised!({
                for r in 0..passed.tile.rows {
                    for c in 0..out.len() {
                        let column = block * COLUMNS + c;
                        let at = r * saved_stride + 2 * (column / width);
                        let normal = (x[r * stride + column] - saved[at]) * saved[at + 1];
                        sum[c] += d[r * stride + column] * if scale { normal } else { 1.0 };
                    }
                }
            });
            out.iter_mut().zip(sum).for_each(|(out, sum)| *out += sum);
        }
    }
}
