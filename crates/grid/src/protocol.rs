//! Placeholder until the zoo's own is there.

use serde::{Deserialize, Serialize};

/// How the rows of several scenes are learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// One model for all scenes.
    Joint,
    /// A model of its own for each scene.
    PerScene,
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Joint, Self::PerScene];

    /// Name in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::PerScene => "per-scene",
        }
    }
}
