//! Women's clothing reviews (23,486 rows, CC0): whether a reviewer recommends a piece, and their rating.

use std::path::PathBuf;

use mmtl_plan::{Kind, Knob, Seeds, Settings, Space, Value};

use crate::card::{
    Card, FieldCard, FieldRule, Fill, FillValue, LabelRule, Leftover, SceneCard, SliceCard, TaskCard, Transform,
    VocabularyCard,
};
use crate::error::DataError;
use crate::expression::{Compare, Expression, Test};
use crate::knobs::{random_split, split_knobs};
use crate::parquet_file::{ParquetFile, others};
use crate::shipped::locate;
use crate::source::{Source, Tables};
use crate::table::Table;

/// The data of `data/reviews`. Rating, recommendation and helpful votes are never features: they tell each other.
pub(crate) struct Reviews;

impl Source for Reviews {
    fn name(&self) -> &'static str {
        "reviews"
    }

    fn doc(&self) -> &'static str {
        "Women's E-Commerce Clothing Reviews (Kaggle, CC0, shipped): recommended and rating of 23,486 reviews, with \
         their text; departments as scenes."
    }

    fn knobs(&self) -> Vec<Knob> {
        let choice = |name, words: &'static [&'static str], doc| Knob {
            name,
            kind: Kind::Choice(words),
            default: Value::Text(words[0].to_owned()),
            doc,
        };
        let int = |name, min, max, default, doc| Knob {
            name,
            kind: Kind::Int { min, max },
            default: Value::Int(default),
            doc,
        };
        let mut knobs = vec![
            Knob {
                name: "path",
                kind: Kind::Text,
                default: Value::Text(String::new()),
                doc: "The Parquet file, relative to the current directory; empty: the shipped one (in MMTL_DATA, if that is set).",
            },
            choice("scene", &["department", "division", "none"], "What the scenes are."),
            choice(
                "missing_scene",
                &["own", "drop", "error"],
                "Rows without a scene (14 have no department) become a scene of their own, are left out, or are an error.",
            ),
            choice("rating", &["regression", "classes"], "Whether the rating is a number or one of 5 classes."),
            Knob {
                name: "helpful_votes",
                kind: Kind::Bool,
                default: Value::Bool(false),
                doc: "Whether the number of helpful votes is a third task (regression, heavy tail).",
            },
            choice("text", &["both", "review", "title", "none"], "Which texts are fields; they share their words."),
            int("min_word_count", 1, 1 << 31, 5, "Words seen fewer times in train share the id of unseen ones."),
            int("max_words", 1, 10_000_000, 10_000, "Only this many words, the most frequent, have ids of their own."),
            int("max_tokens", 1, 10_000, 128, "A text is cut off after this many words (the longest has 115)."),
            int("min_count", 0, 1 << 31, 2, "Categories seen fewer times in train share the id of unseen ones."),
            choice("age", &["standardised", "bins"], "Whether the age is a number or one of `bins` intervals."),
            int("bins", 2, 1000, 10, "Intervals of the age with about the same number of train rows each."),
        ];
        knobs.extend(split_knobs(0.1, 0.2));
        knobs
    }

    fn table(&self, settings: &Settings, _seeds: &Seeds) -> Result<(Card, Box<dyn Table>), DataError> {
        let card = card(settings)?;
        let path = locate(settings.text("path"), "reviews/reviews.parquet")?;
        let table = ParquetFile::open(path, &card.columns())?;
        Ok((card, Box::new(table)))
    }

    fn other(&self, settings: &Settings, _wording: Option<&str>, files: &[PathBuf]) -> Result<Tables, DataError> {
        others(card(settings)?, files)
    }
}

fn card(settings: &Settings) -> Result<Card, DataError> {
    Ok(Card {
        name: Reviews.name().to_owned(),
        scene: scene(settings),
        vocabularies: vocabularies(settings),
        fields: fields(settings),
        tasks: tasks(settings),
        slices: vec![
            slice("young", "Age", Test::Number(Compare::Below, 35.0)),
            slice("long_review", "Review Text", Test::Words(Compare::AtLeast, 90.0)),
            slice("untitled", "Title", Test::Missing),
        ],
        split: random_split(settings)?,
        unseen_scenes: settings.bool("unseen_scenes"),
        ..Card::default()
    })
}

fn slice(name: &str, column: &str, test: Test) -> SliceCard {
    SliceCard { name: name.to_owned(), test: Expression::test(column, test) }
}

fn scene(settings: &Settings) -> SceneCard {
    let column = match settings.text("scene") {
        "department" => "Department Name",
        "division" => "Division Name",
        _ => return SceneCard::One("all".to_owned()),
    };
    let missing = match settings.text("missing_scene") {
        "drop" => Leftover::Drop,
        "error" => Leftover::Error,
        _ => Leftover::Own,
    };
    SceneCard::by(column, missing, None)
}

/// Categorical fields and their columns, in the order of their vocabularies.
const CATEGORIES: [(&str, &str); 4] = [
    ("clothing_id", "Clothing ID"),
    ("division", "Division Name"),
    ("department", "Department Name"),
    ("class", "Class Name"),
];
/// Index of the vocabulary of words.
const WORDS: usize = CATEGORIES.len();

fn vocabularies(settings: &Settings) -> Vec<VocabularyCard> {
    let min_count = settings.size("min_count") as u64;
    let of_category =
        |(name, _): (&str, &str)| VocabularyCard { name: name.to_owned(), min_count, max_words: usize::MAX };
    let mut vocabularies = CATEGORIES.map(of_category).to_vec();
    let min_count = settings.size("min_word_count") as u64;
    vocabularies.push(VocabularyCard { name: "words".into(), min_count, max_words: settings.size("max_words") });
    vocabularies
}

fn fields(settings: &Settings) -> Vec<FieldCard> {
    let field = FieldCard::new;
    let age = match settings.text("age") {
        "bins" => FieldRule::Bins { bins: settings.size("bins"), missing: None },
        _ => FieldRule::Number {
            clip: None,
            transform: Transform::Identity,
            standardise: true,
            missing: Fill { with: FillValue::Mean, indicator: true },
        },
    };
    let scene = settings.text("scene");
    // The scene is a field of its own, which architectures may ask for.
    let categories = CATEGORIES.iter().enumerate().filter(|(_, (name, _))| *name != scene);
    let mut fields: Vec<FieldCard> = categories
        .map(|(vocabulary, (name, column))| field(name, column, FieldRule::Category { vocabulary }))
        .collect();
    fields.push(field("age", "Age", age));
    let text = FieldRule::Text { vocabulary: WORDS, max_tokens: settings.size("max_tokens") };
    let wanted = settings.text("text");
    let texts = [("title", "Title"), ("review", "Review Text")];
    let texts = texts.into_iter().filter(|(name, _)| wanted == "both" || wanted == *name);
    fields.extend(texts.map(|(name, column)| field(name, column, text)));
    fields
}

fn tasks(settings: &Settings) -> Vec<TaskCard> {
    let task = |name: &str, label| TaskCard { name: name.to_owned(), label, space: Space::All };
    let number = |column: &str| LabelRule::Number { column: column.to_owned(), transform: Transform::Identity };
    let rating = match settings.text("rating") {
        "classes" => LabelRule::Class { column: "Rating".into(), first: 1, classes: 5 },
        _ => number("Rating"),
    };
    let mut tasks = vec![task("recommended", LabelRule::Indicator("Recommended IND".into())), task("rating", rating)];
    if settings.bool("helpful_votes") {
        tasks.push(task("helpful_votes", number("Positive Feedback Count")));
    }
    tasks
}
