//! Vectors of given inner products.

/// The eigenvalues of a symmetric matrix, ascending, by Jacobi's rotations: exact to rounding also where they
/// coincide, and a matrix has one row a task, so its O(n³) a sweep is nothing.
pub(super) fn eigenvalues(matrix: &[Vec<f64>]) -> Vec<f64> {
    let n = matrix.len();
    let mut a = matrix.to_vec();
    // Ten sweeps reach rounding error for any matrix of this size; convergence is quadratic.
    for _ in 0..30 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        if off == 0.0 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, p, q);
            }
        }
    }
    let mut values: Vec<f64> = (0..n).map(|i| a[i][i]).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Makes `a[p][q]` zero (Golub and Van Loan, Matrix Computations, §8.5).
fn rotate(a: &mut [Vec<f64>], p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = 1.0f64.copysign(tau) / (tau.abs() + (1.0 + tau * tau).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = t * c;
    for k in 0..a.len() {
        let (kp, kq) = (a[k][p], a[k][q]);
        (a[k][p], a[k][q]) = (c * kp - s * kq, s * kp + c * kq);
    }
    for k in 0..a.len() {
        let (pk, qk) = (a[p][k], a[q][k]);
        (a[p][k], a[q][k]) = (c * pk - s * qk, s * pk + c * qk);
    }
}

/// Lower-triangular L with L·Lᵀ = `gram`, which must be positive semidefinite; a vector that depends on those before
/// it gets a zero on the diagonal. For two unit vectors this is the paper's choice, w₂ = p·u₁ + √(1 − p²)·u₂.
pub(super) fn factor(gram: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = gram.len();
    let mut l = vec![vec![0.0; n]; n];
    for k in 0..n {
        for j in 0..=k {
            let known: f64 = (0..j).map(|i| l[k][i] * l[j][i]).sum();
            let rest = gram[k][j] - known;
            l[k][j] = match j == k {
                true => rest.max(0.0).sqrt(),
                // A pivot this small is rounding error of a dependent vector, whose column is 0.
                false if l[j][j] * l[j][j] <= 1e-12 * gram[j][j] => 0.0,
                false => rest / l[j][j],
            };
        }
    }
    l
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(n: usize, p: f64) -> Vec<Vec<f64>> {
        (0..n).map(|i| (0..n).map(|j| if i == j { 1.0 } else { p }).collect()).collect()
    }

    #[test]
    fn eigenvalues_of_equal_correlations_are_known() {
        for (n, p) in [(2, 0.5), (3, -0.9), (5, 1.0), (1, 0.0), (8, 0.25)] {
            let values = eigenvalues(&equal(n, p));
            let mut expected = vec![1.0 - p; n - 1];
            expected.push(1.0 + (n as f64 - 1.0) * p);
            expected.sort_unstable_by(f64::total_cmp);
            for (value, expected) in values.iter().zip(&expected) {
                assert!((value - expected).abs() < 1e-12, "{n} {p}: {values:?}");
            }
        }
    }

    #[test]
    fn eigenvalues_of_an_unequal_matrix() {
        // Its characteristic polynomial is (x - 1)(x - 3)(x - 4).
        let matrix = [vec![3.0, -1.0, 0.0], vec![-1.0, 2.0, -1.0], vec![0.0, -1.0, 3.0]].to_vec();
        let trace: f64 = eigenvalues(&matrix).iter().sum();
        assert!((trace - 8.0).abs() < 1e-12);
        for (value, expected) in eigenvalues(&matrix).iter().zip([1.0, 3.0, 4.0]) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
    }

    #[test]
    fn a_factor_gives_the_matrix_back_also_at_rank_one() {
        for gram in [equal(2, 0.5), equal(4, 1.0), equal(3, -0.5), vec![vec![4.0, 1.0], vec![1.0, 0.25]]] {
            let l = factor(&gram);
            for (i, row) in gram.iter().enumerate() {
                for (j, expected) in row.iter().enumerate() {
                    let got: f64 = l[i].iter().zip(&l[j]).map(|(a, b)| a * b).sum();
                    assert!((got - expected).abs() < 1e-9, "{gram:?}: {l:?}");
                }
            }
        }
        assert_eq!(factor(&equal(2, 0.6)), [vec![1.0, 0.0], vec![0.6, 0.8]]);
    }
}
