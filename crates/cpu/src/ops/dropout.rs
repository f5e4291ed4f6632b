//! Inverted dropout with the plan's counter-based masks.

use mmtl_plan::Stream;

use crate::layout::Tile;

/// A compiled [`mmtl_plan::Dropout`].
///
/// The mask is not stored: a dropped element is written as -0, a kept one never is (adding +0 turns -0 into +0), so the
/// backward pass reads the mask off the sign of zero.
pub struct DropoutNode {
    /// One stream for each group.
    pub streams: Vec<Stream>,
    /// Words below this are dropped.
    pub threshold: u32,
    /// What a kept element is multiplied by.
    pub scale: f32,
}

/// Blocks of four words drawn at a time.
const BLOCKS: usize = 64;

impl DropoutNode {
    /// Drops elements of a tile's `[rows, stride]`, `width` wide from `offset` on, by the stream of `group`.
    #[inline(always)]
    pub fn forward(
        &self,
        step: u64,
        tile: &Tile,
        group: usize,
        (stride, offset, width): (usize, usize, usize),
        out: &mut [f32],
    ) {
        let mut words = [[0u32; 4]; BLOCKS];
        let total = tile.rows * width;
        // Tiles start at a multiple of 64 rows, so their first word starts a block.
        let first_block = (tile.first * width / 4) as u64;
        let (mut row, mut column) = (0, 0);
        for from in (0..total).step_by(4 * BLOCKS) {
            for (i, block) in words.iter_mut().enumerate() {
                *block = self.streams[group].block(step, first_block + (from / 4 + i) as u64);
            }
            let mut words = &words.as_flattened()[..(total - from).min(4 * BLOCKS)];
            while !words.is_empty() {
                let run = words.len().min(width - column);
                let out = &mut out[row * stride + offset + column..][..run];
                for (out, &word) in out.iter_mut().zip(words) {
                    let kept = *out * self.scale + 0.0;
                    *out = if word < self.threshold { -0.0 } else { kept };
                }
                words = &words[run..];
                column += run;
                if column == width {
                    (row, column) = (row + 1, 0);
                }
            }
        }
    }
}

/// Whether dropout wrote this element.
#[inline(always)]
fn dropped(value: f32) -> bool {
    value.to_bits() == (-0.0f32).to_bits()
}

/// Passes derivatives of some columns of every row back through dropout of this `scale`, if any, and what was before it:
/// `f(y, d)` is its derivative where `y` is its value and `d` that of dropout's input.
#[inline(always)]
pub fn each_derivative(
    values: &[f32],
    grads: &mut [f32],
    (stride, offset, width): (usize, usize, usize),
    scale: Option<f32>,
    f: impl Fn(f32, f32) -> f32,
) {
    for (values, grads) in values.chunks_exact(stride).zip(grads.chunks_exact_mut(stride)) {
        let row = values[offset..offset + width].iter().zip(&mut grads[offset..offset + width]);
        match scale {
            None => row.for_each(|(&y, d)| *d = f(y, *d)),
            Some(scale) => row.for_each(|(&y, d)| {
                let kept = f(y / scale, *d * scale);
                *d = if dropped(y) { 0.0 } else { kept };
            }),
        }
    }
}
