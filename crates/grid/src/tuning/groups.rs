//! What is tuned apart: every row of the tables that no ablation makes. An ablation takes over what its base chose.

use std::collections::HashMap;
use std::rc::Rc;

use mmtl_plan::Value;

use crate::experiment::Experiment;
use crate::key::line;
use crate::key_name::Key;
use crate::lattice::Lattice;
use crate::tuning::settings::{Values, settings};

/// The points of one architecture that differ by their seeds only, and the settings that they may get.
#[derive(Clone, Debug)]
pub(crate) struct GroupPoint {
    pub(crate) architecture: &'static str,
    /// One value for each axis but seed.
    pub(crate) point: Vec<(Key, Value)>,
    pub(crate) settings: Rc<Vec<Values>>,
}

/// All of them, in the order of tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    pub(crate) list: Vec<GroupPoint>,
    places: HashMap<String, usize>,
}

impl Groups {
    /// The group of a point, whose seed does not matter.
    pub(crate) fn of(&self, architecture: &str, point: &[(Key, &Value)]) -> Option<usize> {
        self.places.get(&name(architecture, point.iter().copied())).copied()
    }
}

fn name<'a>(architecture: &str, point: impl Iterator<Item = (Key, &'a Value)>) -> String {
    let values = point.filter(|(key, _)| *key != Key::Seed).map(|(key, value)| line(&key.to_string(), value));
    format!("{architecture}\n{}", values.collect::<String>())
}

/// A lattice whose points are all of one seed.
pub(crate) fn without_seed(mut lattice: Lattice) -> Lattice {
    lattice.axes.retain(|axis| axis.key != Key::Seed);
    lattice
}

impl Experiment {
    /// What is tuned apart; nothing in an experiment that does not tune.
    pub(crate) fn tuning_groups(&self) -> Groups {
        let mut groups = Groups::default();
        let Some(tune) = &self.tune else { return groups };
        for lattice in self.lattices().into_iter().map(without_seed) {
            let architecture = lattice.architecture;
            let settings = Rc::new(settings(tune, &self.name, architecture));
            for number in 0..lattice.len() {
                let point = lattice.point(number);
                groups.places.insert(name(architecture, point.iter().copied()), groups.list.len());
                let point = point.into_iter().map(|(key, value)| (key, value.clone())).collect();
                groups.list.push(GroupPoint { architecture, point, settings: settings.clone() });
            }
        }
        groups
    }
}
