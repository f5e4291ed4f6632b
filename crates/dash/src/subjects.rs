//! What the tables of a grid are about.

use std::collections::BTreeMap;

use mmtl_grid::{Catalogue, Experiment, Grid, decides_scored_rows};
use mmtl_metrics::{Kind, Metric};
use mmtl_plan::Value;

/// Tasks and scenes, in the order of the data's schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subjects {
    /// The tasks, with the metric that each is compared by.
    pub tasks: Vec<Subject>,
    /// The names of the scenes.
    pub scenes: Vec<String>,
    /// What ablations set that decides which rows are scored, by their names.
    pub ablated_data: BTreeMap<String, Vec<(String, Value)>>,
}

/// A task.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// What its labels are.
    pub kind: Kind,
    /// What it is compared by.
    pub compared_by: Metric,
    /// What it is scored by beside the usual metrics.
    pub asked: Vec<Metric>,
    /// Whether evaluations of fits find those too.
    pub at_looks: bool,
}

impl Subjects {
    /// Those of a grid.
    pub fn of(grid: &Grid, experiment: &Experiment) -> Self {
        let subject = |task: &mmtl_plan::Task| {
            let kind = Kind::from(task.kind);
            let at_looks = grid.eval.at_looks;
            let asked = grid.eval.metrics.iter().copied().filter(|metric| metric.applies_to(kind)).collect();
            Subject { name: task.name.clone(), kind, compared_by: experiment.compare.metric(kind), asked, at_looks }
        };
        let catalogue = Catalogue::standard();
        let ablated_data = experiment.ablations.iter().map(|ablation| {
            let set = experiment.changed_by(ablation, &catalogue);
            (ablation.name.clone(), set.filter(|(key, _)| decides_scored_rows(key)).collect())
        });
        Self {
            tasks: grid.tasks.iter().map(subject).collect(),
            scenes: grid.scenes.clone(),
            ablated_data: ablated_data.collect(),
        }
    }
}

impl Subject {
    /// The metrics that it has, the one that it is compared by first.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut others: Vec<Metric> = Metric::usual(self.kind).chain(self.asked.iter().copied()).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|metric| *metric != self.compared_by);
        [self.compared_by].into_iter().chain(others).collect()
    }

    /// Those of them that evaluations of fits find.
    pub fn looked_at(&self) -> Vec<Metric> {
        self.metrics().into_iter().filter(|metric| metric.is_usual() || self.at_looks).collect()
    }
}
