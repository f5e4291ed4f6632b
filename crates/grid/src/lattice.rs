//! The points of the grid that one architecture has.

use mmtl_plan::{Purpose, Value};

use crate::catalogue::Catalogue;
use crate::experiment::vocabulary::FOLLOWS_TRIAL;
use crate::experiment::{Axis, Experiment};
use crate::key_name::Key;

/// The product of an architecture's axes, the last one running fastest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lattice {
    pub(crate) architecture: &'static str,
    /// Protocol first, then the shared axes and the architecture's own in the order of the file, seed last.
    pub(crate) axes: Vec<Axis>,
}

impl Lattice {
    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.axes.iter().fold(1, |product, axis| product.saturating_mul(axis.values.len()))
    }

    /// The point of a number below [`Lattice::len`]: one value for each axis.
    pub(crate) fn point(&self, mut number: usize) -> Vec<(Key, &Value)> {
        let mut point: Vec<(Key, &Value)> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            point.push((axis.key, &axis.values[number % axis.values.len()]));
            number /= axis.values.len();
        }
        point.reverse();
        point
    }

    /// Whether a point of a lattice with the same axes is one of this one's.
    pub(crate) fn contains(&self, point: &[(Key, &Value)]) -> bool {
        self.axes.iter().zip(point).all(|(axis, (_, value))| axis.values.contains(value))
    }
}

impl Experiment {
    /// One lattice for each architecture, in the order of the file.
    pub(crate) fn lattices(&self) -> Vec<Lattice> {
        self.architectures.iter().map(|architecture| self.lattice(architecture)).collect()
    }

    pub(crate) fn lattice(&self, architecture: &'static str) -> Lattice {
        let is_of = |axis: &&Axis| axis.key.architecture().is_none_or(|owner| owner == architecture);
        let mut axes: Vec<Axis> = self.axes.iter().filter(is_of).cloned().collect();
        let rank = |axis: &Axis| match axis.key {
            Key::Protocol => 0,
            Key::Architecture | Key::Stream(_) | Key::Knob(..) => 1,
            Key::Seed => 2,
        };
        axes.sort_by_key(rank);
        Lattice { architecture, axes }
    }

    /// The points at which every key of `wanted` has its value; `None` if there is none.
    pub(crate) fn matching(
        &self,
        catalogue: &Catalogue,
        mut lattice: Lattice,
        wanted: &[(Key, Value)],
    ) -> Option<Lattice> {
        for (key, value) in wanted {
            let has_it = match lattice.axes.iter_mut().find(|axis| axis.key == *key) {
                Some(axis) => {
                    axis.values.retain(|other| other == value);
                    !axis.values.is_empty()
                }
                None => self.standing(catalogue, lattice.architecture, *key).as_ref() == Some(value),
            };
            if !has_it {
                return None;
            }
        }
        Some(lattice)
    }

    /// The value that a key which is no axis has in all trials of an architecture.
    pub(crate) fn standing(&self, catalogue: &Catalogue, architecture: &str, key: Key) -> Option<Value> {
        let fixed = || self.fixed.iter().rev().find(|(other, _)| *other == key).map(|(_, value)| value.clone());
        let text = |word: &str| Some(Value::Text(word.to_owned()));
        match key {
            Key::Architecture => text(architecture),
            Key::Protocol => text("joint"),
            Key::Seed => Some(Value::Int(1)),
            Key::Stream(Purpose::Split) => fixed().or(Some(Value::Int(1))),
            Key::Stream(_) => fixed().or_else(|| text(FOLLOWS_TRIAL)),
            Key::Knob(..) if key.architecture().is_some_and(|owner| owner != architecture) => None,
            Key::Knob(section, name) => {
                fixed().or_else(|| catalogue.knob(&self.source, section, name).map(Catalogue::default_of))
            }
        }
    }
}
