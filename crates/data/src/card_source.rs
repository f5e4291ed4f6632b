//! Data that users bring: their files, and a card that says what the columns mean.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{Field, FieldRef, Schema};
use mmtl_plan::{Kind, Knob, Seeds, Settings, Space, Value, listed, nearest};

use crate::card::{Card, Identity, LabelRule, TaskCard, Use};
use crate::card_file::CardFile;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::read::{self, Format, Shape, Wanted, depth};
use crate::source::{Source, Tables};
use crate::table::{EachPiece, Piece, Table};

/// The data of a card.
pub(crate) struct Cards;

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../data/cards/", $name, ".toml")))),+]
    };
}

/// Cards that ship with the program, for files that users have.
const SHIPPED: &[(&str, &str)] = shipped![
    "ali-ccp",
    "aliexpress",
    "amazon-reviews",
    "census-income",
    "douban",
    "epinions",
    "kuairand",
    "mind",
    "movielens-1m",
    "movielens-1m-recbole",
    "tenrec",
    "womens-clothing",
];

/// Names of the cards that ship, each with a sentence on what it is.
pub fn cards() -> impl Iterator<Item = (&'static str, String)> {
    SHIPPED.iter().map(|(name, text)| {
        let about = CardFile::parse(name, text.as_bytes()).map_or_else(|faults| faults.to_string(), |card| card.about);
        (*name, about)
    })
}

/// The text of a card that ships.
pub fn card_text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}

impl Source for Cards {
    fn name(&self) -> &'static str {
        "card"
    }

    fn doc(&self) -> &'static str {
        "Your own files (CSV, TSV, JSON lines or Parquet, also compressed) by a card that says what their columns mean; \
         `mmtl data guess FILE` drafts one."
    }

    fn knobs(&self) -> Vec<Knob> {
        vec![
            Knob {
                name: "card",
                kind: Kind::Text,
                default: Value::Text(String::new()),
                doc: "The card: a TOML file, relative to the current directory, or the name of one that ships.",
            },
            Knob {
                name: "files",
                kind: Kind::Texts,
                default: Value::List(vec![]),
                doc: "The files, relative to the current directory; the card's patterns say which is what.",
            },
            Knob {
                name: "tasks",
                kind: Kind::Texts,
                default: Value::List(vec![]),
                doc: "Which of the card's tasks there are; none named: all.",
            },
        ]
    }

    fn table(&self, settings: &Settings, _seeds: &Seeds) -> Result<(Card, Box<dyn Table>), DataError> {
        let file = card_file(settings.text("card"))?;
        let files: Vec<PathBuf> = settings.texts("files").into_iter().map(PathBuf::from).collect();
        if files.is_empty() {
            let expected = "the paths of the data's files, like [\"log.csv\"]".to_owned();
            return Err(DataError::Setting { key: "files", got: "empty".to_owned(), expected });
        }
        let tasks = some_tasks(file.card.tasks, &settings.texts("tasks"))?;
        let card = Card { unseen_scenes: settings.bool("unseen_scenes"), tasks, ..file.card };
        let table = read::open(&files, &file.reading, &file.joins, &wanted(card.columns()))?;
        let names = names(&card, &files);
        Ok((card, Box::new(Described { canonical: file.canonical, names, table })))
    }

    fn wording(&self, settings: &Settings) -> Result<Option<String>, DataError> {
        Ok(Some(card_file(settings.text("card"))?.canonical))
    }

    fn other(&self, settings: &Settings, wording: Option<&str>, files: &[PathBuf]) -> Result<Tables, DataError> {
        let given = settings.text("card");
        let CardFile { card, reading, joins, .. } = match wording {
            Some(text) => CardFile::parse(given, text.as_bytes()).map_err(DataError::Card)?,
            None => card_file(given)?,
        };
        let mut columns = card.input_columns();
        if let Identity::Column(id) = &card.identity
            && read::header(files, &reading, &joins)?.contains(id)
            && !columns.iter().any(|(column, _)| column == id)
        {
            columns.push((id, Use::Value));
        }
        let table = read::open_as_given(files, &reading, &joins, &wanted(columns))?;
        let table = Described { canonical: String::new(), names: vec![], table };
        Ok((card, vec![Box::new(table)]))
    }
}

/// The card in a file, or one that ships.
fn card_file(given: &str) -> Result<CardFile, DataError> {
    if let Some(text) = card_text(given) {
        return CardFile::parse(given, text.as_bytes()).map_err(DataError::Card);
    }
    let path = Path::new(given);
    if given.is_empty() || !path.exists() {
        let names = || SHIPPED.iter().map(|(name, _)| *name);
        return Err(DataError::UnknownCard {
            given: given.to_owned(),
            nearest: nearest(given, names()),
            shipped: names().collect(),
        });
    }
    CardFile::parse(given, &fs::read(path).map_err(DataError::reading(path))?).map_err(DataError::Card)
}

