//! Census-Income (KDD), the public data of the MMoE and PLE papers (299,285 rows, CC BY 4.0).

use std::path::PathBuf;

use mmtl_plan::{Kind, Knob, Seeds, Settings, Space, Value, nearest};

use crate::card::{
    Card, FieldCard, FieldRule, Fill, FillValue, LabelRule, Leftover, SceneCard, SliceCard, TaskCard, Transform,
    VocabularyCard,
};
use crate::error::DataError;
use crate::expression::{Compare, Expression, Test};
use crate::parquet_file::{ParquetFile, others};
use crate::shipped::locate;
use crate::source::{Source, Tables};
use crate::split::{GivenBy, GivenValid, Split};
use crate::table::Table;

/// The data of `data/census`.
pub(crate) struct Census;

/// Columns that UCI calls continuous. The instance weight is one too, and leaves the features by default.
const NUMERIC: &[&str] = &[
    "age",
    "wage_per_hour",
    "capital_gains",
    "capital_losses",
    "dividends",
    "employer_size",
    "weeks_worked",
    "instance_weight",
];

/// The other columns are answers or codes.
const CATEGORIES: &[&str] = &[
    "class_of_worker",
    "industry_code",
    "occupation_code",
    "education",
    "enrolled_in_edu_last_week",
    "marital_status",
    "major_industry",
    "major_occupation",
    "race",
    "hispanic_origin",
    "sex",
    "union_member",
    "unemployment_reason",
    "employment_status",
    "tax_filer_status",
    "previous_region",
    "previous_state",
    "household_detail",
    "household_summary",
    "migration_msa",
    "migration_region",
    "migration_within_region",
    "same_house_one_year",
    "migration_sunbelt",
    "family_under_18",
    "father_birth_country",
    "mother_birth_country",
    "birth_country",
    "citizenship",
    "self_employed",
    "veterans_questionnaire",
    "veterans_benefits",
    "year",
    "income",
];

/// "At least college" of the MMoE paper, as inferred in `data/census/README.md`.
const COLLEGE: &[&str] = &[
    "Doctorate degree(PhD EdD)",
    "Prof school degree (MD DDS DVM LLB JD)",
    "Masters degree(MA MS MEng MEd MSW MBA)",
    "Bachelors degree(BA AB BS)",
    "Associates degree-academic program",
    "Associates degree-occup /vocational",
];

/// Columns that leave the features in both groups of the paper.
const DROPPED: &[&str] = &["education", "marital_status", "income", "instance_weight"];

/// Columns of mostly zeros and a few values up to 99,999.
const HEAVY: &[&str] = &["wage_per_hour", "capital_gains", "capital_losses", "dividends"];

impl Source for Census {
    fn name(&self) -> &'static str {
        "census"
    }

    fn doc(&self) -> &'static str {
        "Census-Income (KDD) (UCI, CC BY 4.0, shipped): income above 50,000 or any college degree, and never married, \
         of 299,285 persons; the parts as published, the test part divided at random into validation and test."
    }

    fn knobs(&self) -> Vec<Knob> {
        let choice = |name, words: &'static [&'static str], doc| Knob {
            name,
            kind: Kind::Choice(words),
            default: Value::Text(words[0].to_owned()),
            doc,
        };
        let texts = |name, words: &[&str], doc| Knob {
            name,
            kind: Kind::Texts,
            default: Value::List(words.iter().map(|&word| Value::Text(word.to_owned())).collect()),
            doc,
        };
        let int = |name, min, max, default, doc| Knob {
            name,
            kind: Kind::Int { min, max },
            default: Value::Int(default),
            doc,
        };
        vec![
            Knob {
                name: "path",
                kind: Kind::Text,
                default: Value::Text(String::new()),
                doc: "The Parquet file, relative to the current directory; empty: the shipped one (in MMTL_DATA, if that is set).",
            },
            choice(
                "group",
                &["income", "education"],
                "The paper's task group: income (or education) as the main task, marital (never married) beside it.",
            ),
            choice(
                "scene",
                &["sex", "class_of_worker", "year", "none"],
                "Which column is the scene, and then no ordinary field; the paper has none.",
            ),
            texts("drop", DROPPED, "Columns left out of the features; label columns always are."),
            choice(
                "numeric",
                &["standardised", "bins", "categories"],
                "Whether numeric columns are numbers, one of `bins` intervals, or categories by value.",
            ),
            texts("log1p", HEAVY, "Numeric columns of which ln(1 + x) is standardised."),
            int("bins", 2, 1000, 20, "Intervals of a numeric column with about the same number of train rows each."),
            int("min_count", 0, 1 << 31, 1, "Categories seen fewer times in train share the id of unseen ones."),
            Knob {
                name: "valid",
                kind: Kind::Float { min: 0.0, max: 1.0 },
                default: Value::Float(0.5),
                doc: "Share of the published test part, drawn at random, that is for validation (1:1 in the paper).",
            },
        ]
    }

    fn table(&self, settings: &Settings, _seeds: &Seeds) -> Result<(Card, Box<dyn Table>), DataError> {
        let card = card(settings)?;
        let path = locate(settings.text("path"), "census/census.parquet")?;
        let table = ParquetFile::open(path, &card.columns())?;
        Ok((card, Box::new(table)))
    }

    fn other(&self, settings: &Settings, _wording: Option<&str>, files: &[PathBuf]) -> Result<Tables, DataError> {
        others(card(settings)?, files)
    }
}

