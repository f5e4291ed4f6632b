//! Pearson correlations between labels.

use mmtl_plan::Task;

use crate::describe::Correlation;
use crate::moments::Moments;

/// Every pair of so many tasks.
pub(super) fn pairs(tasks: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..tasks).flat_map(|b| (0..b).map(move |a| [a, b]))
}

/// Of the products of every pair.
pub(super) fn correlations(tasks: &[Task], products: &[Products]) -> Vec<Correlation> {
    let correlation = |(pair, products): ([usize; 2], &Products)| {
        let tasks = pair.map(|task| tasks[task].name.clone());
        Correlation { tasks, rows: products.x.count(), pearson: products.pearson() }
    };
    pairs(tasks.len()).zip(products).map(correlation).collect()
}

/// Moments of two labels, and the centred sum of their products.
#[derive(Clone, Default)]
pub(super) struct Products {
    x: Moments,
    y: Moments,
    xy: f64,
}

impl Products {
    /// Of some pairs, which are added up twice: around means that are known, sums need no quotient a pair (the
    /// corrected two-pass algorithm; Chan, Golub and LeVeque 1983, equation 1.7).
    pub(super) fn of(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        // What does not vary is its own mean, without rounding.
        let Some((first_x, first_y)) = pairs.clone().next() else { return Self::default() };
        let (mut count, mut sum_x, mut sum_y) = (0u64, 0.0, 0.0);
        for (x, y) in pairs.clone() {
            count += 1;
            sum_x += x - first_x;
            sum_y += y - first_y;
        }
        let n = count as f64;
        let (mean_x, mean_y) = (first_x + sum_x / n, first_y + sum_y / n);
        let (mut x_sum, mut y_sum, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (x, y) in pairs {
            let (dx, dy) = (x - mean_x, y - mean_y);
            x_sum += dx;
            y_sum += dy;
            xx += dx * dx;
            yy += dy * dy;
            xy += dx * dy;
        }
        let moments = |mean, sum: f64, squares: f64| Moments::new(count, mean, (squares - sum * sum / n).max(0.0));
        Self { x: moments(mean_x, x_sum, xx), y: moments(mean_y, y_sum, yy), xy: xy - x_sum * y_sum / n }
    }

    /// Adds the pairs of others.
    pub(super) fn merge(&mut self, other: &Self) {
        let (some, others) = (self.x.count() as f64, other.x.count() as f64);
        let (dx, dy) = (other.x.mean() - self.x.mean(), other.y.mean() - self.y.mean());
        self.xy += other.xy + dx * dy * some * others / (some + others).max(1.0);
        self.x.merge(&other.x);
        self.y.merge(&other.y);
    }

    fn pearson(&self) -> Option<f64> {
        let scale = self.x.squares().sqrt() * self.y.squares().sqrt();
        (scale > 0.0).then(|| (self.xy / scale).clamp(-1.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products(pairs: &[(f64, f64)]) -> Products {
        Products::of(pairs.iter().copied())
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
    fn large_means_and_outliers_swallow_nothing() {
        // Numbers of this size are 10⁻⁷ apart, and so are their means.
        let far: Vec<(f64, f64)> =
            (0..1001).map(|at| (1e9 + 0.1 * f64::from(at), -1e9 + 0.1 * f64::from(at % 7))).collect();
        let near: Vec<(f64, f64)> = far.iter().map(|(x, y)| (x - 1e9, y + 1e9)).collect();
        let pearson = |pairs: &[(f64, f64)]| products(pairs).pearson().unwrap();
        assert!((pearson(&far) - pearson(&near)).abs() < 1e-13);
        let squares = |pairs: &[(f64, f64)]| products(pairs).x.squares();
        assert!((squares(&far) / squares(&near) - 1.0).abs() < 1e-14);
        // The first value is the outlier, and the others are known to 16 digits less those that it has more.
        let (mut first, mut last) = (vec![(1e6, 3.0)], near.clone());
        first.extend(&near);
        last.push((1e6, 3.0));
        assert!((squares(&first) / squares(&last) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn a_constant_label_has_none() {
        assert_eq!(pearson(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(pearson(&[]), None);
        let mut sums = Products::default();
        for times in [0, 3, 2, 49] {
            sums.merge(&products(&vec![(0.1, 0.3); times]));
        }
        assert_eq!((sums.x.count(), sums.pearson()), (54, None));
    }
}
