//! The language of the line that filters runs: `arch:ple seed:1..3 -state:finished "far too fast"`.
//!
//! Every term must fit. A free word fits a run that has it anywhere; `column:value` one whose column has it, or for a
//! number equals it or lies within `1..3`; `column=value` wants all of a text; `column>0.7`, `>=`, `<` and `<=` compare
//! numbers; `a,b` fits either; a leading `-` negates. Case does not matter. Besides the columns below, the name of any
//! value that tells rows apart is one, as in `experts:8`.

mod column;
mod tokens;

use std::fmt::Write as _;

use mmtl_grid::events::{RunState, RunStatus};
use mmtl_plan::{Value, nearest};
use thiserror::Error;

pub use column::{Column, score};
use tokens::{Relation, Token, quoted, tokens};

/// What runs are listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    terms: Vec<Term>,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterError {
    /// No column has that name.
    #[error("no column is called `{name}`{}; there are {}", did_you_mean(.nearest.as_deref()), .columns.join(", "))]
    Column {
        /// The name given.
        name: String,
        /// The closest that there is.
        nearest: Option<String>,
        /// All that there are.
        columns: Vec<String>,
    },
    /// No run can be in a state of that name.
    #[error("no state is called `{name}`{}; there are {}", did_you_mean(.nearest.as_deref()), STATES.join(", "))]
    State {
        /// The name given.
        name: String,
        /// The closest that there is.
        nearest: Option<String>,
    },
    /// A column of numbers is compared with something else.
    #[error("`{column}` is a number: expected one as in `{column}:2`, or a range as in `{column}:1..3`, not `{got}`")]
    Number {
        /// The column.
        column: String,
        /// What it was compared with.
        got: String,
    },
    /// A column of words has no order.
    #[error("`{column}` is no number: expected `{column}:` or `{column}=` and a word")]
    Order {
        /// The column.
        column: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// What [`RunState::word`] may say.
const STATES: [&str; 9] =
    ["queued", "running", "paused", "finished", "failed", "cancelled", "pruned", "n/a", "abandoned"];

#[derive(Clone, Debug, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

/// What a term looks at. Texts are in small letters.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Anything(String),
    State(Vec<String>),
    Text(Column, Vec<String>, bool),
    Number(Column, Vec<Span>),
    Value(String, Vec<Wanted>, bool),
}

/// Numbers between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    from: f64,
    to: f64,
    with_ends: bool,
}

/// A value of an axis: a word, which may also be read as numbers.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    word: String,
    span: Option<Span>,
}

impl Span {
    fn has(&self, number: f64) -> bool {
        if self.with_ends { (self.from..=self.to).contains(&number) } else { self.from < number && number < self.to }
    }

    /// What a number must be, given what it is compared with; of what is no number, nothing.
    fn of(relation: Relation, wanted: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| !number.is_nan());
        let span = |from, to, with_ends| Some(Self { from, to, with_ends });
        let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
        match relation {
            Relation::Fits => match wanted.split_once("..") {
                Some((from, to)) => {
                    let end = |text: &str, open| if text.is_empty() { Some(open) } else { number(text) };
                    span(end(from, least)?, end(to, most)?, true)
                }
                None => span(number(wanted)?, number(wanted)?, true),
            },
            Relation::Equals => span(number(wanted)?, number(wanted)?, true),
            Relation::Above => span(number(wanted)?, most, false),
            Relation::AtLeast => span(number(wanted)?, most, true),
            Relation::Below => span(least, number(wanted)?, false),
            Relation::AtMost => span(least, number(wanted)?, true),
        }
    }
}

/// The filter that lists runs whose column is exactly `value`.
pub fn exactly(column: &str, value: &str) -> String {
    format!("{column}={}", quoted(value))
}

/// What free words look at, of one run: what never changes, in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunText {
    anywhere: String,
}

impl RunText {
    /// That of a run.
    pub fn of(run: &RunState) -> Self {
        let mut anywhere = format!("{}\n{}\nseed {}\n{}", run.architecture, run.protocol, run.seed, run.key);
        for row in &run.rows {
            let _ = write!(anywhere, "\n{row}");
        }
        Self { anywhere: anywhere.to_lowercase() }
    }
}

impl Filter {
    /// Reads a filter. `values` are the names of the values that tell rows apart.
    ///
    /// # Errors
    /// For a column that there is not, a state that there is not, and what is no number where one is compared.
    pub fn parse(text: &str, values: &[String]) -> Result<Self, FilterError> {
        let terms = tokens(text).into_iter().filter_map(|token| term(token, values).transpose());
        Ok(Self { terms: terms.collect::<Result<_, _>>()? })
    }

    /// Whether a run is listed.
    pub fn has(&self, run: &RunState, text: &RunText) -> bool {
        self.terms.iter().all(|term| term.test.has(run, text) != term.negated)
    }
}

