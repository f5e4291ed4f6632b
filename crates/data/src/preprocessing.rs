//! Preprocessing as it was fitted on a data set's train rows, to encode rows that were not among them.

use std::path::{Path, PathBuf};

use mmtl_plan::{Schema, Seeds, Settings, listed, nearest, suggestion};
use serde::{Deserialize, Serialize};

use crate::card::{Card, Grouping, Identity, LabelRule, SceneCard};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::columns::Columns;
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::fingerprint::PREPROCESSING;
use crate::fitted_file;
use crate::listed::Listed;
use crate::manifest::Manifest;
use crate::open::{fitted_anew, in_cache};
use crate::pack::pack;
use crate::part::Part;
use crate::prepare::{Encoders, Fitted, Meaning, RawScenes, Scenes, Words, scene_words_of_any};
use crate::progress::Progress;
use crate::source::source;
use crate::table::Piece;

/// Vocabularies, means, bins and scenes as train rows decided them. No other row ever moves them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// How values were read; 0 in files of before this was noted.
    #[serde(default)]
    version: u32,
    manifest: Manifest,
    scenes: Scenes,
    encoders: Encoders,
    /// Names of the classes of each multiclass task; none for others.
    classes: Vec<Vec<String>>,
    /// What the source needs beside its settings to read files; see [`crate::Source::wording`].
    wording: Option<String>,
}

/// Some consecutive rows of new files, encoded.
#[derive(Debug)]
pub struct NewRows {
    /// The rows, all in the part of test rows, without labels. The scene of a row of unknown scene is the first.
    pub dataset: Dataset,
    /// Number of rows before them.
    pub first: u64,
    /// What the card's column of ids holds, if there is one and the files have it.
    pub ids: Option<Texts>,
    /// The name of each row's scene.
    pub scenes: Texts,
    /// Share of all files up to their end, from 0 to 1.
    pub share: f64,
}

/// A text for each row, of few.
#[derive(Debug)]
pub struct Texts {
    values: Vec<String>,
    keys: Vec<u32>,
}

impl Texts {
    /// That of one row; `None` where it is missing.
    pub fn get(&self, at: usize) -> Option<&str> {
        self.values.get(self.keys[at] as usize).map(String::as_str)
    }

    fn of(words: Words) -> Self {
        Self { values: words.values.iter().map(str::to_owned).collect(), keys: words.keys.into_owned() }
    }
}

/// What the rows of an embedding table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VocabularyMeaning {
    /// Its name in the schema.
    pub name: String,
    /// By id.
    pub rows: Vec<Meaning>,
}

