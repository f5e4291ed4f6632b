//! Matrix products on borrowed slices: the one door to [`crate::kernel`].

use pulp::Arch;

use crate::kernel::{CopiedProduct, Finish, Operands, Product, is_far};
use crate::simd;

/// A strided view, `[rows, cols]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

/// A mutable view with contiguous rows, `[rows, cols]`.
pub struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `cols` consecutive elements, `row_stride` apart.
    pub fn new(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(reach(rows, cols, row_stride) <= data.len(), "a matrix reaches past its data");
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }
}

impl<'a> MatrixMut<'a> {
    /// Rows of `cols` consecutive elements, `row_stride` apart.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(reach(rows, cols, row_stride) <= data.len(), "a matrix reaches past its data");
        assert!(cols <= row_stride || rows <= 1, "rows of a matrix overlap");
        Self { data, rows, cols, row_stride }
    }
}

impl MatrixMut<'_> {
    /// Sets every element.
    pub fn fill(&mut self, value: f32) {
        for row in self.data.chunks_mut(self.row_stride.max(1)).take(self.rows) {
            row[..self.cols].fill(value);
        }
    }
}

fn reach(rows: usize, cols: usize, row_stride: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * row_stride + cols }
}

/// `out = a·b`, or `out += a·b` when it is to `accumulate`. The rows of `b` must be contiguous.
pub fn product(out: &mut MatrixMut<'_>, accumulate: bool, a: Matrix<'_>, b: Matrix<'_>) {
    run(simd::arch(), out, accumulate, (a, b), Then::Nothing);
}

/// `out = act(a·b + bias)`, or `act(out + a·b + bias)` when it is to `accumulate`, where `act` is ReLU or nothing; without
/// a pass of its own over the output.
pub fn activated(
    out: &mut MatrixMut<'_>,
    accumulate: bool,
    (a, b): (Matrix<'_>, Matrix<'_>),
    bias: Option<&[f32]>,
    relu: bool,
) {
    run(simd::arch(), out, accumulate, (a, b), Then::Activate { bias, relu });
}

/// `out = a·b` where ReLU left something in `y`, 0 elsewhere.
pub fn masked(out: &mut MatrixMut<'_>, a: Matrix<'_>, b: Matrix<'_>, y: Matrix<'_>) {
    run(simd::arch(), out, false, (a, b), Then::Mask(y));
}

/// A [`Finish`] whose slices are still to be checked.
#[derive(Clone, Copy)]
enum Then<'a> {
    Nothing,
    Activate { bias: Option<&'a [f32]>, relu: bool },
    Mask(Matrix<'a>),
}

impl Then<'_> {
    /// For an output of `rows` by `cols`.
    fn checked(self, rows: usize, cols: usize) -> Finish {
        match self {
            Self::Nothing => Finish::Keep,
            Self::Activate { bias, relu } => {
                assert!(bias.is_none_or(|bias| bias.len() == cols), "a bias has an element for each column");
                Finish::Activate { bias: bias.map(<[f32]>::as_ptr), relu }
            }
            Self::Mask(y) => {
                assert_eq!((rows, cols, 1), (y.rows, y.cols, y.col_stride), "shape of what ReLU left");
                Finish::Mask { y: y.data.as_ptr(), y_row: y.row_stride }
            }
        }
    }
}

