//! What is known of each metric, a line each.

use crate::better::Better::{self, Higher, Lower, NearOne};
use crate::cutoff::{Names, names};
use crate::metric::Metric;

/// What is known of a metric.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other, no states")]
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    /// Whether it is defined for binary, regression and multiclass tasks.
    pub(crate) of: [bool; 3],
    pub(crate) better: Better,
    pub(crate) usual: bool,
    pub(crate) share: bool,
    pub(crate) counts_classes: bool,
    pub(crate) probabilities: bool,
    pub(crate) within_groups: bool,
    pub(crate) decisions: bool,
    pub(crate) easy: bool,
}

const BINARY: [bool; 3] = [true, false, false];
const REGRESSION: [bool; 3] = [false, true, false];
const MULTICLASS: [bool; 3] = [false, false, true];
const BINARY_AND_REGRESSION: [bool; 3] = [true, true, false];
const BINARY_AND_MULTICLASS: [bool; 3] = [true, false, true];

static NDCG: Names = Names::new(|| names("ndcg"));
static HIT_RATE: Names = Names::new(|| names("hit_rate"));

impl Metric {
    /// What is known of it.
    pub(crate) fn facts(self) -> Facts {
        match self {
            Self::Auc => facts("auc", BINARY, Higher).share().counts_classes().usual(),
            Self::Gauc => facts("gauc", BINARY, Higher).share().counts_classes().within_groups(),
            Self::PrAuc => facts("prauc", BINARY, Higher).share().counts_classes(),
            Self::LogLoss => facts("logloss", BINARY_AND_MULTICLASS, Lower).probabilities().usual(),
            Self::Ne => facts("ne", BINARY, Lower).probabilities(),
            Self::Mse => facts("mse", REGRESSION, Lower).usual(),
            Self::Rmse => facts("rmse", REGRESSION, Lower).usual(),
            Self::Mae => facts("mae", REGRESSION, Lower).usual(),
            Self::R2 => facts("r2", REGRESSION, Higher),
            Self::Spearman => facts("spearman", REGRESSION, Higher).share(),
            Self::Accuracy => facts("accuracy", BINARY_AND_MULTICLASS, Higher).share().probabilities().usual(),
            Self::Precision => facts("precision", BINARY, Higher).share().counts_classes().decisions().easy(),
            Self::Recall => facts("recall", BINARY, Higher).share().counts_classes().decisions().easy(),
            Self::F1 => facts("f1", BINARY, Higher).share().counts_classes().decisions(),
            Self::MacroF1 => facts("macro_f1", MULTICLASS, Higher).share().probabilities(),
            Self::Ece => facts("ece", BINARY, Lower).share().probabilities().easy(),
            Self::Ratio => facts("ratio", BINARY_AND_REGRESSION, NearOne).probabilities().easy(),
            Self::Ndcg(cutoff) => facts(cutoff.name(&NDCG), BINARY_AND_REGRESSION, Higher).share().within_groups(),
            Self::HitRate(cutoff) => facts(cutoff.name(&HIT_RATE), BINARY, Higher).share().within_groups(),
            Self::Mrr => facts("mrr", BINARY, Higher).share().within_groups(),
        }
    }
}

fn facts(name: &'static str, of: [bool; 3], better: Better) -> Facts {
    Facts {
        name,
        of,
        better,
        usual: false,
        share: false,
        counts_classes: false,
        probabilities: false,
        within_groups: false,
        decisions: false,
        easy: false,
    }
}

impl Facts {
    fn usual(self) -> Self {
        Self { usual: true, ..self }
    }

    fn share(self) -> Self {
        Self { share: true, ..self }
    }

    fn counts_classes(self) -> Self {
        Self { counts_classes: true, ..self }
    }

    fn probabilities(self) -> Self {
        Self { probabilities: true, ..self }
    }

    fn within_groups(self) -> Self {
        Self { within_groups: true, ..self }
    }

    fn decisions(self) -> Self {
        Self { decisions: true, ..self }
    }

    fn easy(self) -> Self {
        Self { easy: true, ..self }
    }
}
