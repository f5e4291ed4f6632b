//! `[compare]`: what the tables compare, declared before training.

use mmtl_metrics::{Kind, Metric};
use mmtl_plan::{Value, listed, nearest, suggestion};
use toml::de::DeTable;

use crate::experiment::reader::{Item, Reader};
use crate::key_name::Key;

/// What tables compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// The row that the others are compared to: trials that agree with all of these values. Empty: no baseline.
    pub baseline: Vec<(Key, Value)>,
    /// The metric of binary tasks.
    pub binary: Metric,
    /// The metric of regression tasks.
    pub regression: Metric,
    /// The metric of multiclass tasks.
    pub multiclass: Metric,
}

impl Default for Compare {
    fn default() -> Self {
        Self { baseline: vec![], binary: Metric::Auc, regression: Metric::Mse, multiclass: Metric::Accuracy }
    }
}

impl Compare {
    /// The metric of tasks of a kind.
    pub fn metric(&self, kind: Kind) -> Metric {
        match kind {
            Kind::Binary => self.binary,
            Kind::Regression => self.regression,
            Kind::Multiclass { .. } => self.multiclass,
        }
    }
}

const KINDS: [Kind; 3] = [Kind::Binary, Kind::Regression, Kind::Multiclass { classes: 2 }];

impl Reader<'_> {
    pub(super) fn compare(&mut self, top: &DeTable<'_>) -> Compare {
        let mut compare = Compare::default();
        let Some(table) = self.table(top, "compare") else { return compare };
        self.only("compare", table, &["baseline", "metric"]);
        if let Some((key, item)) = table.get_key_value("baseline") {
            self.lines.insert("compare.baseline".to_owned(), self.checker.line(&key.span()));
            if let Some(chosen) = self.as_table("compare.baseline", item) {
                compare.baseline = self.choices(chosen);
            }
        }
        let metric = table.get("metric").and_then(|item| self.as_table("compare.metric", item));
        if let Some(metrics) = metric {
            self.only("compare.metric", metrics, &KINDS.map(Kind::name));
            for kind in KINDS {
                let chosen = metrics.get(kind.name()).and_then(|item| self.metric(kind, item));
                let place = match kind {
                    Kind::Binary => &mut compare.binary,
                    Kind::Regression => &mut compare.regression,
                    Kind::Multiclass { .. } => &mut compare.multiclass,
                };
                *place = chosen.unwrap_or(*place);
            }
        }
        compare
    }

    fn metric(&mut self, kind: Kind, item: &Item<'_>) -> Option<Metric> {
        let key = format!("compare.metric.{}", kind.name());
        let name = self.text(&key, item)?;
        let names = || Metric::of(kind).map(Metric::name);
        let found = Metric::of(kind).find(|metric| metric.name() == name).ok_or_else(|| {
            let near = nearest(name, names());
            format!("`{key}` is `{name}`, expected one of {}{}", listed(names()), suggestion(near.as_deref()))
        });
        self.checker.keep(&item.span(), found)
    }
}
