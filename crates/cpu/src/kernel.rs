//! The inside of matrix products: a block of the output stays in registers while the depth passes by.
//!
//! Each element of an output is one chain of fused multiply-adds in the order of the depth, whatever the blocks and the
//! instruction set. So bits depend on neither, nor on how many rows a caller passes at a time.

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::simd::prefetch_line;

/// Strided factors and output, not checked.
#[derive(Clone, Copy)]
pub struct Operands {
    /// Rows of `a` and of the output.
    pub rows: usize,
    /// Columns of `b` and of the output.
    pub cols: usize,
    /// Columns of `a`, rows of `b`.
    pub depth: usize,
    /// The left factor.
    pub a: *const f32,
    /// Elements from a row of `a` to the next.
    pub a_row: usize,
    /// Elements from a column of `a` to the next.
    pub a_col: usize,
    /// The right factor, of contiguous rows.
    pub b: *const f32,
    /// Elements from a row of `b` to the next.
    pub b_row: usize,
    /// The output, of contiguous rows.
    pub out: *mut f32,
    /// Elements from a row of the output to the next.
    pub out_row: usize,
    /// Whether the product is added to the output.
    pub accumulate: bool,
    /// What happens to complete sums before they are written.
    pub finish: Finish,
}

/// What happens to complete sums while they are in registers.
#[derive(Clone, Copy)]
pub enum Finish {
    /// Nothing.
    Keep,
    /// `act(x + b)`
    Activate {
        /// One element for each column.
        bias: Option<*const f32>,
        /// Whether negative sums become 0.
        relu: bool,
    },
    /// 0 where ReLU left nothing: `y ≤ 0`.
    Mask {
        /// What ReLU left, of contiguous rows.
        y: *const f32,
        /// Elements from a row of `y` to the next.
        y_row: usize,
    },
}

impl Finish {
    /// The same from row `row` and column `col` on.
    #[inline(always)]
    fn from(self, row: usize, col: usize) -> Self {
        match self {
            Self::Keep => Self::Keep,
            Self::Activate { bias, relu } => Self::Activate { bias: bias.map(|bias| bias.wrapping_add(col)), relu },
            Self::Mask { y, y_row } => Self::Mask { y: y.wrapping_add(row * y_row + col), y_row },
        }
    }
}

/// A product of [`Operands`], to be dispatched to an instruction set.
pub struct Product(Operands);

impl Product {
    /// The product of `operands`.
    ///
    /// # Safety
    /// Every element of the factors and of what `finish` has can be read, for all rows and columns of the output, and
    /// every one of the output written, by nobody else meanwhile.
    pub unsafe fn new(operands: Operands) -> Self {
        Self(operands)
    }
}

/// Depth that passes by before the next block of rows. Panels of `b` then stream from the second-level cache, 64 KiB
/// with the widest block of columns, and outputs that are added to are read and written half as often as if panels
/// fitted the first level.
const DEPTH: usize = 256;

/// Columns that are copied at a time, 128 KiB with their depth.
const SPAN: usize = 128;

/// Vectors across a block at most.
const VECTORS: usize = 4;

/// Elements between rows of `b` from which they are copied side by side first, where that is an even number of lines:
/// such lines share the few places that a cache has for them.
const FAR: usize = 512;

/// Elements of two cache lines.
const LINES: usize = 32;

/// Rows of the output that make a copy of `b` pay.
const WORTH_COPYING: usize = 96;

impl WithSimd for Product {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(whole) = self;
        let width = panel_width::<S>();
        for col in (0..whole.cols).step_by(width) {
            for from in whole.depths() {
                // SAFETY: panels lie within the operands, which `Product::new` was promised.
                unsafe { columns(simd, whole.part(col, width, from)) };
            }
        }
    }
}

/// The same for a right factor whose rows lie far apart: its parts are copied side by side first.
pub struct CopiedProduct(Operands);

impl CopiedProduct {
    /// The product of `operands`.
    ///
    /// # Safety
    /// As of [`Product::new`].
    pub unsafe fn new(operands: Operands) -> Self {
        Self(operands)
    }
}

impl WithSimd for CopiedProduct {
    type Output = ();

    #[expect(
        clippy::large_stack_arrays,
        reason = "128 KiB of a thread's 2 MiB, for one call without callees of weight"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(whole) = self;
        let width = panel_width::<S>();
        let mut space = [const { MaybeUninit::<f32>::uninit() }; DEPTH * SPAN];
        for col in (0..whole.cols).step_by(SPAN) {
            for from in whole.depths() {
                let mut span = whole.part(col, SPAN, from);
                // SAFETY: `space` holds the depth and the columns of a span; panels lie within the operands, which
                // `CopiedProduct::new` was promised.
                unsafe {
                    span.copy_b::<S>(space.as_mut_ptr().cast(), width);
                    for panel in 0..span.cols.div_ceil(width) {
                        columns(simd, span.panel(panel, width, true));
                    }
                }
            }
        }
    }
}