/// The term of a token; none while what is wanted is still to be typed.
fn term(token: Token, values: &[String]) -> Result<Option<Term>, FilterError> {
    let wanted: Vec<String> =
        token.wanted.iter().filter(|word| !word.is_empty()).map(|word| word.to_lowercase()).collect();
    let Some((name, relation)) = token.column else {
        let test = wanted.into_iter().next().map(Test::Anything);
        return Ok(test.map(|test| Term { negated: token.negated, test }));
    };
    let test = match Column::named(&name) {
        Some(Column::State) => state(relation, &wanted)?,
        Some(column) if column.is_number() => Test::Number(column, spans(column.name(), relation, &wanted)?),
        Some(column) => {
            ordered(relation, column.name())?;
            Test::Text(column, wanted.clone(), relation == Relation::Equals)
        }
        None => value(&name, relation, &wanted, values)?,
    };
    Ok((!wanted.is_empty()).then_some(Term { negated: token.negated, test }))
}

fn ordered(relation: Relation, column: &str) -> Result<(), FilterError> {
    match relation {
        Relation::Fits | Relation::Equals => Ok(()),
        Relation::Above | Relation::AtLeast | Relation::Below | Relation::AtMost => {
            Err(FilterError::Order { column: column.to_owned() })
        }
    }
}

fn spans(column: &str, relation: Relation, wanted: &[String]) -> Result<Vec<Span>, FilterError> {
    let span = |word: &String| {
        let error = || FilterError::Number { column: column.to_owned(), got: word.clone() };
        Span::of(relation, word).ok_or_else(error)
    };
    wanted.iter().map(span).collect()
}

/// States by the beginnings of their names.
fn state(relation: Relation, wanted: &[String]) -> Result<Test, FilterError> {
    ordered(relation, "state")?;
    for word in wanted {
        if !STATES.iter().any(|state| state.starts_with(word.as_str())) {
            return Err(FilterError::State { name: word.clone(), nearest: nearest(word, STATES) });
        }
    }
    Ok(Test::State(wanted.to_vec()))
}

fn value(name: &str, relation: Relation, wanted: &[String], values: &[String]) -> Result<Test, FilterError> {
    let is_known = values.iter().any(|value| value.eq_ignore_ascii_case(name));
    if !is_known {
        let columns: Vec<String> = Column::ALL.iter().map(|column| column.name().to_owned()).collect();
        let columns: Vec<String> = columns.into_iter().chain(values.iter().cloned()).collect();
        let nearest = nearest(name, columns.iter().map(String::as_str));
        return Err(FilterError::Column { name: name.to_owned(), nearest, columns });
    }
    let of = |word: &String| Wanted { word: word.clone(), span: Span::of(relation, word) };
    let all: Vec<Wanted> = wanted.iter().map(of).collect();
    if let Some(Wanted { word, .. }) = all.iter().find(|wanted| wanted.span.is_none()) {
        ordered(relation, name).map_err(|_| FilterError::Number { column: name.to_owned(), got: word.clone() })?;
    }
    Ok(Test::Value(name.to_lowercase(), all, relation == Relation::Equals))
}

impl Test {
    fn has(&self, run: &RunState, text: &RunText) -> bool {
        match self {
            Self::Anything(word) => {
                let contains = |text: &str| text.to_lowercase().contains(word.as_str());
                text.anywhere.contains(word.as_str())
                    || run.word().contains(word.as_str())
                    || reason(&run.status).is_some_and(contains)
                    || run.stage.as_deref().is_some_and(contains)
            }
            Self::State(wanted) => wanted.iter().any(|word| run.word().starts_with(word.as_str())),
            Self::Text(column, wanted, exact) => column.texts(run).iter().any(|text| {
                let text = text.to_lowercase();
                wanted.iter().any(|word| if *exact { text == *word } else { text.contains(word.as_str()) })
            }),
            Self::Number(column, spans) => {
                column.number(run).is_some_and(|number| spans.iter().any(|span| span.has(number)))
            }
            Self::Value(name, wanted, exact) => {
                let of_name = |(key, _): &&(String, Value)| {
                    key.eq_ignore_ascii_case(name) || short(key).eq_ignore_ascii_case(name)
                };
                let values = run.rows.iter().flat_map(|row| row.values.iter().filter(of_name));
                values.map(|(_, value)| value).any(|value| wanted.iter().any(|wanted| wanted.has(value, *exact)))
            }
        }
    }
}

impl Wanted {
    fn has(&self, value: &Value, exact: bool) -> bool {
        let number = match value {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Bool(_) | Value::Text(_) | Value::List(_) => None,
        };
        let text = match value {
            Value::Text(word) => word.to_lowercase(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => value.to_string().to_lowercase(),
        };
        match (number, self.span) {
            (Some(number), Some(span)) => span.has(number),
            (_, _) if exact => text == self.word,
            (_, _) => text.contains(&self.word),
        }
    }
}

/// The last part of a dotted key, as rows show it.
pub fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Why a run is in its state, where that is told.
pub fn reason(status: &RunStatus) -> Option<&str> {
    match status {
        RunStatus::Failed { reason } | RunStatus::NotApplicable { reason } => Some(reason),
        RunStatus::Queued
        | RunStatus::Running { .. }
        | RunStatus::Paused
        | RunStatus::Finished
        | RunStatus::Cancelled
        | RunStatus::Pruned => None,
    }
}

#[cfg(test)]
mod tests;
