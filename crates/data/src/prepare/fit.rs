//! The first reading: gathers everything that train rows decide.

use mmtl_plan::{Field, FieldKind, Schema, TaskKind, Vocabulary};

use crate::base::{BaseSums, TaskBase};
use crate::card::Card;
use crate::error::DataError;
use crate::kept::Kept;
use crate::label_rules::LabelRules;
use crate::manifest::Manifest;
use crate::part::Part;
use crate::prepare::encode::weights;
use crate::prepare::fields::{Encoders, FieldFits};
use crate::prepare::identity::Repeats;
use crate::prepare::labels::{labels, tasks};
use crate::prepare::numbers::missing;
use crate::prepare::parts::Known;
use crate::prepare::scenes::{SceneFit, Scenes, scene_words};
use crate::prepare::tells::Tells;
use crate::progress::{Progress, Stage};
use crate::table::Piece;

/// About how many numbers of categories are kept from the first reading to the second: 64 MiB.
const MOST_NUMBERS: usize = 16 << 20;

/// Everything that the first reading found out.
pub(crate) struct Fitted {
    pub(crate) schema: Schema,
    pub(crate) bases: Vec<TaskBase>,
    pub(crate) scenes: Scenes,
    pub(crate) encoders: Encoders,
    pub(crate) rules: LabelRules,
    /// Tells rows apart that are known by the same number.
    pub(crate) repeats: Repeats,
    /// One for each piece.
    pub(crate) known: Vec<Known>,
    missing: Vec<[u64; 3]>,
    weighted: bool,
    grouped: bool,
}

struct Fit<'a> {
    card: &'a Card,
    seed: u64,
    scenes: SceneFit,
    fields: FieldFits,
    rules: LabelRules,
    bases: Vec<BaseSums>,
    missing: Vec<[u64; 3]>,
    tells: Tells,
    known: Vec<Known>,
}

/// Reads the table once.
///
/// # Errors
/// When the table cannot be read, is not what the card says, or leaves a part, a scene in train or a task in train
/// without rows.
pub(crate) fn fit(
    card: &Card,
    table: &Kept,
    seed: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fitted, DataError> {
    let tasks = tasks(card);
    let bases = tasks.iter().map(|task| BaseSums::new(task.kind)).collect();
    let mut schema =
        Schema { name: card.name.clone(), scenes: vec![], tasks, fields: vec![], vocabularies: vec![], scene_field: 0 };
    let rules = LabelRules::of(&schema)?;
    let missing = vec![[0; 3]; card.fields.len()];
    let (scenes, fields, tells) = (SceneFit::new(), FieldFits::new(card, MOST_NUMBERS), Tells::of(card));
    let mut fit = Fit { card, seed, scenes, fields, rules, bases, missing, tells, known: vec![] };
    table.scan(&mut |piece| {
        fit.add(piece)?;
        progress(Progress { stage: Stage::Fit, done: piece.first_row + piece.rows() as u64, share: piece.share });
        Ok(())
    })?;
    let Fit { scenes, fields, rules, bases, missing, tells, mut known, .. } = fit;
    if !table.has_them() {
        // Files that are read again may have other values by then.
        for known in &mut known {
            known.numbers = None;
        }
    }
    tells.check(card)?;
    let scenes = scenes.finish(card);
    let (encoders, repeats) = rayon::join(|| fields.finish(card), || repeats(&known));
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
    let (weighted, grouped) = (card.weight.is_some(), card.group.is_some());
    Ok(Fitted { schema, bases, scenes, encoders, rules, repeats, known, missing, weighted, grouped })
}

impl Fit<'_> {
    fn add(&mut self, piece: &Piece) -> Result<(), DataError> {
        let scenes = scene_words(self.card, piece)?;
        let mut known = Known::of(self.card, piece, &scenes, self.seed)?;
        let (ids, parts) = (known.ids(piece), &known.parts);
        let train: Vec<bool> = parts.iter().map(|part| *part == Some(Part::Train)).collect();
        self.scenes.add(self.card, &scenes, parts);
        let numbers = self.fields.add(self.card, piece, &ids, &train)?;
        self.count_missing(piece, parts)?;
        let labels = labels(self.card, piece)?;
        let weights = self.card.weight.as_ref().map(|column| weights(&piece.column(column)?)).transpose()?;
        let (mut of_row, mut settled) = (vec![f64::NAN; labels.len()], labels.clone());
        for at in (0..piece.rows()).filter(|&at| train[at]) {
            of_row.iter_mut().zip(&labels).for_each(|(label, column)| *label = column[at]);
            self.rules.settle(&mut of_row);
            let known = self.bases.iter_mut().zip(&of_row).filter(|(_, label)| !label.is_nan());
            let weight = weights.as_ref().map_or(1.0, |weights| weights[at]);
            known.for_each(|(sums, label)| sums.add(*label, weight));
            settled.iter_mut().zip(&of_row).for_each(|(column, label)| column[at] = *label);
        }
        self.tells.add(self.card, piece, &train, &settled)?;
        drop(ids);
        known.numbers = numbers;
        self.known.push(known);
        Ok(())
    }

    fn count_missing(&mut self, piece: &Piece, parts: &[Option<Part>]) -> Result<(), DataError> {
        for (field, counts) in self.card.fields.iter().zip(&mut self.missing) {
            let column = piece.column(&field.column)?;
            if column.array.null_count() == 0 && !column.array.data_type().is_floating() {
                continue;
            }
            let missing = missing(&column)?;
            for part in parts.iter().zip(missing).filter_map(|(part, missing)| part.filter(|_| missing)) {
                counts[usize::from(part.code())] += 1;
            }
        }
        Ok(())
    }
}

fn repeats(known: &[Known]) -> Repeats {
    Repeats::of(&known.iter().filter_map(Known::repeatable).collect::<Vec<_>>())
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
            slices: card.slices.iter().map(|slice| slice.name.clone()).collect(),
            missing: std::iter::once([0; 3]).chain(made).collect(),
            weighted: self.weighted,
            grouped: self.grouped,
        }
    }
}
