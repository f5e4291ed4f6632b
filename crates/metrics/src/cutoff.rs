//! How many rows of a group are looked at from the top: the k of NDCG@k.

use std::sync::LazyLock;

/// The k of a metric that looks at the first k rows of a group: 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cutoff(u16);

impl Cutoff {
    /// What stands where nobody chose: 10, about what a screen shows.
    pub const DEFAULT: Self = Self(10);

    /// The largest.
    pub const MAX: u16 = 1000;

    /// The cutoff after `k` rows; `None` for 0 and beyond [`Self::MAX`].
    #[must_use]
    pub fn new(k: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&k).then_some(Self(k))
    }

    /// Rows looked at.
    #[must_use]
    pub fn rows(self) -> usize {
        usize::from(self.0)
    }

    /// Reads `10`, and nothing that is written otherwise (`010`, `+10`).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let cutoff = text.parse().ok().and_then(Self::new)?;
        (cutoff.0.to_string() == text).then_some(cutoff)
    }

    /// This cutoff's name among `names`.
    pub(crate) fn name(self, names: &'static Names) -> &'static str {
        &names[self.rows() - 1]
    }
}

/// The names of a metric with every cutoff: a metric is a small value that is copied about, and its name a constant.
pub(crate) type Names = LazyLock<Vec<String>>;

/// `stem@1`, `stem@2` and so on.
pub(crate) fn names(stem: &str) -> Vec<String> {
    (1..=Cutoff::MAX).map(|k| format!("{stem}@{k}")).collect()
}
