//! The first reading: gathers everything that train rows decide.

use mmtl_plan::{Field, FieldKind, Schema, TaskKind, Vocabulary};

use crate::base::{BaseSums, TaskBase};
use crate::card::Card;
use crate::error::DataError;
use crate::label_rules::LabelRules;
use crate::manifest::Manifest;
use crate::part::Part;
use crate::prepare::fields::{Encoders, FieldFits};
use crate::prepare::labels::{labels, tasks};
use crate::prepare::numbers::missing;
use crate::prepare::scenes::{SceneFit, SceneWords, Scenes, dropped, scene_words};
use crate::prepare::words::Words;
use crate::progress::{Progress, Stage};
use crate::split::{Given, Split};
use crate::table::{Kept, Piece};

/// Everything that the first reading found out.
pub(crate) struct Fitted {
    pub(crate) schema: Schema,
    pub(crate) bases: Vec<TaskBase>,
    pub(crate) scenes: Scenes,
    pub(crate) encoders: Encoders,
    pub(crate) rules: LabelRules,
    missing: Vec<[u64; 3]>,
}

/// The rows of a piece by part: `None` for those left out.
pub(crate) fn parts(
    card: &Card,
    piece: &Piece,
    scenes: &SceneWords,
    seed: u64,
) -> Result<Vec<Option<Part>>, DataError> {
    let stream = Split::stream(seed);
    let given = card.split.column().map(|column| given(piece, column)).transpose()?;
    let part = |at: usize| {
        let given = given.as_ref().map_or(Given::Nothing, |given| given[at]);
        let part = card.split.part(stream, piece.first_row + at as u64, given);
        (!dropped(card, scenes, at)).then_some(part)
    };
    Ok((0..piece.rows()).map(part).collect())
}

fn given(piece: &Piece, column: &str) -> Result<Vec<Given>, DataError> {
    let column = piece.column(column)?;
    let words = Words::of(&column)?;
    let given = |at: usize| match words.row(at) {
        Some("train") => Ok(Given::Train),
        Some("test") => Ok(Given::Test),
        other => Err(column.value_error(at, other.unwrap_or("missing").to_owned(), "`train` or `test`")),
    };
    (0..piece.rows()).map(given).collect()
}

struct Fit<'a> {
    card: &'a Card,
    seed: u64,
    scenes: SceneFit,
    fields: FieldFits,
    rules: LabelRules,
    bases: Vec<BaseSums>,
    missing: Vec<[u64; 3]>,
}

