//! Matrix products on borrowed slices: the one door to the `gemm` crate.

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

/// `gemm` adds partial sums of a deep product in blocks whose depth follows from the machine's caches, but never cuts
/// one of this depth or less. So deeper products are cut here, and bits do not depend on caches.
const DEPTH: usize = 512;

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

fn reach(rows: usize, cols: usize, row_stride: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * row_stride + cols }
}

/// `out = a·b`, or `out += a·b` when it is to `accumulate`.
pub fn product(out: &mut MatrixMut<'_>, accumulate: bool, a: Matrix<'_>, b: Matrix<'_>) {
    assert_eq!((out.rows, out.cols, a.cols), (a.rows, b.cols, b.rows), "shapes of a matrix product");
    let mut from = 0;
    loop {
        let depth = (a.cols - from).min(DEPTH);
        // SAFETY: `Matrix::new` and `MatrixMut::new` checked that every element of the views lies in their slices;
        // the shapes agree by the assertion above; the exclusive borrow in `out` overlaps neither input; and
        // `from + depth <= a.cols`, so both offsets stay within the views (`wrapping_add` for empty ones).
        unsafe {
            gemm::gemm(
                out.rows,
                out.cols,
                depth,
                out.data.as_mut_ptr(),
                1,
                out.row_stride.cast_signed(),
                accumulate || from > 0,
                a.data.as_ptr().wrapping_add(from * a.col_stride),
                a.col_stride.cast_signed(),
                a.row_stride.cast_signed(),
                b.data.as_ptr().wrapping_add(from * b.row_stride),
                b.col_stride.cast_signed(),
                b.row_stride.cast_signed(),
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        from += depth;
        if from >= a.cols {
            return;
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
            let (a_turned, b_turned) = (turned(&a, m, k), turned(&b, k, n));
            let views = [Matrix::new(&a, m, k, k), Matrix::new(&a_turned, k, m, m).transposed()];
            let others = [Matrix::new(&b, k, n, n), Matrix::new(&b_turned, n, k, k).transposed()];
            for (a, b) in views.into_iter().flat_map(|a| others.into_iter().map(move |b| (a, b))) {
                let mut out = vec![9.0; m * n];
                product(&mut MatrixMut::new(&mut out, m, n, n), false, a, b);
                assert_eq!(out, expected, "{m} {k} {n}");
                product(&mut MatrixMut::new(&mut out, m, n, n), true, a, b);
                assert!(out.iter().zip(&expected).all(|(o, e)| *o == 2.0 * e));
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_pool_it_is_called_from() {
        let (m, k, n) = (131, 700, 90);
        let wild = |len: usize| (0..len).map(|i| ((i * 2_654_435_761) % 1_000_003) as f32 * 1e-6 - 0.5).collect();
        let (a, b): (Vec<f32>, Vec<f32>) = (wild(m * k), wild(k * n));
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
