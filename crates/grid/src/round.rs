//! The rounds of a grid that tunes: settings are tried first, then what was chosen runs on fresh seeds.

use mmtl_data::Part;
use serde::{Deserialize, Serialize};

/// Which round of a grid a run belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Round {
    /// A setting is tried: validation rows are scored, test rows never.
    Tuning,
    /// What tables show. All runs of a grid that does not tune.
    #[default]
    Final,
}

impl Round {
    /// The parts that are predicted and scored when a run's fits are trained.
    #[must_use]
    pub fn parts(self) -> &'static [Part] {
        match self {
            Self::Tuning => &[Part::Valid],
            Self::Final => &[Part::Valid, Part::Test],
        }
    }
}