/// Whether copying a right factor whose rows are `b_row` apart pays for an output of so many `rows`.
pub fn is_far(rows: usize, b_row: usize) -> bool {
    b_row >= FAR && b_row.is_multiple_of(LINES) && rows >= WORTH_COPYING
}

/// Columns of a panel. AVX-512 and NEON have registers for 24 sums, their factors and more; AVX2 for 12.
#[inline(always)]
fn panel_width<S: Simd>() -> usize {
    S::F32_LANES * if S::REGISTER_COUNT >= 32 { VECTORS } else { VECTORS / 2 }
}

/// Smaller operands. Offsets wrap, since they may leave operands that have no elements.
impl Operands {
    /// Where parts of the depth start: once also where there is none, so that the output is written.
    #[inline(always)]
    fn depths(&self) -> std::iter::StepBy<Range<usize>> {
        (0..self.depth.max(1)).step_by(DEPTH)
    }

    /// At most `most` columns from `col` on, at most [`DEPTH`] deep from `from` on.
    #[inline(always)]
    fn part(self, col: usize, most: usize, from: usize) -> Self {
        Self {
            cols: (self.cols - col).min(most),
            depth: (self.depth - from).min(DEPTH),
            a: self.a.wrapping_add(from * self.a_col),
            b: self.b.wrapping_add(from * self.b_row + col),
            out: self.out.wrapping_add(col),
            accumulate: self.accumulate || from > 0,
            finish: if from + DEPTH >= self.depth { self.finish.from(0, col) } else { Finish::Keep },
            ..self
        }
    }

    /// At most `most` rows from `row` on.
    #[inline(always)]
    fn rows(self, row: usize, most: usize) -> Self {
        let (a, out) = (self.a.wrapping_add(row * self.a_row), self.out.wrapping_add(row * self.out_row));
        Self { rows: (self.rows - row).min(most), a, out, finish: self.finish.from(row, 0), ..self }
    }

    /// The `number`-th panel of `width` columns; `copied` panels lie one after the other.
    #[inline(always)]
    fn panel(self, number: usize, width: usize, copied: bool) -> Self {
        let col = number * width;
        let b = self.b.wrapping_add(if copied { col * self.depth } else { col });
        let (out, finish) = (self.out.wrapping_add(col), self.finish.from(0, col));
        Self { cols: (self.cols - col).min(width), b, out, finish, ..self }
    }

    /// Copies `b` to `to`, panel after panel of `width` columns.
    #[inline(always)]
    unsafe fn copy_b<S: Simd>(&mut self, to: *mut f32, width: usize) {
        for panel in 0..self.cols.div_ceil(width) {
            let from = self.panel(panel, width, false);
            let to = to.wrapping_add(panel * width * self.depth);
            // SAFETY: the caller's promise.
            unsafe { copy::<S>(from.b, self.b_row, to, width, self.depth, from.cols) };
        }
        (self.b, self.b_row) = (to, width);
    }
}

/// Copies `lines` of `len` elements; a call of `memcpy` for each would cost as much as its copy.
#[inline(always)]
unsafe fn copy<S: Simd>(from: *const f32, from_line: usize, to: *mut f32, to_line: usize, lines: usize, len: usize) {
    let whole = len - len % S::F32_LANES;
    for line in 0..lines {
        let (from, to) = (from.wrapping_add(line * from_line), to.wrapping_add(line * to_line));
        // SAFETY: the caller's promise.
        unsafe {
            for at in (0..whole).step_by(S::F32_LANES) {
                to.add(at).cast::<S::f32s>().write_unaligned(from.add(at).cast::<S::f32s>().read_unaligned());
            }
            for at in whole..len {
                *to.add(at) = *from.add(at);
            }
        }
    }
}

/// All rows of a block that is at most four vectors wide, as many at a time as registers hold sums for.
#[inline(always)]
unsafe fn columns<S: Simd>(simd: S, block: Operands) {
    let vectors = block.cols.div_ceil(S::F32_LANES);
    // SAFETY: the caller's promise.
    unsafe {
        if S::REGISTER_COUNT >= 32 {
            match vectors {
                4 => rows::<S, 6, 4>(simd, block),
                3 => rows::<S, 8, 3>(simd, block),
                2 => rows::<S, 12, 2>(simd, block),
                1 => rows::<S, 16, 1>(simd, block),
                _ => {}
            }
        } else {
            match vectors {
                2 => rows::<S, 6, 2>(simd, block),
                1 => rows::<S, 8, 1>(simd, block),
                _ => {}
            }
        }
    }
}

/// Blocks of `MOST` rows, then the rest by fours and ones.
#[inline(always)]
unsafe fn rows<S: Simd, const MOST: usize, const V: usize>(simd: S, block: Operands) {
    let mut row = 0;
    // SAFETY: `row` stays within the block.
    unsafe {
        while row + MOST <= block.rows {
            sums::<S, MOST, V>(simd, block.rows(row, usize::MAX));
            row += MOST;
        }
        while row + 4 <= block.rows {
            sums::<S, 4, V>(simd, block.rows(row, usize::MAX));
            row += 4;
        }
        while row < block.rows {
            sums::<S, 1, V>(simd, block.rows(row, usize::MAX));
            row += 1;
        }
    }
}

