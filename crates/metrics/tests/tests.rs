//! Tests of the crate as its users see it.

mod auc_properties;
mod golden;
mod invariances;
mod json;
mod marks;
mod metrics;
mod overall;
mod skill;
mod statistics;
mod ten_million;
mod thresholds;
