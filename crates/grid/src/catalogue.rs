//! Every key that an experiment file may set: the knobs of each section, source and architecture. The file's reader
//! knows this list and nothing of what stands behind it.

use mmtl_plan::{Knob, Value};

use crate::key_name::Section;

/// The knobs of every section.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Data sources; each has a knob `source` that names it.
    pub sources: Vec<Named>,
    /// Architectures, each with the knobs of its own section.
    pub architectures: Vec<Named>,
    /// Knobs of `[model]`, shared by all architectures.
    pub model: Vec<Knob>,
    /// Knobs of `[train]`.
    pub train: Vec<Knob>,
    /// Knobs of `[select]`.
    pub select: Vec<Knob>,
    /// Dotted names of knobs that move no number (how often to write a checkpoint): no trial's key depends on them.
    pub pacing: Vec<String>,
}

/// A source or an architecture with its knobs.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name in experiment files.
    pub name: &'static str,
    /// Its knobs.
    pub knobs: Vec<Knob>,
}

impl Catalogue {
    /// Everything there is.
    pub fn standard() -> Self {
        let source = |name: &'static str| Named { name, knobs: mmtl_data::knobs(name).unwrap_or_default() };
        let data = mmtl_data::NOT_CONTENTS.iter().filter(|name| **name != "source").map(|name| format!("data.{name}"));
        Self {
            sources: mmtl_data::sources().iter().map(|s| source(s.name())).collect(),
            architectures: mmtl_zoo::architectures()
                .iter()
                .map(|a| Named { name: a.name(), knobs: a.knobs() })
                .collect(),
            model: mmtl_zoo::model_knobs(),
            train: mmtl_train::knobs(),
            select: mmtl_train::select_knobs(),
            pacing: mmtl_train::PACING.iter().map(|name| format!("train.{name}")).chain(data).collect(),
        }
    }

    /// The knobs of a section for a data source; none for a source or an architecture that does not exist.
    pub fn knobs(&self, source: &str, section: Section) -> &[Knob] {
        match section {
            Section::Data => knobs_of(&self.sources, source),
            Section::Model => &self.model,
            Section::Train => &self.train,
            Section::Select => &self.select,
            Section::Architecture(name) => knobs_of(&self.architectures, name),
        }
    }

    /// One knob of a section.
    pub fn knob(&self, source: &str, section: Section, name: &str) -> Option<&Knob> {
        self.knobs(source, section).iter().find(|knob| knob.name == name)
    }

    /// The section of an experiment file or of a trial file that is called `name`.
    pub fn section(&self, name: &str) -> Option<Section> {
        Section::SHARED.into_iter().find(|section| section.name() == name).or_else(|| {
            self.architectures.iter().find(|named| named.name == name).map(|named| Section::Architecture(named.name))
        })
    }

    /// Names of all architectures.
    pub fn architecture_names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.architectures.iter().map(|named| named.name)
    }

    /// Names of all data sources.
    pub fn source_names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.sources.iter().map(|named| named.name)
    }

    /// A knob's default, in the form in which given values are kept.
    pub(crate) fn default_of(knob: &Knob) -> Value {
        without_negative_zero(knob.accept(&knob.default).unwrap_or_else(|_| knob.default.clone()))
    }
}

fn knobs_of<'a>(list: &'a [Named], name: &str) -> &'a [Knob] {
    list.iter().find(|named| named.name == name).map_or(&[], |named| &named.knobs)
}