fn run(arch: Arch, out: &mut MatrixMut<'_>, accumulate: bool, (a, b): (Matrix<'_>, Matrix<'_>), then: Then<'_>) {
    assert_eq!((out.rows, out.cols, a.cols), (a.rows, b.cols, b.rows), "shapes of a matrix product");
    assert_eq!(b.col_stride, 1, "columns between neighbours of the right factor");
    let operands = Operands {
        rows: out.rows,
        cols: out.cols,
        depth: a.cols,
        a: a.data.as_ptr(),
        a_row: a.row_stride,
        a_col: a.col_stride,
        b: b.data.as_ptr(),
        b_row: b.row_stride,
        out: out.data.as_mut_ptr(),
        out_row: out.row_stride,
        accumulate,
        finish: then.checked(out.rows, out.cols),
    };
    // SAFETY: `Matrix::new` and `MatrixMut::new` checked that every element of the views lies in their slices; shapes
    // agree by the assertions above and in `checked`; the exclusive borrow in `out` overlaps nothing that is read.
    unsafe {
        if is_far(operands.rows, operands.b_row) {
            arch.dispatch(CopiedProduct::new(operands));
        } else {
            arch.dispatch(Product::new(operands));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::Workers;

    fn quarters(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7 + seed) % 17) as f32 * 0.25 - 2.0).collect()
    }

    /// Quarters below 2 in size: every partial sum is exact, so any order gives the same bits.
    #[test]
    fn products_of_every_layout_are_exact_on_quarters() {
        for (m, k, n) in [(1, 1, 1), (5, 3, 7), (33, 20, 1), (1, 9, 40), (40, 530, 17), (3, 0, 2)] {
            let (a, b) = (quarters(m * k, 1), quarters(k * n, 5));
            let mut expected = vec![0.0f32; m * n];
            for i in 0..m {
                for j in 0..n {
                    expected[i * n + j] = (0..k).map(|d| a[i * k + d] * b[d * n + j]).sum();
                }
            }
            let turned = |x: &[f32], rows: usize, cols: usize| -> Vec<f32> {
                (0..rows * cols).map(|i| x[i % rows * cols + i / rows]).collect()
            };
            let a_turned = turned(&a, m, k);
            let views = [Matrix::new(&a, m, k, k), Matrix::new(&a_turned, k, m, m).transposed()];
            let b = Matrix::new(&b, k, n, n);
            for a in views {
                let mut out = vec![9.0; m * n];
                product(&mut MatrixMut::new(&mut out, m, n, n), false, a, b);
                assert_eq!(out, expected, "{m} {k} {n}");
                product(&mut MatrixMut::new(&mut out, m, n, n), true, a, b);
                assert!(out.iter().zip(&expected).all(|(o, e)| *o == 2.0 * e));
            }
        }
    }

    /// The machine's widest, and those that others have.
    fn sets() -> Vec<Arch> {
        let sets = [Arch::Scalar, Arch::new()].into_iter();
        #[cfg(target_arch = "x86_64")]
        let sets = sets.chain(pulp::x86::V3::try_new().map(Arch::V3));
        sets.collect()
    }

    fn wild(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 2_654_435_761) % 1_000_003) as f32 * 1e-6 - 0.5).collect()
    }

    /// One chain of fused multiply-adds for each element is the same on every instruction set, copied or not.
    #[test]
    fn every_instruction_set_gives_the_bits_of_plain_chains() {
        for (m, k, n, far) in
            [(7, 300, 33, 0), (131, 140, 90, 0), (100, 129, 300, 212), (100, 300, 300, 244), (50, 3, 2, 70)]
        {
            let (a, b) = (wild(k * (m + far)), wild(k * (n + far)));
            let mut expected = wild(m * n);
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let chain = |sum: f32, d: usize| a[d * (m + far) + i].mul_add(b[d * (n + far) + j], sum);
                expected[i * n + j] = (0..k).fold(expected[i * n + j], chain);
            }
            for set in sets() {
                let mut out = wild(m * n);
                let a = Matrix::new(&a, k, m, m + far).transposed();
                let b = Matrix::new(&b, k, n, n + far);
                assert_eq!(is_far(m, n + far), far > 100, "which cases copy");
                run(set, &mut MatrixMut::new(&mut out, m, n, n), true, (a, b), Then::Nothing);
                assert!(out.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()), "{m} {k} {n} {far}");
            }
        }
    }

    /// What follows a product is the same in its registers as in a pass of its own: in whole, ragged and copied blocks
    /// of rows that lie apart, on every instruction set.
    #[test]
    fn sums_are_finished_as_by_a_pass_of_its_own() {
        for (m, k, n) in [(7, 300, 33), (50, 3, 80), (100, 520, 544), (1, 0, 5)] {
            let (stride, y_stride) = (n + 3, n + 16);
            let (a, b, bias, y) = (wild(m * k), wild(k * n), wild(n), wild(m * y_stride));
            let factors = (Matrix::new(&a, m, k, k), Matrix::new(&b, k, n, n));
            let y = Matrix::new(&y, m, n, y_stride);
            assert_eq!(is_far(m, n), n > 500, "which cases copy");
            for set in sets() {
                let finished = |then: Then<'_>| {
                    let mut out = vec![9.0; m * stride];
                    run(set, &mut MatrixMut::new(&mut out, m, n, stride), false, factors, then);
                    let apart = out.chunks_exact(stride).all(|row| row[n..].iter().all(|&x| x == 9.0));
                    assert!(apart, "written between rows");
                    out.chunks_exact(stride).flat_map(|row| row[..n].to_vec()).collect::<Vec<f32>>()
                };
                let plain = finished(Then::Nothing);
                for (bias, relu) in [(None, true), (Some(&bias[..]), false), (Some(&bias[..]), true)] {
                    for (at, (out, x)) in finished(Then::Activate { bias, relu }).iter().zip(&plain).enumerate() {
                        let x = x + bias.map_or(0.0, |bias| bias[at % n]);
                        assert_eq!(*out, if relu { x.max(0.0) } else { x }, "{m} {k} {n}");
                    }
                }
                for (at, (out, x)) in finished(Then::Mask(y)).iter().zip(&plain).enumerate() {
                    let kept = y.data[at / n * y_stride + at % n] > 0.0;
                    assert_eq!(*out, if kept { *x } else { 0.0 }, "{m} {k} {n}");
                }
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_pool_it_is_called_from() {
        let (m, k, n) = (131, 700, 90);
        let (a, b) = (wild(m * k), wild(k * n));
        let compute = || {
            let mut out = vec![0.0; m * n];
            product(&mut MatrixMut::new(&mut out, m, n, n), false, Matrix::new(&a, m, k, k), Matrix::new(&b, k, n, n));
            out
        };
        let alone = compute();
        for threads in [1, 2, 3, 8] {
            assert_eq!(Workers::new(threads).expect("threads start").run(compute), alone);
        }
    }

    #[test]
    #[should_panic(expected = "past its data")]
    fn a_view_past_its_data_is_refused() {
        let _ = Matrix::new(&[0.0; 5], 2, 3, 3);
    }
}
