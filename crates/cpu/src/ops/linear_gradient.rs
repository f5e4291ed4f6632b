//! Gradients of a linear op's parameters: summed over tiles in order, each task over its own output block and all rows,
//! so that no sum depends on which thread takes it.

use std::ops::Range;

use crate::gradient::Part;
use crate::lanes::add_scaled;
use crate::matrix::{Matrix, MatrixMut, product};
use crate::ops::linear::{LinearNode, Star, Weights};
use crate::pass::Whole;
use crate::simd::vectorised;

/// Columns summed at a time.
const COLUMNS: usize = 64;

impl LinearNode {
    /// The tasks that together write every gradient of the op, as (start in the arena, length, part).
    pub fn gradient_parts(&self, mut add: impl FnMut(usize, usize, Part)) {
        match self.weights {
            Weights::Shared { w, b } => {
                self.matrix_parts(w, None, &mut add);
                if let Some(b) = b {
                    add(b, self.out.stride(), Part::Bias { scene: None });
                }
            }
            Weights::PerScene { w, b } => {
                for scene in 0..self.scenes {
                    self.matrix_parts(w, Some(scene), &mut add);
                    if let Some(b) = b {
                        add(b + scene * self.out.stride(), self.out.stride(), Part::Bias { scene: Some(scene) });
                    }
                }
            }
            Weights::Star(star) => {
                let all = self.out.groups * self.matrix_len();
                add(star.w, all, Part::StarShared { bias: false });
                add(star.b, self.out.stride(), Part::StarShared { bias: true });
                for scene in 0..self.scenes {
                    add(star.scene_w + scene * all, all, Part::StarScene { scene, bias: false });
                    add(
                        star.scene_b + scene * self.out.stride(),
                        self.out.stride(),
                        Part::StarScene { scene, bias: true },
                    );
                }
            }
        }
    }

    /// The tasks that write the gradients of `W ⊙ W_scene` and `b + b_scene`, as (start in the scratch, length, part).
    pub fn star_parts(&self, mut add: impl FnMut(usize, usize, Part)) {
        let Weights::Star(star) = self.weights else { return };
        for scene in 0..self.scenes {
            self.matrix_parts(star.gradient_w, Some(scene), &mut add);
            let start = star.gradient_b + scene * self.out.stride();
            add(start, self.out.stride(), Part::Bias { scene: Some(scene) });
        }
    }

    fn matrix_parts(&self, start: usize, scene: Option<usize>, add: &mut impl FnMut(usize, usize, Part)) {
        let (wide, width) = (self.input.place.width, self.out.width);
        for group in 0..self.out.groups {
            let matrix = start + self.matrix(scene.unwrap_or(0), group) * self.matrix_len();
            for rows in blocks(wide, width) {
                let len = rows.len() * width;
                add(matrix + rows.start * width, len, Part::Matrix { scene, group, rows });
            }
        }
    }

    /// One task's gradient.
    pub fn gradient(&self, whole: &Whole<'_>, part: &Part, scratch: &[f32], out: &mut [f32]) {
        match part {
            Part::Matrix { scene, group, rows } => self.matrix_gradient(whole, *scene, *group, rows, out),
            Part::Bias { scene } => self.bias_gradient(whole, *scene, out),
            Part::StarShared { bias } => self.star_shared(whole, *bias, scratch, out),
            Part::StarScene { scene, bias } => self.star_scene(whole, *scene, *bias, scratch, out),
            Part::Gamma { .. } | Part::Beta { .. } => unreachable!("a linear op has no scale"),
        }
    }