fn card(settings: &Settings) -> Result<Card, DataError> {
    for (key, known) in [("drop", known_columns()), ("log1p", NUMERIC.to_vec())] {
        check_columns(settings, key, &known)?;
    }
    let scene = settings.text("scene");
    let min_count = settings.size("min_count") as u64;
    let fields = fields(settings);
    let vocabulary = |field: &FieldCard| VocabularyCard { name: field.name.clone(), min_count, max_words: usize::MAX };
    Ok(Card {
        name: Census.name().to_owned(),
        scene: match scene {
            "none" => SceneCard::One("all".to_owned()),
            // No row lacks one; a user's own file may not either.
            column => SceneCard::by(column, Leftover::Error, None),
        },
        vocabularies: fields.iter().map(vocabulary).collect(),
        fields,
        tasks: tasks(settings.text("group")),
        slices: vec![at_least("adult", "age", 16.0), at_least("worked", "weeks_worked", 1.0)],
        split: Split::Given {
            by: GivenBy::Column("part".to_owned()),
            train: vec!["train".into()],
            valid: GivenValid::ShareOfTest(settings.float("valid")),
            test: vec!["test".into()],
        },
        unseen_scenes: settings.bool("unseen_scenes"),
        ..Card::default()
    })
}

fn at_least(name: &str, column: &str, bound: f64) -> SliceCard {
    let test = Expression::test(column, Test::Number(Compare::AtLeast, bound));
    SliceCard { name: name.to_owned(), test }
}

fn known_columns() -> Vec<&'static str> {
    CATEGORIES.iter().chain(NUMERIC).copied().collect()
}

fn check_columns(settings: &Settings, key: &'static str, known: &[&'static str]) -> Result<(), DataError> {
    let stranger = settings.texts(key).into_iter().find(|column| !known.contains(&column.as_str()));
    stranger.map_or(Ok(()), |column| {
        let expected = match nearest(&column, known.iter().copied()) {
            Some(near) => format!("names of columns; did you mean `{near}`?"),
            None => format!("some of {}", known.join(", ")),
        };
        Err(DataError::Setting { key, got: format!("a list with `{column}`"), expected })
    })
}

/// The column of the main task's labels.
fn main_column(group: &str) -> &'static str {
    if group == "education" { "education" } else { "income" }
}

fn tasks(group: &str) -> Vec<TaskCard> {
    let main = match main_column(group) {
        "education" => ("education", is_one_of("education", COLLEGE)),
        _ => ("income", is_one_of("income", &["50000+."])),
    };
    let marital = ("marital", is_one_of("marital_status", &["Never married"]));
    [main, marital].map(|(name, label)| TaskCard { name: name.to_owned(), label, space: Space::All }).to_vec()
}

fn is_one_of(column: &str, values: &[&str]) -> LabelRule {
    let values = values.iter().map(|&value| value.into()).collect();
    LabelRule::When(Expression::test(column, Test::OneOf(values)))
}

/// Every field has the vocabulary of its own position.
fn fields(settings: &Settings) -> Vec<FieldCard> {
    let (drop, log1p) = (settings.texts("drop"), settings.texts("log1p"));
    let labels = [main_column(settings.text("group")), "marital_status"];
    let kept = |column: &&&str| {
        !drop.iter().any(|dropped| dropped == **column)
            && !labels.contains(*column)
            && settings.text("scene") != **column
    };
    let number = |column: &str| match settings.text("numeric") {
        "bins" => Some(FieldRule::Bins { bins: settings.size("bins"), missing: None }),
        "categories" => None,
        _ => Some(FieldRule::Number {
            clip: None,
            transform: if log1p.iter().any(|heavy| heavy == column) { Transform::Log1p } else { Transform::Identity },
            standardise: true,
            missing: Fill { with: FillValue::Mean, indicator: true },
        }),
    };
    let numeric = NUMERIC.iter().filter(kept).map(|&column| (column, number(column)));
    let categories = CATEGORIES.iter().filter(kept).map(|&column| (column, None));
    let field = |(vocabulary, (column, rule)): (usize, (&str, Option<FieldRule>))| {
        FieldCard::new(column, column, rule.unwrap_or(FieldRule::Category { vocabulary }))
    };
    numeric.chain(categories).enumerate().map(field).collect()
}
