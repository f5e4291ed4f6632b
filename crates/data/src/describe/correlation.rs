//! Pearson correlations between labels.

use mmtl_plan::Task;

use crate::describe::Correlation;

/// Every pair of so many tasks.
pub(super) fn pairs(tasks: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..tasks).flat_map(|b| (0..b).map(move |a| [a, b]))
}

/// Of the products of every pair.
pub(super) fn correlations(tasks: &[Task], products: &[Products]) -> Vec<Correlation> {
    let correlation = |(pair, products): ([usize; 2], &Products)| {
        let tasks = pair.map(|task| tasks[task].name.clone());
        Correlation { tasks, rows: products.rows, pearson: products.pearson() }
    };
    pairs(tasks.len()).zip(products).map(correlation).collect()
}

/// Centred sums of products, updated as in Welford's recurrence.
#[derive(Clone, Default)]
pub(super) struct Products {
    rows: u64,
    mean: [f64; 2],
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Products {
    pub(super) fn add(&mut self, x: f64, y: f64) {
        self.rows += 1;
        let (dx, dy) = (x - self.mean[0], y - self.mean[1]);
        self.mean[0] += dx / self.rows as f64;
        self.mean[1] += dy / self.rows as f64;
        self.xx += dx * (x - self.mean[0]);
        self.yy += dy * (y - self.mean[1]);
        self.xy += dx * (y - self.mean[1]);
    }

    /// Adds the pairs of others (Chan, Golub and LeVeque 1983).
    pub(super) fn merge(&mut self, other: &Self) {
        if self.rows == 0 {
            // Their means as they are: labels that do not vary shall not seem to.
            *self = other.clone();
            return;
        }
        let (some, others) = (self.rows as f64, other.rows as f64);
        let [dx, dy] = [0, 1].map(|of| other.mean[of] - self.mean[of]);
        let weight = some * others / (some + others);
        self.rows += other.rows;
        self.mean[0] += dx * others / (some + others);
        self.mean[1] += dy * others / (some + others);
        self.xx += other.xx + dx * dx * weight;
        self.yy += other.yy + dy * dy * weight;
        self.xy += other.xy + dx * dy * weight;
    }

    fn pearson(&self) -> Option<f64> {
        let scale = self.xx.sqrt() * self.yy.sqrt();
        (scale > 0.0).then(|| (self.xy / scale).clamp(-1.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products(pairs: &[(f64, f64)]) -> Products {
        let mut sums = Products::default();
        for &(x, y) in pairs {
            sums.add(x, y);
        }
        sums
    }

    fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
        let at_once = products(pairs).pearson();
        for cut in 0..=pairs.len() {
            let mut sums = products(&pairs[..cut]);
            sums.merge(&products(&pairs[cut..]));
            let differ = |(a, b): (f64, f64)| (a - b).abs() > 1e-15;
            assert_eq!(sums.pearson().is_some(), at_once.is_some(), "{cut}");
            assert!(!sums.pearson().zip(at_once).is_some_and(differ), "{cut}");
        }
        at_once
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
        let mut sums = Products::default();
        for times in [0, 3, 2, 49] {
            sums.merge(&products(&vec![(0.1, 0.3); times]));
        }
        assert_eq!((sums.rows, sums.pearson()), (54, None));
    }
}