    /// `X[:, rows]ᵀ · dY` over the rows of `scene`.
    fn matrix_gradient(
        &self,
        whole: &Whole<'_>,
        scene: Option<usize>,
        group: usize,
        rows: &Range<usize>,
        out: &mut [f32],
    ) {
        let (x, d) = (self.input.place, self.out);
        let mut started = false;
        for (tile, part) in whole.frame.parts(whole.rows(scene)) {
            let from = x.of(&tile, whole.frame.memory(&tile, whole.values));
            let to = d.of(&tile, whole.frame.memory(&tile, whole.grads));
            let from = &from[part.start * x.stride() + self.reads[group] * x.width + rows.start..];
            let to = &to[part.start * d.stride() + group * d.width..];
            product(
                &mut MatrixMut::new(out, rows.len(), d.width, d.width),
                started,
                Matrix::new(from, part.len(), rows.len(), x.stride()).transposed(),
                Matrix::new(to, part.len(), d.width, d.stride()),
            );
            started = true;
        }
        if !started {
            out.fill(0.0);
        }
    }

    /// Sums over the rows of `scene`, f32 within a tile and f64 across tiles.
    fn bias_gradient(&self, whole: &Whole<'_>, scene: Option<usize>, out: &mut [f32]) {
        let stride = self.out.stride();
        for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
            let mut total = [0.0f64; COLUMNS];
            for (tile, part) in whole.frame.parts(whole.rows(scene)) {
                let d = self.out.of(&tile, whole.frame.memory(&tile, whole.grads));
                let mut sum = [0.0f32; COLUMNS];
                vectorised(|| {
                    for row in d[part.start * stride..part.end * stride].chunks_exact(stride) {
                        add_scaled(&mut sum, 1.0, &row[block * COLUMNS..][..out.len()]);
                    }
                });
                total.iter_mut().zip(sum).for_each(|(total, sum)| *total += f64::from(sum));
            }
            out.iter_mut().zip(total).for_each(|(out, total)| *out = total as f32);
        }
    }

    fn star(&self) -> Star {
        match self.weights {
            Weights::Star(star) => star,
            Weights::Shared { .. } | Weights::PerScene { .. } => unreachable!("only STAR has parts of its own"),
        }
    }

    /// `Σ_s dE_s ⊙ W_s` and `Σ_s de_s`, where `E` and `e` are the effective weights.
    fn star_shared(&self, whole: &Whole<'_>, bias: bool, scratch: &[f32], out: &mut [f32]) {
        let (star, len) = (self.star(), out.len());
        out.fill(0.0);
        for scene in 0..self.scenes {
            if bias {
                vectorised(|| add_scaled(out, 1.0, &scratch[star.gradient_b + scene * len..][..len]));
                continue;
            }
            let d = &scratch[star.gradient_w + scene * len..][..len];
            let w = &whole.dense[star.scene_w + scene * len..][..len];
            vectorised(|| out.iter_mut().zip(d.iter().zip(w)).for_each(|(out, (d, w))| *out += d * w));
        }
    }

    /// `dE_s ⊙ W` and `de_s`
    fn star_scene(&self, whole: &Whole<'_>, scene: usize, bias: bool, scratch: &[f32], out: &mut [f32]) {
        let (star, len) = (self.star(), out.len());
        if bias {
            out.copy_from_slice(&scratch[star.gradient_b + scene * len..][..len]);
            return;
        }
        let d = &scratch[star.gradient_w + scene * len..][..len];
        let w = &whole.dense[star.w..][..len];
        vectorised(|| out.iter_mut().zip(d.iter().zip(w)).for_each(|(out, (d, w))| *out = d * w));
    }
}

/// Cuts the `wide` rows of a `[wide, width]` gradient into even blocks of about 16,384 elements: enough work for a
/// task to pay, few enough elements to stay in the second-level cache.
pub fn blocks(wide: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    let number = (wide * width).div_ceil(16_384).min(wide.div_ceil(16)).max(1);
    let size = wide.div_ceil(number).next_multiple_of(16).min(wide.max(1));
    (0..wide.div_ceil(size)).map(move |i| i * size..((i + 1) * size).min(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_row_once() {
        for (wide, width) in [(1, 1), (15, 3), (304, 64), (304, 256), (5, 4096), (2048, 2048)] {
            let rows: Vec<usize> = blocks(wide, width).flatten().collect();
            assert_eq!(rows, (0..wide).collect::<Vec<_>>(), "{wide} {width}");
        }
        assert_eq!(blocks(304, 64).count(), 2);
    }
}
