//! Synthetic multi-task data of known relatedness: that of the MMoE paper (Ma et al., KDD 2018, §3.2), extended to any
//! number of tasks, to scenes, categorical fields and a click → conversion funnel.

mod generate;
mod gram;
mod knobs;
mod popularity;
mod weights;
mod world;

use std::path::PathBuf;

use mmtl_plan::{Knob, Seeds, Settings, Space};

use crate::card::{
    Card, FieldCard, FieldRule, Fill, FillValue, LabelRule, Leftover, SceneCard, TaskCard, Transform, VocabularyCard,
};
use crate::error::DataError;
use crate::knobs::random_split;
use crate::source::{Source, Tables};
use crate::synthetic::generate::{category_name, label_name, numeric_name, scene_name};
use crate::synthetic::world::{Target, World};
use crate::table::Table;

const NAME: &str = "synthetic";

/// The generator.
pub(crate) struct Synthetic;

impl Source for Synthetic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Generated: y_k = w_k·x + Σ sin(α_i·w_k·x + β_i) + ε with x ~ N(0, I) and given correlations between the w_k \
         (Ma et al., KDD 2018, §3.2), in any number of tasks and scenes."
    }

    fn is_drawn(&self) -> bool {
        true
    }

    fn knobs(&self) -> Vec<Knob> {
        knobs::knobs()
    }

    fn table(&self, settings: &Settings, seeds: &Seeds) -> Result<(Card, Box<dyn Table>), DataError> {
        let world = World::new(settings, seeds.data)?;
        let number = FieldRule::Number {
            clip: None,
            transform: Transform::Identity,
            // They are drawn from N(0, 1).
            standardise: false,
            missing: Fill { with: FillValue::Constant(0.0), indicator: false },
        };
        let field = |name: String, rule| FieldCard::new(&name, &name, rule);
        let categories = 0..world.categories.len();
        let mut fields: Vec<FieldCard> = (0..world.dim).map(|at| field(numeric_name(at), number)).collect();
        fields.extend(categories.clone().map(|at| field(category_name(at), FieldRule::Category { vocabulary: at })));
        let min_count = settings.size("min_count") as u64;
        let vocabulary = |at: usize| VocabularyCard { name: category_name(at), min_count, max_words: usize::MAX };
        let card = Card {
            name: NAME.to_owned(),
            scene: scene(settings.size("scenes")),
            vocabularies: categories.map(vocabulary).collect(),
            fields,
            tasks: tasks(&world),
            split: random_split(settings)?,
            unseen_scenes: settings.bool("unseen_scenes"),
            ..Card::default()
        };
        Ok((card, Box::new(world)))
    }

    fn other(&self, _settings: &Settings, _wording: Option<&str>, _files: &[PathBuf]) -> Result<Tables, DataError> {
        Err(DataError::Generated { source_name: NAME })
    }
}

fn scene(scenes: usize) -> SceneCard {
    if scenes == 1 {
        return SceneCard::One("all".to_owned());
    }
    SceneCard::by("scene", Leftover::Error, Some((0..scenes).map(|scene| scene_name(scene).into()).collect()))
}

fn tasks(world: &World) -> Vec<TaskCard> {
    let task = |target: &Target| {
        let column = label_name(&target.name);
        let label = if target.binary {
            LabelRule::Indicator(column)
        } else {
            LabelRule::Number { column, transform: Transform::Identity }
        };
        let given_click = world.funnel && target.name == "conversion";
        let space = if given_click { Space::Given("click".into()) } else { Space::All };
        TaskCard { name: target.name.clone(), label, space }
    };
    let mut tasks: Vec<TaskCard> = world.targets.iter().map(task).collect();
    if world.funnel {
        let label = LabelRule::Product(vec!["click".into(), "conversion".into()]);
        tasks.push(TaskCard { name: "ctcvr".into(), label, space: Space::All });
    }
    tasks
}