/// Reads the table once.
///
/// # Errors
/// When the table cannot be read, is not what the card says, or leaves a part, a scene in train or a task in train
/// without rows.
pub(crate) fn fit(
    card: &Card,
    table: &Kept,
    total: u64,
    seed: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fitted, DataError> {
    let tasks = tasks(card);
    let bases = tasks.iter().map(|task| BaseSums::new(task.kind)).collect();
    let mut schema =
        Schema { name: card.name.clone(), scenes: vec![], tasks, fields: vec![], vocabularies: vec![], scene_field: 0 };
    let rules = LabelRules::of(&schema)?;
    let missing = vec![[0; 3]; card.fields.len()];
    let mut fit = Fit { card, seed, scenes: SceneFit::new(), fields: FieldFits::new(card), rules, bases, missing };
    table.scan(&mut |piece| {
        fit.add(piece)?;
        progress(Progress { stage: Stage::Fit, done: piece.first_row + piece.rows() as u64, total });
        Ok(())
    })?;
    let Fit { scenes, fields, rules, bases, missing, .. } = fit;
    let (scenes, encoders) = (scenes.finish(card), fields.finish(card));
    let bases: Vec<TaskBase> = bases.iter().map(BaseSums::base).collect();
    check(card, &schema, &scenes, &bases)?;
    for (task, base) in schema.tasks.iter_mut().zip(&bases) {
        if let TaskKind::Regression { scale } = &mut task.kind {
            *scale = base.scale();
        }
    }
    let (fields, vocabularies) = encoders.schema(card);
    schema.fields = vec![Field { name: "scene".into(), kind: FieldKind::Categorical { vocabulary: 0 } }];
    schema.fields.extend(fields);
    schema.vocabularies = vec![Vocabulary { name: "scene".into(), size: scenes.names.len() }];
    schema.vocabularies.extend(vocabularies);
    schema.scenes.clone_from(&scenes.names);
    Ok(Fitted { schema, bases, scenes, encoders, rules, missing })
}

impl Fit<'_> {
    fn add(&mut self, piece: &Piece) -> Result<(), DataError> {
        let scenes = scene_words(self.card, piece)?;
        let parts = parts(self.card, piece, &scenes, self.seed)?;
        let train: Vec<bool> = parts.iter().map(|part| *part == Some(Part::Train)).collect();
        self.scenes.add(self.card, &scenes, &parts);
        self.fields.add(self.card, piece, &train)?;
        self.count_missing(piece, &parts)?;
        let labels = labels(self.card, piece)?;
        let mut of_row = vec![f64::NAN; labels.len()];
        for at in (0..piece.rows()).filter(|&at| train[at]) {
            of_row.iter_mut().zip(&labels).for_each(|(label, column)| *label = column[at]);
            self.rules.settle(&mut of_row);
            let known = self.bases.iter_mut().zip(&of_row).filter(|(_, label)| !label.is_nan());
            known.for_each(|(sums, label)| sums.add(*label));
        }
        Ok(())
    }

    fn count_missing(&mut self, piece: &Piece, parts: &[Option<Part>]) -> Result<(), DataError> {
        for (field, counts) in self.card.fields.iter().zip(&mut self.missing) {
            let column = piece.column(&field.column)?;
            let missing = missing(&column)?;
            for part in parts.iter().zip(missing).filter_map(|(part, missing)| part.filter(|_| missing)) {
                counts[usize::from(part.code())] += 1;
            }
        }
        Ok(())
    }
}

/// What no data set may lack.
fn check(card: &Card, schema: &Schema, scenes: &Scenes, bases: &[TaskBase]) -> Result<(), DataError> {
    let name = || card.name.clone();
    let total = |part: Part| scenes.rows.iter().map(|rows| rows[usize::from(part.code())]).sum::<u64>();
    let rows = Part::ALL.iter().map(|part| total(*part)).sum();
    if let Some(part) = Part::ALL.into_iter().find(|part| total(*part) == 0) {
        let hint = "which `valid` and `test` decide";
        return Err(DataError::EmptyPart { name: name(), part: part.name(), rows, hint });
    }
    let unseen = scenes.rows.iter().position(|rows| rows[0] == 0);
    if let Some(scene) = unseen.filter(|_| !card.unseen_scenes) {
        let rows = scenes.rows[scene].iter().sum();
        return Err(DataError::SceneNotInTrain { name: name(), scene: scenes.names[scene].clone(), rows });
    }
    for (task, base) in schema.tasks.iter().zip(bases) {
        if base.rows == 0 {
            return Err(DataError::NoKnownLabel { name: name(), task: task.name.clone() });
        }
        if matches!(task.kind, TaskKind::Binary)
            && let Some(label) = base.rates.iter().position(|rate| *rate == 1.0)
        {
            return Err(DataError::OneClass { name: name(), task: task.name.clone(), rows: base.rows, label });
        }
    }
    Ok(())
}

impl Fitted {
    /// What is known of the data set beside its rows.
    pub(crate) fn manifest(&self, card: &Card, fingerprint: String) -> Manifest {
        let made = self.encoders.origins().map(|field| self.missing[field]);
        Manifest {
            fingerprint,
            schema: self.schema.clone(),
            bases: self.bases.clone(),
            slices: card.slices.iter().map(|slice| slice.name.to_owned()).collect(),
            missing: std::iter::once([0; 3]).chain(made).collect(),
            weighted: false,
            grouped: false,
        }
    }
}
