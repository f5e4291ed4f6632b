//! Parts of models that would never learn anything.

use std::cell::OnceCell;

use mmtl_data::{Dataset, Part};
use mmtl_plan::{LinearWeights, NormKind, Op, Plan};

use crate::run::TrialFit;

/// What train rows of each scene there are, read once for all runs on a data set.
pub(crate) struct Trained<'a> {
    dataset: &'a Dataset,
    of_scenes: OnceCell<Vec<OfScene>>,
}

#[derive(Clone)]
struct OfScene {
    has_rows: bool,
    /// By task, whether any train row has a label.
    has_labels: Vec<bool>,
    /// By task, whether any other row has one: then predictions are scored.
    is_scored: Vec<bool>,
}

impl<'a> Trained<'a> {
    pub(crate) fn new(dataset: &'a Dataset) -> Self {
        Self { dataset, of_scenes: OnceCell::new() }
    }

    /// Why a run makes no sense: what a scene has of its own learns nothing where no train row of the scene is there, or none
    /// with a label of the task while others have one, and its predictions would be noise that is scored.
    pub(crate) fn lacking(&self, fits: &[TrialFit]) -> Option<String> {
        fits.iter().find_map(|fit| {
            let plan = &fit.spec.plan;
            match fit.spec.rows.scene() {
                Some(scene) => self.of(scene, Some(plan), "a fit of its own"),
                None if has_of_scenes(plan) => (0..self.dataset.schema().scenes.len()).find_map(|scene| {
                    let plan = Some(&**plan).filter(|plan| has_weights_of_scenes(plan));
                    self.of(scene, plan, "what each scene has of its own")
                }),
                None => None,
            }
        })
    }

    /// What a scene lacks to train `what` of it: rows, or labels of the objectives of `plan`.
    fn of(&self, scene: usize, plan: Option<&Plan>, what: &str) -> Option<String> {
        let (schema, of_scene) = (self.dataset.schema(), &self.of_scenes.get_or_init(|| self.read())[scene]);
        let mut tasks = plan.into_iter().flat_map(|plan| &plan.objectives).map(|objective| objective.task);
        let of_task = match tasks.find(|task| of_scene.is_scored[*task] && !of_scene.has_labels[*task]) {
            _ if !of_scene.has_rows => String::new(),
            Some(task) => format!(" with a label of `{}`", schema.tasks[task].name),
            None => return None,
        };
        Some(format!("scene `{}` has no train row{of_task} for {what}", schema.scenes[scene]))
    }

    fn read(&self) -> Vec<OfScene> {
        let (dataset, schema) = (self.dataset, self.dataset.schema());
        let none = vec![false; schema.tasks.len()];
        let none = OfScene { has_rows: false, has_labels: none.clone(), is_scored: none };
        let mut of_scenes = vec![none; schema.scenes.len()];
        for part in Part::ALL {
            for &row in dataset.rows(part) {
                let of_scene = &mut of_scenes[dataset.scene(row)];
                of_scene.has_rows |= part == Part::Train;
                let known = if part == Part::Train { &mut of_scene.has_labels } else { &mut of_scene.is_scored };
                for (task, has) in known.iter_mut().enumerate().filter(|(_, has)| !**has) {
                    *has = dataset.label(task, row).is_some();
                }
            }
        }
        of_scenes
    }
}

/// Whether each scene has weights that start at random.
fn has_weights_of_scenes(plan: &Plan) -> bool {
    plan.ops
        .iter()
        .any(|op| matches!(op, Op::Linear(linear) if matches!(linear.weights, LinearWeights::PerScene { .. })))
}

/// Whether each scene has such weights, or statistics.
fn has_of_scenes(plan: &Plan) -> bool {
    let has_statistics = |op: &Op| matches!(op, Op::Norm(norm) if matches!(norm.kind, NormKind::Scene { .. }));
    has_weights_of_scenes(plan) || plan.ops.iter().any(has_statistics)
}

#[cfg(test)]
mod tests {
    use mmtl_data::{Columns, FieldColumn};
    use mmtl_plan::{Field, FieldKind, Schema, Space, Task, TaskKind, Vocabulary};
    use mmtl_zoo::Protocol;

    use super::*;
    use crate::catalogue::Catalogue;
    use crate::configuration::{Configuration, Execution};
    use crate::experiment::Experiment;
    use crate::run::fits;

    const NONE: f64 = f64::NAN;

