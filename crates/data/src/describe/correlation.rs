//! Pearson correlations between labels.

use rayon::prelude::*;

use crate::dataset::Dataset;
use crate::describe::{Correlation, all_rows};

/// Every pair of tasks.
pub(super) fn correlations(dataset: &Dataset) -> Vec<Correlation> {
    let tasks = &dataset.schema().tasks;
    let pairs: Vec<_> = (0..tasks.len()).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
    let correlation = |(a, b): (usize, usize)| {
        let mut sums = Products::default();
        for row in all_rows(dataset) {
            if let (Some(x), Some(y)) = (dataset.label(a, row), dataset.label(b, row)) {
                sums.add(x, y);
            }
        }
        Correlation { tasks: [tasks[a].name.clone(), tasks[b].name.clone()], rows: sums.rows, pearson: sums.pearson() }
    };
    pairs.into_par_iter().map(correlation).collect()
}

/// Centred sums of products, updated as in Welford's recurrence.
#[derive(Default)]
struct Products {
    rows: u64,
    mean: [f64; 2],
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Products {
    fn add(&mut self, x: f64, y: f64) {
        self.rows += 1;
        let (dx, dy) = (x - self.mean[0], y - self.mean[1]);
        self.mean[0] += dx / self.rows as f64;
        self.mean[1] += dy / self.rows as f64;
        self.xx += dx * (x - self.mean[0]);
        self.yy += dy * (y - self.mean[1]);
        self.xy += dx * (y - self.mean[1]);
    }

    fn pearson(&self) -> Option<f64> {
        let scale = self.xx.sqrt() * self.yy.sqrt();
        (scale > 0.0).then(|| (self.xy / scale).clamp(-1.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
        let mut sums = Products::default();
        for &(x, y) in pairs {
            sums.add(x, y);
        }
        sums.pearson()
    }

    #[test]
    fn known_correlations() {
        let close = |pairs: &[(f64, f64)], expected: f64| (pearson(pairs).unwrap() - expected).abs() < 1e-15;
        assert!(close(&[(1.0, 3.0), (2.0, 5.0), (4.0, 9.0)], 1.0));
        assert!(close(&[(0.0, 1.0), (1.0, 0.0)], -1.0));
        // Σ(x - 3)² = 10, Σ(y - 1)² = 2, Σ(x - 3)(y - 1) = 4.
        assert!(close(&[(1.0, 0.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0), (5.0, 2.0)], 4.0 / 20f64.sqrt()));
    }

    #[test]
    fn a_constant_label_has_none() {
        assert_eq!(pearson(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(pearson(&[]), None);
    }
}