/// -0 and 0 are one setting and must give one key.
pub(crate) fn without_negative_zero(value: Value) -> Value {
    match value {
        Value::Float(v) => Value::Float(v + 0.0),
        Value::List(values) => Value::List(values.into_iter().map(without_negative_zero).collect()),
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => value,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use mmtl_plan::Kind;

    use super::*;

    pub(crate) fn int(name: &'static str, min: i64, max: i64, default: i64) -> Knob {
        Knob { name, kind: Kind::Int { min, max }, default: Value::Int(default), doc: "" }
    }

    pub(crate) fn float(name: &'static str, min: f64, max: f64, default: f64) -> Knob {
        Knob { name, kind: Kind::Float { min, max }, default: Value::Float(default), doc: "" }
    }

    fn choice(name: &'static str, words: &'static [&'static str]) -> Knob {
        Knob { name, kind: Kind::Choice(words), default: Value::Text(words[0].into()), doc: "" }
    }

    fn widths(name: &'static str, default: &[i64]) -> Knob {
        let default = Value::List(default.iter().map(|v| Value::Int(*v)).collect());
        Knob { name, kind: Kind::Ints { min: 1, max: 4096 }, default, doc: "" }
    }

    /// Small, with one knob of each kind.
    pub(crate) fn catalogue() -> Catalogue {
        let source = || choice("source", &["reviews", "synthetic"]);
        let gate = || choice("gate", &["softmax", "uniform"]);
        let scenes = Knob { name: "scenes", kind: Kind::Texts, default: Value::List(vec![]), doc: "" };
        let gram = Knob { name: "gram", kind: Kind::Matrix, default: Value::List(vec![]), doc: "" };
        Catalogue {
            sources: vec![
                Named { name: "reviews", knobs: vec![source(), int("tokens", 1, 512, 32), scenes] },
                Named { name: "synthetic", knobs: vec![source(), int("rows", 1, 1 << 40, 1000), gram] },
            ],
            architectures: vec![
                Named { name: "single-task", knobs: vec![widths("tower", &[64])] },
                Named { name: "shared-bottom", knobs: vec![widths("tower", &[64])] },
                Named { name: "mmoe", knobs: vec![int("experts", 1, 64, 8), gate(), widths("tower", &[64])] },
                Named { name: "ple", knobs: vec![int("levels", 1, 4, 2), gate()] },
                Named { name: "star", knobs: vec![] },
            ],
            model: vec![
                Knob { name: "scene_feature", kind: Kind::Bool, default: Value::Bool(false), doc: "" },
                int("embedding_dim", 1, 1024, 8),
                float("dropout", 0.0, 0.9, 0.0),
            ],
            train: vec![
                float("lr", 0.0, 10.0, 1e-3),
                int("epochs", 1, 10_000, 20),
                float("checkpoint_every", 0.0, 1e9, 30.0),
                Knob {
                    name: "task_weights",
                    kind: Kind::Floats { min: 0.0, max: 1e6 },
                    default: Value::List(vec![]),
                    doc: "",
                },
            ],
            select: vec![
                Knob { name: "score", kind: Kind::Text, default: Value::Text("skill".into()), doc: "" },
                choice("per", &["run", "task", "scene"]),
            ],
            pacing: vec!["train.checkpoint_every".into()],
        }
    }

    #[test]
    fn negative_zero_is_zero_at_any_depth() {
        let list = |v: f64| Value::List(vec![Value::List(vec![Value::Float(v)])]);
        let Value::List(rows) = without_negative_zero(list(-0.0)) else { panic!("a list") };
        assert_eq!(format!("{}", rows[0]), "[0.0]");
        assert_eq!(without_negative_zero(list(-1.5)), list(-1.5));
    }

    #[test]
    fn no_two_things_of_the_standard_share_a_name() {
        let catalogue = Catalogue::standard();
        let frame =
            ["name", "seeds", "grid", "tune", "eval", "compare", "ablation", "architecture", "protocol", "seed"];
        let sections = Section::SHARED.map(Section::name).into_iter().chain(catalogue.architecture_names());
        let mut names: Vec<&str> = sections.chain(frame).collect();
        names.extend(catalogue.model.iter().map(|knob| knob.name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(catalogue.source_names().count() > 0 && catalogue.architecture_names().count() > 0);
        for source in &catalogue.sources {
            assert!(source.knobs.iter().any(|knob| knob.name == "source"), "{}", source.name);
        }
        for key in &catalogue.pacing {
            let of =
                |section: &str, knobs: &[Knob]| knobs.iter().any(|knob| key.strip_prefix(section) == Some(knob.name));
            let of_data = catalogue.sources.iter().any(|source| of("data.", &source.knobs));
            assert!(of_data || of("train.", &catalogue.train), "{key}");
        }
    }

    #[test]
    fn every_default_of_the_standard_is_accepted_by_its_own_knob() {
        let catalogue = Catalogue::standard();
        let lists = catalogue.sources.iter().chain(&catalogue.architectures).map(|named| &named.knobs);
        for knob in lists.chain([&catalogue.model, &catalogue.train, &catalogue.select]).flatten() {
            assert!(knob.accept(&knob.default).is_ok(), "{}", knob.name);
        }
    }

    #[test]
    fn sections_are_found_by_name() {
        let catalogue = catalogue();
        assert_eq!(catalogue.section("train"), Some(Section::Train));
        assert_eq!(catalogue.section("mmoe"), Some(Section::Architecture("mmoe")));
        assert_eq!(catalogue.section("mmeo"), None);
        assert!(catalogue.knob("reviews", Section::Data, "tokens").is_some());
        assert!(catalogue.knob("synthetic", Section::Data, "tokens").is_none());
        assert!(catalogue.knob("nothing", Section::Data, "source").is_none());
    }
}