    /// Train rows of `home` and `search` by their labels of a purchase given a click, and a test row of the last scene with
    /// both labels.
    fn shop(scenes: &[&str], purchases: [f64; 4]) -> Dataset {
        tested(scenes, purchases, 1.0)
    }

    /// The same with another label of a purchase in the test row.
    fn tested(scenes: &[&str], purchases: [f64; 4], last: f64) -> Dataset {
        let task = |name: &str, space| Task { name: name.into(), kind: TaskKind::Binary, space, product_of: vec![] };
        let schema = Schema {
            name: "shop".into(),
            scenes: scenes.iter().map(ToString::to_string).collect(),
            tasks: vec![task("click", Space::All), task("purchase", Space::Given("click".into()))],
            fields: vec![
                Field { name: "scene".into(), kind: FieldKind::Categorical { vocabulary: 0 } },
                Field { name: "price".into(), kind: FieldKind::Numeric },
            ],
            vocabularies: vec![Vocabulary { name: "scene".into(), size: scenes.len() }],
            scene_field: 0,
        };
        let clicks = purchases.map(|purchase| f64::from(!purchase.is_nan()));
        Dataset::from_columns(Columns {
            schema,
            row_ids: (0..5).collect(),
            parts: (0..5).map(|row| if row < 4 { Part::Train } else { Part::Test }).collect(),
            fields: vec![FieldColumn::Scene, FieldColumn::Numeric(vec![1.0, 2.0, 3.0, 4.0, 5.0])],
            labels: vec![[&clicks[..], &[f64::from(!last.is_nan())]].concat(), [&purchases[..], &[last]].concat()],
            scenes: vec![0, 0, 1, 1, scenes.len() as u32 - 1],
            weights: vec![],
            groups: vec![],
            slices: vec![],
        })
        .unwrap()
    }

    fn why(dataset: &Dataset, architecture: &str, protocol: Protocol, knob: &str) -> Option<String> {
        let text = format!("data.source = \"synthetic\"\n{knob}\ngrid.architecture = [\"{architecture}\"]\n");
        let catalogue = Catalogue::standard();
        let experiment = Experiment::parse("shop.toml", text.as_bytes(), &catalogue).unwrap();
        let trial = &experiment.trials(&catalogue, &Execution::default())[0];
        let configuration = Configuration { protocol, ..trial.configuration.clone() };
        let settings = configuration.settings(&catalogue).unwrap();
        let architecture = mmtl_zoo::architecture(architecture).unwrap();
        Trained::new(dataset).lacking(&fits(&configuration, &settings, architecture, dataset).unwrap())
    }

    #[test]
    fn what_a_scene_has_of_its_own_needs_train_rows_and_labels() {
        use Protocol::{Joint, PerScene};
        let towers = "shared-bottom.towers = \"per-scene\"";
        let some = |reason: &str| Some(format!("scene {reason}"));

        let unseen = shop(&["home", "search", "campaign"], [1.0, 0.0, 1.0, 0.0]);
        assert_eq!(why(&unseen, "shared-bottom", Joint, ""), None);
        let own = some("`campaign` has no train row for what each scene has of its own");
        assert_eq!(why(&unseen, "shared-bottom", Joint, towers), own);
        assert_eq!(why(&unseen, "star", Joint, ""), own, "its running statistics are those of no row");
        assert_eq!(why(&unseen, "star", Joint, "star.norm = \"batch\""), None, "the scene's weights start as none");
        let fit = some("`campaign` has no train row for a fit of its own");
        assert_eq!(why(&unseen, "shared-bottom", PerScene, ""), fit);

        let unbought = shop(&["home", "search"], [1.0, 0.0, NONE, NONE]);
        assert_eq!(why(&unbought, "shared-bottom", Joint, ""), None);
        assert_eq!(why(&unbought, "star", Joint, ""), None);
        let own = some("`search` has no train row with a label of `purchase` for what each scene has of its own");
        assert_eq!(why(&unbought, "shared-bottom", Joint, towers), own);
        let fit = some("`search` has no train row with a label of `purchase` for a fit of its own");
        assert_eq!(why(&unbought, "shared-bottom", PerScene, ""), fit);
        assert_eq!(why(&shop(&["home", "search"], [1.0, NONE, 0.0, NONE]), "shared-bottom", PerScene, ""), None);

        // Where a task is never known nothing of it is scored.
        let unsold = tested(&["home", "search"], [1.0, 0.0, NONE, NONE], NONE);
        assert_eq!(why(&unsold, "shared-bottom", Joint, towers), None);
        assert_eq!(why(&unsold, "shared-bottom", PerScene, ""), None);
    }
}
