//! The keys of `[data]` that every source has.

use mmtl_plan::{Kind, Knob, Settings, Value};

use crate::error::DataError;
use crate::source::{NAMES, source};

/// Keys that say how a data set is kept, not what is in it: they leave the fingerprint alone.
pub const NOT_CONTENTS: &[&str] = &["source", "path", "cache", "card", "files"];

/// Keys that decide what a model is given of a row, and neither which rows there are nor what their labels are: rows of
/// tables that differ in no others are scored on the same ones.
pub const INPUTS: &[&str] =
    &["age", "bins", "drop", "log1p", "max_tokens", "max_words", "min_count", "min_word_count", "numeric", "text"];

/// All keys of `[data]` for the source called `name`, `source` itself included.
///
/// # Errors
/// When there is no such source.
pub fn knobs(name: &str) -> Result<Vec<Knob>, DataError> {
    let source = source(name)?;
    let mut knobs = vec![
        Knob {
            name: "source",
            kind: Kind::Choice(NAMES),
            default: Value::Text(source.name().to_owned()),
            doc: "Where the rows come from.",
        },
        Knob {
            name: "cache",
            kind: Kind::Bool,
            default: Value::Bool(true),
            doc: "Whether the prepared data set is kept on disk; otherwise every worker prepares it in memory.",
        },
        Knob {
            name: "unseen_scenes",
            kind: Kind::Bool,
            default: Value::Bool(false),
            doc: "Whether a scene may have no train row, and then is only scored.",
        },
    ];
    knobs.extend(source.knobs());
    Ok(knobs)
}

/// Checks the shares of a random split.
pub(crate) fn random_split(settings: &Settings) -> Result<crate::split::Split, DataError> {
    let (valid, test) = (settings.float("valid"), settings.float("test"));
    if valid + test >= 1.0 {
        return Err(DataError::Setting {
            key: "valid",
            got: format!("{valid} and `test` {test}"),
            expected: "two shares whose sum is below 1, as the rest is for training".into(),
        });
    }
    Ok(crate::split::Split::Random { valid, test })
}

/// The keys of a random split.
pub(crate) fn split_knobs(valid: f64, test: f64) -> [Knob; 2] {
    let share = |name, default, doc| Knob {
        name,
        kind: Kind::Float { min: 0.0, max: 0.9 },
        default: Value::Float(default),
        doc,
    };
    [
        share("valid", valid, "Share of rows, drawn at random, that checkpoints and settings are chosen on."),
        share("test", test, "Share of rows, drawn at random, that are scored once at the end."),
    ]
}
