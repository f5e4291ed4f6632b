//! What train rows alone tell about a task: the baseline of its skill, and the scale of a regression target.

use mmtl_metrics::skill::Baseline;
use mmtl_plan::{TargetScale, TaskKind};
use serde::{Deserialize, Serialize};

use crate::moments::Moments;

/// Label statistics of one task over known rows of its space, each as often as its weight says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskBase {
    /// Number of known rows that weigh anything.
    pub rows: u64,
    /// Mean label in original units: the base rate of a binary task. 0 without rows.
    pub mean: f64,
    /// Population standard deviation in original units.
    pub deviation: f64,
    /// Share of each class: `[negative, positive]` for a binary task, `[classes]` for a multiclass one, empty for
    /// regression.
    pub rates: Vec<f64>,
}

impl TaskBase {
    /// Mean and deviation to standardise a regression target by; a constant target keeps its unit.
    pub fn scale(&self) -> TargetScale {
        TargetScale { mean: self.mean, deviation: if self.deviation > 0.0 { self.deviation } else { 1.0 } }
    }

    /// What a model without skill would know.
    pub fn baseline(&self, kind: TaskKind) -> Baseline {
        match kind {
            TaskKind::Binary => Baseline::Chance,
            TaskKind::Regression { .. } => Baseline::TrainMean(self.mean),
            TaskKind::Multiclass { .. } => Baseline::TrainRates(self.rates.clone()),
        }
    }
}

/// Gathers a [`TaskBase`] label by label.
#[derive(Clone, Debug)]
pub(crate) struct BaseSums {
    /// Known rows that weigh anything.
    rows: u64,
    /// How often each class came, by weight, which says all there is to say of classes; empty for regression.
    classes: Vec<f64>,
    /// Of a regression's labels.
    moments: Moments,
}

impl BaseSums {
    pub(crate) fn new(kind: TaskKind) -> Self {
        let classes = match kind {
            TaskKind::Binary => 2,
            TaskKind::Regression { .. } => 0,
            TaskKind::Multiclass { classes } => classes,
        };
        Self { rows: 0, classes: vec![0.0; classes], moments: Moments::default() }
    }

    /// Adds the known label of a row of this weight, at least 0; a row of weight 0 takes no part.
    pub(crate) fn add(&mut self, label: f64, weight: f32) {
        if weight == 0.0 {
            return;
        }
        self.rows += 1;
        if self.classes.is_empty() {
            self.moments.add_weighing(label, f64::from(weight));
        } else {
            self.classes[label as usize] += f64::from(weight);
        }
    }

    /// Adds the labels of others of the same task.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.classes.iter_mut().zip(&other.classes).for_each(|(all, weight)| *all += weight);
        self.moments.merge(&other.moments);
    }

    pub(crate) fn base(&self) -> TaskBase {
        let rows = self.rows;
        if self.classes.is_empty() {
            return TaskBase { rows, mean: self.moments.mean(), deviation: self.moments.deviation(), rates: vec![] };
        }
        let all = if rows == 0 { 1.0 } else { self.classes.iter().sum() };
        let mean_of = |value: &dyn Fn(f64) -> f64| {
            let values = self.classes.iter().enumerate().map(|(class, &weight)| value(class as f64) * weight);
            values.sum::<f64>() / all
        };
        let mean = mean_of(&|class| class);
        let deviation = mean_of(&|class| (class - mean).powi(2)).sqrt();
        let rates = self.classes.iter().map(|&weight| weight / all).collect();
        TaskBase { rows, mean, deviation, rates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(kind: TaskKind, labels: &[f64]) -> TaskBase {
        let mut sums = BaseSums::new(kind);
        for &label in labels {
            sums.add(label, 1.0);
        }
        sums.base()
    }

    #[test]
    fn rows_count_as_often_as_they_weigh() {
        for kind in [REGRESSION, TaskKind::Binary, TaskKind::Multiclass { classes: 2 }] {
            let mut sums = BaseSums::new(kind);
            for (label, weight) in [(1.0, 3.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0)] {
                sums.add(label, weight);
            }
            assert_eq!(sums.base(), TaskBase { rows: 2, ..base(kind, &[1.0, 1.0, 1.0, 0.0]) });
        }
    }

    const REGRESSION: TaskKind = TaskKind::Regression { scale: TargetScale { mean: 0.0, deviation: 1.0 } };

    #[test]
    fn a_constant_target_keeps_its_unit() {
        assert_eq!(base(REGRESSION, &[4.0, 6.0]).baseline(REGRESSION), Baseline::TrainMean(5.0));
        let scale = base(REGRESSION, &[5.0, 5.0]).scale();
        assert_eq!((scale.mean, scale.deviation), (5.0, 1.0));
    }

    #[test]
    fn classes_are_counted() {
        let kind = TaskKind::Multiclass { classes: 4 };
        let base = base(kind, &[0.0, 3.0, 3.0, 1.0]);
        assert_eq!((base.rates.as_slice(), base.mean), ([0.25, 0.25, 0.0, 0.5].as_slice(), 1.75));
        assert!((base.deviation - 1.6875f64.sqrt()).abs() < 1e-15);
        assert_eq!(base.baseline(kind), Baseline::TrainRates(base.rates.clone()));
        assert_eq!(self::base(TaskKind::Binary, &[1.0, 0.0, 1.0, 1.0]).rates, [0.25, 0.75]);
        assert_eq!(self::base(TaskKind::Binary, &[]).mean, 0.0);
    }
}
