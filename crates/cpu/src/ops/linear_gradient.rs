//! Gradients of a linear op's parameters: each tile adds its rows' share to every block of them, in the order of tiles.

use std::ops::Range;

use crate::gradient::Part;
use crate::lanes::add_scaled;
use crate::layout::Place;
use crate::matrix::{Matrix, MatrixMut, product};
use crate::ops::by_id::FEW;
use crate::ops::linear::{LinearNode, Star, Weights};
use crate::pass::{Passed, Summed};
use crate::simd::vectorised;

/// Columns summed at a time.
const COLUMNS: usize = 256;

impl LinearNode {
    /// The tasks that together write every gradient of the op, as (start in the arena, length, part).
    pub fn gradient_parts(&self, mut add: impl FnMut(usize, usize, Part)) {
        match self.weights {
            Weights::Shared { w, b } => {
                self.matrix_parts(w, None, &mut add);
                self.bias_parts(b, None, &mut add);
            }
            Weights::PerScene { w, b } => {
                for scene in 0..self.scenes {
                    self.matrix_parts(w, Some(scene), &mut add);
                    self.bias_parts(b, Some(scene), &mut add);
                }
            }
            Weights::Star(star) => {
                let all = self.out.groups * self.matrix_len();
                add(star.w, all, Part::StarShared { bias: false });
                add(star.b, self.out.columns(), Part::StarShared { bias: true });
                for scene in 0..self.scenes {
                    add(star.scene_w + scene * all, all, Part::StarScene { scene, bias: false });
                    add(
                        star.scene_b + scene * self.out.columns(),
                        self.out.columns(),
                        Part::StarScene { scene, bias: true },
                    );
                }
            }
        }
    }

    /// The tasks that write what gradients are made of, as (start in the scratch, length, part): the gradients of
    /// `W ⊙ W_scene` and `b + b_scene`, and sums of derivatives by id.
    pub fn scratch_parts(&self, mut add: impl FnMut(usize, usize, Part)) {
        let (tables, len) = (&self.by_id.tables, self.by_id.group_len(self.out.width));
        for group in 0..self.out.groups {
            for from in (0..tables.len()).step_by(FEW) {
                let few = from..tables.len().min(from + FEW);
                let rows = tables[from].rows.start..tables[few.end - 1].rows.end;
                let start = self.by_id.sums + group * len + rows.start * self.out.width;
                add(start, rows.len() * self.out.width, Part::IdSums { group, tables: few });
            }
        }
        let Weights::Star(star) = self.weights else { return };
        for scene in 0..self.scenes {
            self.matrix_parts(star.gradient_w, Some(scene), &mut add);
            self.bias_parts(Some(star.gradient_b), Some(scene), &mut add);
        }
    }

    fn matrix_parts(&self, start: usize, scene: Option<usize>, add: &mut impl FnMut(usize, usize, Part)) {
        let width = self.out.width;
        for group in 0..self.out.groups {
            let matrix = start + self.matrix(scene.unwrap_or(0), group) * self.matrix_len();
            for columns in &self.by_id.others {
                for block in blocks(columns.len(), width) {
                    let rows = columns.start + block.start..columns.start + block.end;
                    add(matrix + rows.start * width, rows.len() * width, Part::Matrix { scene, group, rows });
                }
            }
            for (number, table) in self.by_id.tables.iter().enumerate() {
                let (start, len) = (matrix + table.columns.start * width, table.columns.len() * width);
                add(start, len, Part::ById { group, table: number });
            }
        }
    }

    fn bias_parts(&self, start: Option<usize>, scene: Option<usize>, add: &mut impl FnMut(usize, usize, Part)) {
        let Some(start) = start else { return };
        for group in 0..self.out.groups {
            let number = scene.unwrap_or(0) * self.out.groups + group;
            add(start + number * self.out.width, self.out.width, Part::Bias { scene, group });
        }
    }

    /// Adds a tile's share to one part; that of the first tile with such rows replaces what is there.
    pub fn add_gradient(&self, passed: &Passed<'_>, part: &Part, out: &mut [f32]) {
        match part {
            Part::Matrix { scene, group, rows } => {
                add_matrix(passed, (self.input.place, self.reads[*group]), (self.out, *group), *scene, rows, out);
            }
            Part::Bias { scene, group } => self.add_bias(passed, *scene, *group, out),
            Part::IdSums { group, tables } => self.add_by_id(passed, *group, tables, out),
            Part::ById { .. }
            | Part::Shares { .. }
            | Part::StarShared { .. }
            | Part::StarScene { .. }
            | Part::WidthGamma
            | Part::WidthBeta
            | Part::Gamma { .. }
            | Part::Beta { .. } => unreachable!("{part:?} is no sum of a linear op"),
        }
    }