/// The preprocessing of the data set with this fingerprint, which `settings` describe: from the directory `cache`, or
/// fitted once more on the rows of its source, and kept there.
///
/// # Errors
/// When what is in the cache is damaged or of another version; without it, as [`crate::open`], and when the source's rows
/// are no longer those of the fingerprint.
pub fn preprocessing(
    fingerprint: &str,
    settings: &Settings,
    seeds: &Seeds,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Preprocessing, DataError> {
    if settings.bool("cache")
        && let Some(path) = in_cache(cache, fingerprint, fitted_file::ENDING)?
    {
        return fitted_file::read(&path, fingerprint);
    }
    fitted_anew(fingerprint, settings, seeds, cache, progress)
}

impl Preprocessing {
    /// What was fitted for the rows of `card`.
    pub(crate) fn new(fitted: Fitted, card: &Card, fingerprint: String, wording: Option<String>) -> Self {
        let manifest = fitted.manifest(card, fingerprint);
        let classes = card.tasks.iter().map(|task| class_names(&task.label)).collect();
        Self { version: PREPROCESSING, manifest, scenes: fitted.scenes, encoders: fitted.encoders, classes, wording }
    }

    /// That of the data set whose train rows it was fitted on.
    pub fn fingerprint(&self) -> &str {
        &self.manifest.fingerprint
    }

    /// What a model sees.
    pub fn schema(&self) -> &Schema {
        &self.manifest.schema
    }

    /// Names of a task's classes; none where it has no classes.
    pub fn classes(&self, task: usize) -> &[String] {
        &self.classes[task]
    }

    /// What each id stands for, for each vocabulary of the schema.
    pub fn vocabularies(&self) -> Vec<VocabularyMeaning> {
        let schema = self.schema();
        let scenes = schema.scenes.iter().cloned().map(Meaning::Value).collect();
        let mut all: Vec<Option<Vec<Meaning>>> = vec![None; schema.vocabularies.len()];
        all[0] = Some(scenes);
        let others = schema.fields.iter().enumerate().filter(|(f, _)| *f != schema.scene_field);
        for ((_, field), meanings) in others.zip(self.encoders.meanings()) {
            if let (Some(vocabulary), Some(meanings)) = (field.kind.vocabulary(), meanings) {
                all[vocabulary] = Some(meanings);
            }
        }
        let named = schema.vocabularies.iter().zip(all);
        named.map(|(v, rows)| VocabularyMeaning { name: v.name.clone(), rows: rows.unwrap_or_default() }).collect()
    }

    /// A data set of no row.
    pub fn no_rows(&self) -> Dataset {
        self.dataset(vec![])
    }

    fn dataset(&self, chunks: Vec<Chunk>) -> Dataset {
        let plain = Manifest { slices: vec![], weighted: false, grouped: false, ..self.manifest.clone() };
        Dataset::from_chunks(plain, chunks)
    }

    /// Hands the rows of `files` to `each`, some thousand at a time, encoded as the data's own were: in the order of the
    /// files as given, and within them of their rows. `settings` are those of the data. Files are read as the data's own;
    /// columns that nothing but labels, parts and weights are made of may be absent.
    ///
    /// # Errors
    /// When it was fitted by a program that reads values otherwise, the source's rows are not read from files, a file cannot be
    /// read, lacks a column or holds a value that its column may not have; unless `any_scene`, when the scene of a row is none of the data's; and whatever `each` returns.
    pub fn each<E: From<DataError>>(
        &self,
        settings: &Settings,
        files: &[PathBuf],
        any_scene: bool,
        each: &mut dyn FnMut(NewRows) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.version != PREPROCESSING {
            return Err(DataError::OtherPreprocessing.into());
        }
        let (card, tables) = source(settings.text("source"))?.other(settings, self.wording.as_deref(), files)?;
        let (mut before, mut stopped) = (0, None);
        for (number, table) in tables.iter().enumerate() {
            let mut rows = 0;
            let scanned = table.scan(&mut |piece| {
                let new = self.encode(&card, piece, any_scene)?;
                rows = piece.first_row + piece.rows() as u64;
                let share = (number as f64 + piece.share) / tables.len() as f64;
                each(NewRows { first: before + piece.first_row, share, ..new }).map_err(|error| {
                    stopped = Some(error);
                    DataError::Stopped
                })
            });
            if let Some(error) = stopped.take() {
                return Err(error);
            }
            scanned?;
            before += rows;
        }
        Ok(())
    }

    fn encode(&self, card: &Card, piece: &Piece, any_scene: bool) -> Result<NewRows, DataError> {
        let scenes = self.scenes.find(&scene_words_of_any(card, piece)?, piece.rows());
        let raw = if scenes.contains(&None) { RawScenes::of(card, piece)? } else { RawScenes::default() };
        if let Some(at) = scenes.iter().position(Option::is_none).filter(|_| !any_scene) {
            return Err(self.unknown_scene(card, piece, raw.get(at), at)?);
        }
        let schema = self.schema();
        let mut columns = Columns::empty(schema);
        let rows: Vec<usize> = (0..piece.rows()).collect();
        self.encoders.encode(piece, &rows, None, &mut columns.fields[schema.scene_field + 1..])?;
        columns.row_ids = rows.iter().map(|&at| piece.first_row + at as u64).collect();
        columns.parts = vec![Part::Test; rows.len()];
        columns.scenes = scenes.iter().map(|scene| scene.unwrap_or(0)).collect();
        columns.labels.iter_mut().for_each(|labels| labels.resize(rows.len(), f64::NAN));
        let chunk = |first: usize| pack(&columns, first..rows.len().min(first + CHUNK_ROWS));
        let chunks = (0..rows.len()).step_by(CHUNK_ROWS).map(chunk).collect();
        let ids = match &card.identity {
            Identity::Column(column) if piece.batch.column_by_name(column).is_some() => {
                Some(Texts::of(Words::of(&piece.column(column)?)?))
            }
            Identity::Column(_) | Identity::Contents(_) | Identity::Position => None,
        };
        let (first, share, scenes) = (0, 0.0, self.scene_names(&scenes, &raw));
        Ok(NewRows { dataset: self.dataset(chunks), first, ids, scenes, share })
    }

    /// The names of known scenes, and what the columns hold of unknown ones.
    fn scene_names(&self, scenes: &[Option<u32>], raw: &RawScenes) -> Texts {
        let mut values = self.schema().scenes.clone();
        let keys = scenes.iter().enumerate().map(|(at, scene)| {
            scene.unwrap_or_else(|| {
                let Some(value) = raw.get(at) else { return u32::MAX };
                values.push(value);
                values.len() as u32 - 1
            })
        });
        let keys = keys.collect();
        Texts { values, keys }
    }

    /// The error for a row of a scene that the data has not, and what its columns hold.
    fn unknown_scene(
        &self,
        card: &Card,
        piece: &Piece,
        value: Option<String>,
        at: usize,
    ) -> Result<DataError, DataError> {
        let SceneCard::By(rule) = &card.scene else { unreachable!("a card without scenes knows those of all rows") };
        let scenes = || self.schema().scenes.iter().map(String::as_str);
        let values = || match &rule.grouping {
            Grouping::Groups(groups) => groups.iter().flat_map(|(_, members)| members).map(Listed::as_str).collect(),
            Grouping::Values | Grouping::Bins(_) => scenes().collect::<Vec<_>>(),
        };
        let near = value.as_deref().and_then(|value| nearest(value, values()));
        let expected =
            format!("a scene that the model was trained with: {}{}", listed(scenes()), suggestion(near.as_deref()));
        let value = value.unwrap_or_else(|| "missing".to_owned());
        Ok(piece.column(&rule.columns[0])?.value_error(at, value, expected))
    }
}

/// How a card calls the classes of a label.
fn class_names(label: &LabelRule) -> Vec<String> {
    match label {
        LabelRule::OneOf { classes, .. } => classes.iter().map(Listed::to_string).collect(),
        LabelRule::Class { first, classes, .. } => (*first..).take(*classes as usize).map(|c| c.to_string()).collect(),
        LabelRule::Indicator(_)
        | LabelRule::When(_)
        | LabelRule::Within { .. }
        | LabelRule::Number { .. }
        | LabelRule::Product(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mmtl_plan::Value;

    use super::*;

    #[test]
    fn what_another_version_fitted_encodes_no_new_rows() {
        let uncached = Value::Bool(false);
        let settings = Settings::resolve(&crate::knobs("reviews").unwrap(), [("cache", &uncached)]).unwrap();
        let (seeds, nowhere) = (Seeds::all(1), Path::new("nowhere"));
        let fingerprint = crate::open(&settings, &seeds, nowhere, &mut |_| {}).unwrap().fingerprint().to_owned();
        let mut fitted = preprocessing(&fingerprint, &settings, &seeds, nowhere, &mut |_| {}).unwrap();
        let each = |fitted: &Preprocessing| fitted.each::<DataError>(&settings, &[], false, &mut |_| Ok(()));
        each(&fitted).unwrap();
        fitted.version -= 1;
        let error = each(&fitted).unwrap_err().to_string();
        assert!(error.contains("prepared by another version of mmtl"), "{error}");
    }
}