/// `R` rows of a block of `V` vectors, the last of which may be narrower.
#[inline(always)]
unsafe fn sums<S: Simd, const R: usize, const V: usize>(simd: S, block: Operands) {
    let narrow = block.cols - (V - 1) * S::F32_LANES;
    // SAFETY: the caller's promise; a narrower vector touches its own columns only.
    unsafe {
        if narrow == S::F32_LANES {
            let load = |from: *const f32, _: usize| from.cast::<S::f32s>().read_unaligned();
            let store = |to: *mut f32, _: usize, x: S::f32s| to.cast::<S::f32s>().write_unaligned(x);
            chains::<S, R, V>(simd, block, load, store);
        } else {
            let mask = simd.mask_between_m32s(0, narrow as u32);
            let load = |from: *const f32, v: usize| {
                if v + 1 < V { from.cast::<S::f32s>().read_unaligned() } else { simd.mask_load_ptr_f32s(mask, from) }
            };
            let store = |to: *mut f32, v: usize, x: S::f32s| {
                if v + 1 < V {
                    to.cast::<S::f32s>().write_unaligned(x);
                } else {
                    simd.mask_store_ptr_f32s(mask, to, x);
                }
            };
            chains::<S, R, V>(simd, block, load, store);
        }
    }
}

/// Adds the products of a column of the left factor and a row of the right one.
#[inline(always)]
unsafe fn add_terms<S: Simd, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; R],
    a: *const f32,
    a_row: usize,
    b: *const f32,
    load: &impl Fn(*const f32, usize) -> S::f32s,
) {
    let mut factors = [simd.splat_f32s(0.0); V];
    for (v, factor) in factors.iter_mut().enumerate() {
        *factor = load(b.wrapping_add(v * S::F32_LANES), v);
    }
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: an element of `a`, by the caller's promise.
        let x = simd.splat_f32s(unsafe { *a.wrapping_add(row * a_row) });
        for (sum, factor) in sums.iter_mut().zip(factors) {
            *sum = simd.mul_add_f32s(x, factor, *sum);
        }
    }
}

#[inline(always)]
unsafe fn chains<S: Simd, const R: usize, const V: usize>(
    simd: S,
    block: Operands,
    load: impl Fn(*const f32, usize) -> S::f32s,
    store: impl Fn(*mut f32, usize, S::f32s),
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    if block.accumulate {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                let at = block.out.wrapping_add(row * block.out_row + v * S::F32_LANES);
                *sum = load(at, v);
            }
        }
    }
    let (mut a, mut b) = (block.a, block.b);
    // What the chains end at, or the next block's will begin with, is asked for line by line: from a far cache it takes
    // a tenth of the time that the chains do, and asked for at once it would keep their own factors waiting.
    let mut out = block.out.wrapping_add(if block.accumulate { R * block.out_row } else { 0 }).cast_const();
    let (mut y, y_row) = match block.finish {
        Finish::Mask { y, y_row } => (y, y_row),
        Finish::Keep | Finish::Activate { .. } => (out, block.out_row),
    };
    let asking = block.depth.min(R * V);
    let mut line = 0;
    for _ in 0..asking {
        prefetch_line(out.wrapping_add(line));
        prefetch_line(y.wrapping_add(line));
        line += S::F32_LANES;
        if line == V * S::F32_LANES {
            (line, out, y) = (0, out.wrapping_add(block.out_row), y.wrapping_add(y_row));
        }
        // SAFETY: the caller's promise.
        unsafe { add_terms(simd, &mut sums, a, block.a_row, b, &load) };
        (a, b) = (a.wrapping_add(block.a_col), b.wrapping_add(block.b_row));
    }
    for _ in asking..block.depth {
        // SAFETY: the caller's promise.
        unsafe { add_terms(simd, &mut sums, a, block.a_row, b, &load) };
        (a, b) = (a.wrapping_add(block.a_col), b.wrapping_add(block.b_row));
    }
    let zero = simd.splat_f32s(0.0);
    match block.finish {
        Finish::Keep => {}
        Finish::Activate { bias, relu } => {
            if let Some(bias) = bias {
                for v in 0..V {
                    let bias = load(bias.wrapping_add(v * S::F32_LANES), v);
                    for sums in &mut sums {
                        sums[v] = simd.add_f32s(sums[v], bias);
                    }
                }
            }
            if relu {
                for sum in sums.as_flattened_mut() {
                    *sum = simd.select_f32s(simd.less_than_f32s(*sum, zero), zero, *sum);
                }
            }
        }
        Finish::Mask { y, y_row } => {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let y = load(y.wrapping_add(row * y_row + v * S::F32_LANES), v);
                    *sum = simd.select_f32s(simd.less_than_or_equal_f32s(y, zero), zero, *sum);
                }
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (v, sum) in sums.into_iter().enumerate() {
            store(block.out.wrapping_add(row * block.out_row + v * S::F32_LANES), v, sum);
        }
    }
}
