//! Which way a metric points.

/// Which of two values of a metric is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Better {
    /// The higher one.
    Higher,
    /// The lower one.
    Lower,
    /// The one closer to 1, from either side.
    NearOne,
}

impl Better {
    /// What of a value is compared: the value, or its distance from 1. Differences are taken of it, so that their sign
    /// says which is better.
    #[must_use]
    pub fn compared(self, value: f64) -> f64 {
        match self {
            Self::Higher | Self::Lower => value,
            Self::NearOne => (value - 1.0).abs(),
        }
    }

    /// Whether a higher [`Self::compared`] is better.
    #[must_use]
    pub fn is_higher(self) -> bool {
        match self {
            Self::Higher => true,
            Self::Lower | Self::NearOne => false,
        }
    }

    /// `value` on a scale on which higher is better.
    #[must_use]
    pub fn merit(self, value: f64) -> f64 {
        if self.is_higher() { self.compared(value) } else { -self.compared(value) }
    }
}
