//! What an axis, a baseline or an ablation may name: an architecture, a protocol, a seed, a stream of random numbers
//! or a knob.

use std::fmt;

use mmtl_plan::Purpose;

/// A section of knobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// `[data]`.
    Data,
    /// `[model]`.
    Model,
    /// `[train]`.
    Train,
    /// `[select]`.
    Select,
    /// The section of an architecture, called after it.
    Architecture(&'static str),
}

impl Section {
    /// The sections that all architectures have.
    pub const SHARED: [Self; 4] = [Self::Data, Self::Model, Self::Train, Self::Select];

    /// Name of the TOML table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Model => "model",
            Self::Train => "train",
            Self::Select => "select",
            Self::Architecture(name) => name,
        }
    }
}

/// Anything a trial may be told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `architecture`.
    Architecture,
    /// `protocol`.
    Protocol,
    /// `seed`: what every stream derives from unless it is pinned. Tables average over it.
    Seed,
    /// `seeds.data` and so on: one pinned stream.
    Stream(Purpose),
    /// A knob, as in `train.lr`.
    Knob(Section, &'static str),
}

impl Key {
    /// The architecture that alone has this key, if it is an architecture's own knob.
    pub fn architecture(self) -> Option<&'static str> {
        match self {
            Self::Knob(Section::Architecture(name), _) => Some(name),
            Self::Knob(..) | Self::Architecture | Self::Protocol | Self::Seed | Self::Stream(_) => None,
        }
    }
}

/// The dotted name, as in experiment files.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Architecture => f.write_str("architecture"),
            Self::Protocol => f.write_str("protocol"),
            Self::Seed => f.write_str("seed"),
            Self::Stream(purpose) => write!(f, "seeds.{}", purpose.name()),
            Self::Knob(section, name) => write!(f, "{}.{name}", section.name()),
        }
    }
}
