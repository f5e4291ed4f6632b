//! `[eval]`: what is scored beside the usual metrics. It moves no number of a trial, so that no key depends on it:
//! predictions are kept, and what is asked for later is scored from them.

use mmtl_metrics::Metric;
use mmtl_plan::{listed, suggestion};
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::experiment::compare::Compare;
use crate::experiment::reader::{Item, Reader, shown};

/// What is scored beside the usual metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eval {
    /// The metrics, in their order, those that tables compare by included; each is found for the tasks that it is
    /// defined for.
    pub metrics: Vec<Metric>,
    /// Whether they are found at every evaluation of a fit too, and not only at the end.
    pub at_looks: bool,
}

impl Eval {
    /// Whether nothing is asked for.
    pub fn is_usual(&self) -> bool {
        self.metrics.is_empty()
    }
}

impl Reader<'_> {
    pub(super) fn eval(&mut self, top: &DeTable<'_>, compare: &Compare) -> Eval {
        let mut eval = Eval { metrics: compare.metrics().to_vec(), at_looks: false };
        if let Some(table) = self.table(top, "eval") {
            self.only("eval", table, &["metrics", "at_looks"]);
            if let Some((key, item)) = table.get_key_value("metrics") {
                self.lines.insert("eval.metrics".to_owned(), self.checker.line(&key.span()));
                eval.metrics.extend(self.metrics(item));
            }
            eval.at_looks = table.get("at_looks").is_some_and(|item| self.at_looks(item));
        }
        eval.metrics.retain(|metric| !metric.is_usual());
        eval.metrics.sort_unstable();
        eval.metrics.dedup();
        eval
    }

    fn metrics(&mut self, item: &Item<'_>) -> Vec<Metric> {
        let Some(items) = item.get_ref().as_array() else {
            let message = format!("`eval.metrics` is {}, expected a list of metrics", shown(item.get_ref()));
            self.checker.report(&item.span(), message);
            return vec![];
        };
        let of = |item: &Item<'_>| match item.get_ref().as_str() {
            Some(name) => metric(name),
            None => Err(format!("`eval.metrics` lists {}, expected names of metrics", shown(item.get_ref()))),
        };
        items.iter().filter_map(|item| self.checker.keep(&item.span(), of(item))).collect()
    }

    fn at_looks(&mut self, item: &Item<'_>) -> bool {
        let given = item.get_ref().as_bool();
        if given.is_none() {
            let message = format!("`eval.at_looks` is {}, expected true or false", shown(item.get_ref()));
            self.checker.report(&item.span(), message);
        }
        given.unwrap_or_default()
    }
}

fn metric(name: &str) -> Result<Metric, String> {
    name.parse().map_err(|_| {
        let names = || Metric::ALL.map(Metric::name).into_iter();
        let near = mmtl_plan::nearest(name, names());
        format!("`eval.metrics` lists `{name}`, expected any of {}{}", listed(names()), suggestion(near.as_deref()))
    })
}