    /// STAR's own parts, of the gradients of `W ⊙ W_scene` and `b + b_scene`; those of columns multiplied by id, of sums.
    pub fn final_gradient(&self, sums: &Summed<'_>, part: &Part, out: &mut [f32]) {
        match part {
            Part::StarShared { bias } => self.star_shared(sums, *bias, out),
            Part::StarScene { scene, bias } => self.star_scene(sums, *scene, *bias, out),
            Part::ById { group, table } => {
                let of_group = self.id_sums(sums.scratch, *group);
                let small = &self.by_id.tables[*table];
                small.weight_gradient(sums.tables, sums.touched.of(small.table), of_group, self.out.width, out);
            }
            Part::Matrix { .. }
            | Part::Bias { .. }
            | Part::IdSums { .. }
            | Part::Shares { .. }
            | Part::WidthGamma
            | Part::WidthBeta
            | Part::Gamma { .. }
            | Part::Beta { .. } => unreachable!("{part:?} is summed"),
        }
    }

    /// A group's sums of derivatives by id.
    pub fn id_sums<'a>(&self, scratch: &'a [f32], group: usize) -> &'a [f32] {
        let len = self.by_id.group_len(self.out.width);
        &scratch[self.by_id.sums + group * len..][..len]
    }

    fn add_by_id(&self, passed: &Passed<'_>, group: usize, tables: &Range<usize>, out: &mut [f32]) {
        if passed.is_first(None) {
            out.fill(0.0);
        }
        let d = &self.out.of(passed.tile, passed.grads)[group * self.out.width..];
        let of = (passed.batch, passed.tile);
        self.by_id.scatter(tables.clone(), of, d, (self.out.width, self.out.stride()), out);
    }

    fn add_bias(&self, passed: &Passed<'_>, scene: Option<usize>, group: usize, out: &mut [f32]) {
        let (stride, rows) = (self.out.stride(), passed.rows(scene));
        let d = &self.out.of(passed.tile, passed.grads)[rows.start * stride..rows.end * stride];
        if passed.is_first(scene) {
            out.fill(0.0);
        }
        vectorised!({
            for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
                let mut sum = [0.0f32; COLUMNS];
                let sum = &mut sum[..out.len()];
                for row in d.chunks_exact(stride) {
                    add_scaled(sum, 1.0, &row[group * self.out.width + block * COLUMNS..][..sum.len()]);
                }
                add_scaled(out, 1.0, sum);
            }
        });
    }

    fn star(&self) -> Star {
        match self.weights {
            Weights::Star(star) => star,
            Weights::Shared { .. } | Weights::PerScene { .. } => unreachable!("only STAR has parts of its own"),
        }
    }

    /// `Σ_s dE_s ⊙ W_s` and `Σ_s de_s`, where `E` and `e` are the effective weights.
    fn star_shared(&self, sums: &Summed<'_>, bias: bool, out: &mut [f32]) {
        let (star, len) = (self.star(), out.len());
        out.fill(0.0);
        for scene in 0..self.scenes {
            if bias {
                vectorised!(add_scaled(out, 1.0, &sums.scratch[star.gradient_b + scene * len..][..len]));
                continue;
            }
            let d = &sums.scratch[star.gradient_w + scene * len..][..len];
            let w = &sums.dense[star.scene_w + scene * len..][..len];
            vectorised!(out.iter_mut().zip(d.iter().zip(w)).for_each(|(out, (d, w))| *out += d * w));
        }
    }

    /// `dE_s ⊙ W` and `de_s`
    fn star_scene(&self, sums: &Summed<'_>, scene: usize, bias: bool, out: &mut [f32]) {
        let (star, len) = (self.star(), out.len());
        if bias {
            out.copy_from_slice(&sums.scratch[star.gradient_b + scene * len..][..len]);
            return;
        }
        let d = &sums.scratch[star.gradient_w + scene * len..][..len];
        let w = &sums.dense[star.w..][..len];
        vectorised!(out.iter_mut().zip(d.iter().zip(w)).for_each(|(out, (d, w))| *out = d * w));
    }
}

/// Adds `X[:, rows]ᵀ · dY` over a tile's rows of `scene`; `x` and `d` are groups of slots.
pub fn add_matrix(
    passed: &Passed<'_>,
    (x, x_group): (Place, usize),
    (d, d_group): (Place, usize),
    scene: Option<usize>,
    rows: &Range<usize>,
    out: &mut [f32],
) {
    let (part, first) = (passed.rows(scene), passed.is_first(scene));
    let from = &x.of(passed.tile, passed.values)[part.start * x.stride()..];
    let to = &d.of(passed.tile, passed.grads)[part.start * d.stride()..];
    if part.is_empty() {
        if first {
            out.fill(0.0);
        }
        return;
    }
    product(
        &mut MatrixMut::new(out, rows.len(), d.width, d.width),
        !first,
        Matrix::new(&from[x_group * x.width + rows.start..], part.len(), rows.len(), x.stride()).transposed(),
        Matrix::new(&to[d_group * d.width..], part.len(), d.width, d.stride()),
    );
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