/// The tasks of these names, in the card's order; all where none is named.
fn some_tasks(tasks: Vec<TaskCard>, names: &[String]) -> Result<Vec<TaskCard>, DataError> {
    if names.is_empty() {
        return Ok(tasks);
    }
    let all = || tasks.iter().map(|task| task.name.as_str());
    let wrong = |name: &str, reason: &str| {
        let near = nearest(name, all()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let expected = format!("tasks of the card, of which there are {}{near}", listed(all()));
        DataError::Setting { key: "tasks", got: format!("a list {reason} `{name}`"), expected }
    };
    if let Some(stranger) = names.iter().find(|name| !all().any(|task| task == *name)) {
        return Err(wrong(stranger, "with"));
    }
    for task in tasks.iter().filter(|task| names.contains(&task.name)) {
        let mut needed: Vec<&String> = if let Space::Given(space) = &task.space { vec![space] } else { vec![] };
        if let LabelRule::Product(factors) = &task.label {
            needed.extend(factors);
        }
        if let Some(lacking) = needed.into_iter().find(|needed| !names.contains(needed)) {
            return Err(wrong(lacking, &format!("with `{}` and without its", task.name)));
        }
    }
    Ok(tasks.into_iter().filter(|task| names.contains(&task.name)).collect())
}

/// Columns that no file has: a row's file, without endings, and the folder it is in.
const FILE: &str = "(file)";
const FOLDER: &str = "(folder)";

/// How columns of a card are read, but for those that no file has.
fn wanted(columns: Vec<(&str, Use)>) -> Vec<Wanted> {
    let wanted = |(column, used): (&str, Use)| {
        let (shape, separator) = match used {
            Use::List(separator) => (Shape::List, separator),
            Use::Value => (Shape::Value, ""),
            Use::Text => (Shape::Text, ""),
        };
        Wanted { name: column.to_owned(), shape, separator: separator.to_owned() }
    };
    columns.into_iter().filter(|(column, _)| ![FILE, FOLDER].contains(column)).map(wanted).collect()
}

/// What the names of files decide: how they are read and, where the card asks for it, part and scene. Of each path that
/// is as much as the columns hold, or as the deepest pattern is held against.
fn names(card: &Card, files: &[PathBuf]) -> Vec<String> {
    let columns = card.columns();
    let patterns = card.split.patterns();
    let asks = !patterns.is_empty() || columns.iter().any(|(column, _)| [FILE, FOLDER].contains(column));
    let deepest = patterns.iter().map(|pattern| depth(pattern)).max().unwrap_or(0);
    let mut sorted: Vec<&PathBuf> = files.iter().collect();
    sorted.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then_with(|| a.cmp(b)));
    let name = |path: &&PathBuf| {
        let last = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let of_columns = format!("{}/{}", last(path.parent().and_then(Path::file_name)), last(path.file_name()));
        let above = path.iter().rev().skip(2).take(deepest.saturating_sub(2));
        let place = above.fold(of_columns, |below, part| format!("{}/{below}", part.to_string_lossy()));
        format!("{} {}", Format::of(path).name(), if asks { place } else { String::new() })
    };
    sorted.iter().map(name).collect()
}

/// A table whose card decides its contents too.
struct Described {
    canonical: String,
    names: Vec<String>,
    table: Box<dyn Table>,
}

impl Table for Described {
    fn rows(&self) -> Option<u64> {
        self.table.rows()
    }

    fn contents(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        fingerprint.text("card", &self.canonical);
        for name in &self.names {
            fingerprint.text("name", name);
        }
        self.table.contents(fingerprint)
    }

    fn scan(&self, each: EachPiece) -> Result<(), DataError> {
        self.table.scan(&mut |piece| each(&with_place(piece)))
    }
}

/// The piece with the columns that tell where it is from.
fn with_place(piece: &Piece) -> Piece {
    let path = Path::new(&piece.origin);
    let name = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let file = name(path.file_name());
    let file = file.split('.').find(|part| !part.is_empty()).unwrap_or_default().to_owned();
    let folder = name(path.parent().and_then(Path::file_name));
    let schema = piece.batch.schema();
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    let mut columns = piece.batch.columns().to_vec();
    for (column, value) in [(FILE, file), (FOLDER, folder)] {
        let keys = Int32Array::from(vec![0; piece.batch.num_rows()]);
        let values: ArrayRef = Arc::new(StringArray::from(vec![value]));
        let array: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        fields.push(Arc::new(Field::new(column, array.data_type().clone(), false)));
        columns.push(array);
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("each has a value for each row");
    Piece { batch, ..piece.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::{GivenBy, GivenValid, Split};

    /// Data that was prepared keeps its fingerprint: patterns of up to two parts ask for two.
    #[test]
    fn as_much_of_a_path_counts_as_patterns_ask_for() {
        let files = ["a/b/2.csv", "../1.csv", "3.csv"].map(PathBuf::from);
        let of = |train: &str, test: &str| {
            let (train, valid, test) = (vec![train.into()], GivenValid::ShareOfTrain(0.1), vec![test.into()]);
            let split = Split::Given { by: GivenBy::File, train, valid, test };
            names(&Card { split, ..Card::default() }, &files)
        };
        assert_eq!(of("*", "b/*"), ["csv /1.csv", "csv b/2.csv", "csv /3.csv"]);
        assert_eq!(of("*", "a/b/*"), ["csv /1.csv", "csv a/b/2.csv", "csv /3.csv"]);
        assert_eq!(names(&Card::default(), &files), ["csv ", "csv ", "csv "]);
    }
}
