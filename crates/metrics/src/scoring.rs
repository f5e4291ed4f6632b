//! From a sample to the score of a metric: what stands in its way, then its value.

use crate::accuracy::accuracy;
use crate::auc::auc;
use crate::decisions::{f1, precision, recall};
use crate::ece::ece;
use crate::error::Error;
use crate::gauc::{classes, gauc, holds_both};
use crate::hit_rate::hit_rate;
use crate::log_loss::log_loss;
use crate::macro_f1::macro_f1;
use crate::mae::mae;
use crate::metric::Metric;
use crate::mrr::mrr;
use crate::mse::mse;
use crate::ndcg::ndcg;
use crate::normalised_entropy::normalised_entropy;
use crate::order::Groups;
use crate::pr_auc::pr_auc;
use crate::r2::r2;
use crate::ratio::{observed, ratio};
use crate::rmse::rmse;
use crate::sample::{Counts, Kind, Sample};
use crate::score::{Reason, Score, Scored};
use crate::spearman::{is_constant, spearman};
use crate::threshold::Threshold;

impl Metric {
    /// Scores a sample. Faults of the data are looked for before those of the model, so that the cells which leave a
    /// mean are the same for every model.
    ///
    /// # Errors
    /// [`Error::NotApplicable`] if the metric does not apply to the sample's kind, [`Error::NoThreshold`] if it needs a
    /// threshold that the sample was not given.
    pub fn score(self, sample: &Sample) -> Result<Scored, Error> {
        if !self.applies_to(sample.kind) {
            let choices = Self::of(sample.kind).map(Self::name).collect();
            return Err(Error::NotApplicable { metric: self.name(), kind: sample.kind.name(), choices });
        }
        let threshold = sample.threshold.filter(|_| self.needs_threshold());
        if self.needs_threshold() && threshold.is_none() {
            return Err(Error::NoThreshold { metric: self.name() });
        }
        let (counts, data_fault) = sample.count();
        let groups = if data_fault.is_none() && self.is_within_groups() { Groups::of(sample) } else { None };
        let fault = data_fault
            .or_else(|| self.unscorable(sample, counts, groups.as_ref()))
            .or_else(|| missing(threshold))
            .or_else(|| sample.prediction_fault())
            .or_else(|| if self.needs_probabilities(sample.kind) { sample.probability_fault() } else { None });
        let found = fault.map_or_else(|| self.value(sample, groups.as_ref()), Err);
        // Groups of one class are none that it is about.
        let (positives, negatives) = match (self, &groups, &found) {
            (Self::Gauc, Some(groups), Ok(_)) => classes(sample, groups),
            _ => (counts.positives, counts.negatives),
        };
        let of_classes = |count| self.counts_classes().then_some(count);
        Ok(Scored {
            score: match found {
                Ok(found) => Score::finite_or(Some(found.value), Reason::Overflow),
                Err(reason) => Score::Undefined(reason),
            },
            rows: counts.rows,
            weight: counts.weight,
            positives: of_classes(positives),
            negatives: of_classes(negatives),
            covered: found.ok().and_then(|found| found.covered),
            threshold: match threshold {
                Some(Threshold::All(threshold)) => Some(threshold).filter(|t| t.is_finite()),
                Some(Threshold::Each(_) | Threshold::Missing(_)) | None => None,
            },
            data: 0,
        })
    }

    /// Why no model could have this score on the sample, whose labels and weights are sound.
    fn unscorable(self, sample: &Sample, counts: Counts, groups: Option<&Groups>) -> Option<Reason> {
        let no_positive = (counts.positives == 0).then_some(Reason::NoPositive);
        let single_class = (counts.positives == 0 || counts.negatives == 0).then_some(Reason::SingleClass);
        let ungrouped = groups.is_none().then_some(Reason::NoGroups);
        match self {
            Self::Auc | Self::Ne => single_class,
            Self::PrAuc | Self::Precision | Self::Recall | Self::F1 => no_positive,
            Self::R2 | Self::Spearman => is_constant(sample, sample.labels).then_some(Reason::ConstantTarget),
            Self::Ratio if sample.kind == Kind::Binary => no_positive,
            Self::Ratio => (observed(sample) <= 0.0).then_some(Reason::NothingObserved),
            Self::Gauc => ungrouped.or(single_class).or_else(|| {
                let mut groups = groups.into_iter().flat_map(Groups::iter);
                (!groups.any(|rows| holds_both(sample, rows))).then_some(Reason::SingleClassGroups)
            }),
            Self::HitRate(_) | Self::Mrr => ungrouped.or(no_positive),
            Self::Ndcg(_) => ungrouped.or_else(|| {
                let negative = sample.triples().any(|(_, gain, _)| gain < 0.0).then_some(Reason::NegativeGain);
                let some = sample.triples().any(|(_, gain, _)| gain > 0.0);
                negative.or((!some).then_some(Reason::NoPositive))
            }),
            Self::LogLoss | Self::Mse | Self::Rmse | Self::Mae | Self::Accuracy | Self::MacroF1 | Self::Ece => None,
        }
    }

    fn value(self, sample: &Sample, groups: Option<&Groups>) -> Result<Found, Reason> {
        let over_groups = |found: Option<crate::within_groups::OverGroups>| {
            found.map(|found| Found { value: found.mean, covered: Some(found.covered) }).ok_or(Reason::Overflow)
        };
        let value = match (self, groups) {
            (Self::Gauc, Some(groups)) => return over_groups(gauc(sample, groups)),
            (Self::Ndcg(cutoff), Some(groups)) => return over_groups(ndcg(sample, groups, cutoff)),
            (Self::HitRate(cutoff), Some(groups)) => return over_groups(hit_rate(sample, groups, cutoff)),
            (Self::Mrr, Some(groups)) => return over_groups(mrr(sample, groups)),
            (Self::Gauc | Self::Ndcg(_) | Self::HitRate(_) | Self::Mrr, None) => return Err(Reason::NoGroups),
            (Self::Auc, _) => Some(auc(sample)),
            (Self::PrAuc, _) => Some(pr_auc(sample)),
            (Self::LogLoss, _) => log_loss(sample),
            (Self::Ne, _) => normalised_entropy(sample),
            (Self::Mse, _) => mse(sample),
            (Self::Rmse, _) => rmse(sample),
            (Self::Mae, _) => mae(sample),
            (Self::R2, _) => r2(sample),
            (Self::Spearman, _) => Some(spearman(sample)?),
            (Self::Accuracy, _) => accuracy(sample),
            (Self::Precision, _) => Some(precision(sample)?),
            (Self::Recall, _) => Some(recall(sample)),
            (Self::F1, _) => Some(f1(sample)),
            (Self::MacroF1, _) => macro_f1(sample),
            (Self::Ece, _) => Some(ece(sample)),
            (Self::Ratio, _) => Some(ratio(sample)),
        };
        value.map(|value| Found { value, covered: None }).ok_or(Reason::Overflow)
    }
}

/// A value, and for means over groups the share of rows that they are about.
#[derive(Clone, Copy)]
struct Found {
    value: f64,
    covered: Option<f64>,
}

/// Why there is no threshold, if so.
fn missing(threshold: Option<Threshold<'_>>) -> Option<Reason> {
    match threshold {
        Some(Threshold::Missing(reason)) => Some(reason),
        Some(Threshold::All(_) | Threshold::Each(_)) | None => None,
    }
}
