//! One fully resolved configuration: all that a trial's numbers depend on, besides the data's contents.

use std::collections::BTreeMap;

use mmtl_plan::{KnobError, Purpose, Seeds, Settings, Value};
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::experiment::vocabulary::FOLLOWS_TRIAL;
use crate::key_name::{Key, Section};
use mmtl_zoo::Protocol;

/// What executes a trial; part of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// The engine's name.
    pub engine: String,
    /// The number format it computes in.
    pub precision: String,
}

impl Default for Execution {
    fn default() -> Self {
        Self { engine: "cpu".to_owned(), precision: "f32".to_owned() }
    }
}

/// One resolved configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The architecture.
    pub architecture: String,
    /// How scenes share models.
    pub protocol: Protocol,
    /// What the streams that are not pinned derive from; pairs trials across rows of a table.
    pub seed: u64,
    /// The seed of each stream.
    pub seeds: Seeds,
    /// What executes it.
    pub execution: Execution,
    /// The data source.
    pub source: String,
    /// Knobs that are not at their defaults, by dotted name, in their own types; `data.source` is not among them.
    pub(crate) changed: BTreeMap<String, Value>,
}

/// The settings of each section.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialSettings {
    /// `[data]`.
    pub data: Settings,
    /// `[model]`.
    pub model: Settings,
    /// The architecture's own section.
    pub own: Settings,
    /// `[train]`.
    pub train: Settings,
    /// `[select]`.
    pub select: Settings,
}

/// The split's seed unless `[seeds]` says otherwise: rows of a table then differ by training alone.
const SPLIT: u64 = 1;

impl Configuration {
    /// The configuration in which `architecture` has the values `given`; later ones replace earlier ones, and knobs
    /// of other architectures are left out. The values must have been accepted by their keys.
    pub(crate) fn resolve<'a>(
        catalogue: &Catalogue,
        source: &str,
        architecture: &str,
        execution: &Execution,
        given: impl IntoIterator<Item = (Key, &'a Value)>,
    ) -> Self {
        let mut pins = BTreeMap::from([(Purpose::Split.name(), Some(SPLIT))]);
        let (mut protocol, mut seed, mut changed) = (Protocol::Joint, 1, BTreeMap::new());
        for (key, value) in given {
            match (key, value) {
                (Key::Protocol, Value::Text(name)) => {
                    protocol = Protocol::ALL.into_iter().find(|p| p.name() == name).unwrap_or(protocol);
                }
                (Key::Seed, Value::Int(number)) => seed = number.cast_unsigned(),
                (Key::Stream(purpose), Value::Int(number)) => {
                    pins.insert(purpose.name(), Some(number.cast_unsigned()));
                }
                (Key::Stream(purpose), _) => {
                    debug_assert_eq!(value, &Value::Text(FOLLOWS_TRIAL.to_owned()));
                    pins.insert(purpose.name(), None);
                }
                (Key::Knob(Section::Architecture(owner), _), _) if owner != architecture => {}
                (Key::Knob(section, name), _) => {
                    let default = catalogue.knob(source, section, name).map(Catalogue::default_of);
                    if (section, name) == (Section::Data, "source") || default.as_ref() == Some(value) {
                        changed.remove(&key.to_string());
                    } else {
                        changed.insert(key.to_string(), value.clone());
                    }
                }
                (Key::Architecture | Key::Protocol | Key::Seed, _) => {}
            }
        }
        let stream = |purpose: Purpose| pins.get(purpose.name()).copied().flatten().unwrap_or(seed);
        let seeds = Seeds {
            data: stream(Purpose::Data),
            split: stream(Purpose::Split),
            initialisation: stream(Purpose::Initialisation),
            order: stream(Purpose::Order),
            dropout: stream(Purpose::Dropout),
        };
        Self {
            architecture: architecture.to_owned(),
            protocol,
            seed,
            seeds,
            execution: execution.clone(),
            source: source.to_owned(),
            changed,
        }
    }

    /// The values of every section, defaults filled in.
    ///
    /// # Errors
    /// When the catalogue is another one than the configuration was resolved with and lacks one of its knobs.
    pub fn settings(&self, catalogue: &Catalogue) -> Result<TrialSettings, KnobError> {
        let section = |section: Section| {
            let prefix = format!("{}.", section.name());
            let source = Value::Text(self.source.clone());
            let named = (section == Section::Data).then_some(("source", &source));
            let given = self.changed.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value)));
            Settings::resolve(catalogue.knobs(&self.source, section), given.chain(named))
        };
        let own = catalogue.section(&self.architecture).filter(|own| !Section::SHARED.contains(own));
        Ok(TrialSettings {
            data: section(Section::Data)?,
            model: section(Section::Model)?,
            own: own.map_or_else(|| Settings::resolve(&[], []), section)?,
            train: section(Section::Train)?,
            select: section(Section::Select)?,
        })
    }

    /// The value of a key; `None` for a knob of another architecture.
    pub fn value(&self, catalogue: &Catalogue, key: Key) -> Option<Value> {
        match key {
            Key::Architecture => Some(Value::Text(self.architecture.clone())),
            Key::Protocol => Some(Value::Text(self.protocol.name().to_owned())),
            Key::Seed => Some(Value::Int(self.seed.cast_signed())),
            Key::Stream(purpose) => Some(Value::Int(self.seeds.of(purpose).cast_signed())),
            Key::Knob(Section::Architecture(owner), _) if owner != self.architecture => None,
            Key::Knob(Section::Data, "source") => Some(Value::Text(self.source.clone())),
            Key::Knob(section, name) => self
                .changed
                .get(&key.to_string())
                .cloned()
                .or_else(|| catalogue.knob(&self.source, section, name).map(Catalogue::default_of)),
        }
    }

    /// What decides the data set: trials that agree on it share one.
    pub fn data_identity(&self) -> String {
        self.data_by(|_| true)
    }

    /// What decides which rows are scored, and their labels.
    pub fn scored_identity(&self) -> String {
        self.data_by(decides_scored_rows)
    }

    fn data_by(&self, counts: impl Fn(&str) -> bool) -> String {
        let changed = self.changed.range("data.".to_owned().."data/".to_owned()).filter(|(key, _)| counts(key));
        let knobs: String = changed.map(|(key, value)| crate::key::line(key, value)).collect();
        let drawn = mmtl_data::source(&self.source).is_ok_and(mmtl_data::Source::is_drawn);
        let seed = if drawn { self.seeds.data } else { 0 };
        format!("{}\n{seed}\n{}\n{knobs}", self.source, self.seeds.split)
    }
}

/// Whether a key in its dotted form decides which rows are scored, or their labels.
pub fn decides_scored_rows(key: &str) -> bool {
    let of_data = key.strip_prefix("data.").is_some_and(|name| !mmtl_data::INPUTS.contains(&name));
    of_data || ["seeds.data", "seeds.split"].contains(&key)
}
