//! What each column is for.

use thousands::Separable;

use crate::card::TimeUnit;
use crate::guess::names::{
    ANSWER, CLICK, CODE, CONVERSION, HISTORY, ITEM, PART, RATING, REQUEST, ROW, SCENE, TIME, USER, WEIGHT, says, words,
};
use crate::guess::profile::{Profile, Sample};
use crate::prepare::seconds;

/// What [`crate::guess::detect`] calls columns that have no name.
pub(super) const NAMELESS: &str = "column";
/// Words that stand beside the one that matters.
const ID: &[&str] = &["id", "ids", "key", "no", "number", "hash", "name"];
/// Whole numbers of so few values are taken for codes.
const FEW: usize = 10;
/// What values of a column that tells parts apart are: for train, validation and test.
pub(super) const PARTS: [&[&str]; 3] = [&["train"], &["valid", "validation", "val", "dev"], &["test"]];
/// Values of a scene column, at most.
const MAX_SCENES: usize = 30;
/// Classes of a label, at most.
const MAX_CLASSES: usize = 20;
/// Words of a text, on average, from which on it is prose: titles are short.
const PROSE_WORDS: f64 = 2.0;

/// What a column is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purpose {
    Role(Role),
    Label(Label),
    Scene,
    /// It says which part a row is of.
    Part,
    Field(Kind),
    /// Nothing; and why.
    Nothing(String),
}

/// A role of `[columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Row,
    User,
    Item,
    Request,
    /// With its unit, where it is a number; otherwise it is a date as text.
    Time(Option<&'static str>),
    Weight,
}

/// A target.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Label {
    /// 0 and 1.
    Binary,
    /// Binary: 1 where the column has this text.
    Is(String),
    Regression,
    Multiclass,
}

/// A kind of field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Categorical,
    Numeric {
        log: bool,
    },
    Text,
    Multi,
    /// Whether its elements are items.
    Sequence {
        items: bool,
    },
}

impl Role {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::User => "user",
            Self::Item => "item",
            Self::Request => "request",
            Self::Time(_) => "time",
            Self::Weight => "weight",
        }
    }
}

/// What each column of a sample is for.
pub(super) struct Purposes {
    /// One for each column.
    pub of: Vec<Purpose>,
    /// Pairs of columns of labels of which the first is only ever 1 where the second is.
    pub given: Vec<(usize, usize)>,
}

impl Purposes {
    pub(super) fn of(sample: &Sample) -> Self {
        let columns = &sample.columns;
        let mut of: Vec<Purpose> = columns.iter().map(fixed).collect();
        // A role has one column: the first.
        for at in 0..of.len() {
            let Purpose::Role(role) = of[at] else { continue };
            if of[..at].iter().any(|other| matches!(other, Purpose::Role(first) if first.key() == role.key())) {
                of[at] = Purpose::Field(kind(&columns[at], None));
            }
        }
        let item = of.iter().position(|purpose| *purpose == Purpose::Role(Role::Item)).map(|at| &columns[at]);
        for (purpose, column) in of.iter_mut().zip(columns) {
            if let Purpose::Field(kind) = purpose {
                *kind = self::kind(column, item);
            }
        }
        if let Some(scene) = scene(&of, columns) {
            of[scene] = Purpose::Scene;
        }
        let given = given(&of, columns);
        Self { of, given }
    }
}

/// What a column is for by itself.
fn fixed(column: &Profile) -> Purpose {
    // A sample may well hold rows of one part only.
    let is_part = |value: &String| PARTS.iter().any(|words| words.contains(&value.to_lowercase().as_str()));
    if says(&column.name, PART) && column.known() > 0 && column.counts.keys().all(is_part) {
        return Purpose::Part;
    }
    if let Some(why) = useless(column) {
        return Purpose::Nothing(why);
    }
    if let Some(label) = label(column) {
        return Purpose::Label(label);
    }
    if let Some(role) = role(column) {
        return Purpose::Role(role);
    }
    if column.unique() && column.numbers.is_none() && column.list.is_none() && !prose(column) {
        return Purpose::Nothing("every row has a value of its own".into());
    }
    Purpose::Field(Kind::Categorical)
}

/// Why no use can be made of a column, if so.
fn useless(column: &Profile) -> Option<String> {
    if column.known() == 0 {
        return Some("it has no value".into());
    }
    if column.list.as_ref().is_some_and(|list| list.elements.is_empty()) {
        return Some("its lists are all empty".into());
    }
    if column.distinct() == 1 {
        return Some("it has one value".into());
    }
    if is_label_list(column) {
        return Some("it is named like a label, and holds lists; write one value a row to predict it".into());
    }
    if column.missing > 0 && is_weight(column) {
        let missing = column.missing.separate_with_commas();
        let way = "give each row one to weight rows by it (`weight` in [columns])";
        return Some(format!("it is named like a weight, and {missing} rows have none; {way}"));
    }
    None
}

fn is_weight(column: &Profile) -> bool {
    says(&column.name, WEIGHT) && column.numbers.is_some_and(|numbers| numbers.least >= 0.0)
}

/// Whether a column is named like a label, and holds it in lists; `last_clicks` and the like are lists in their own right.
pub(super) fn is_label_list(column: &Profile) -> bool {
    column.lists_of_one() && is_answer(&column.name) && !says(&column.name, HISTORY)
}

/// Whether a column is named like a label.
fn is_answer(name: &str) -> bool {
    [CLICK, CONVERSION, ANSWER, RATING].iter().any(|any| says(name, any))
}

/// Whether values are prose, of which few are the same.
fn prose(column: &Profile) -> bool {
    column.words >= PROSE_WORDS && column.distinct() * 2 > column.known()
}

fn label(column: &Profile) -> Option<Label> {
    let rating = says(&column.name, RATING);
    if column.list.is_some() || !is_answer(&column.name) {
        return None;
    }
    match (&column.numbers, column.distinct()) {
        (Some(_), 2) if column.binary() => Some(Label::Binary),
        (Some(_), distinct) if rating && distinct <= MAX_CLASSES => Some(Label::Regression),
        (None, 2) => column.top.last().map(|(rarer, _)| Label::Is(rarer.clone())),
        (numbers, distinct) if says(&column.name, &["label", "target", "y"]) => match numbers {
            Some(numbers) if !numbers.whole || distinct > MAX_CLASSES => Some(Label::Regression),
            // Classes that are far apart are listed by their texts, which only plain whole numbers have in every format.
            Some(numbers) if numbers.far_apart() && !column.counts.keys().all(|text| text.parse::<i64>().is_ok()) => {
                Some(Label::Regression)
            }
            _ if distinct <= MAX_CLASSES => Some(Label::Multiclass),
            _ => None,
        },
        _ => None,
    }
}

fn role(column: &Profile) -> Option<Role> {
    let words = words(&column.name);
    let only = |any: &[&str]| {
        let known = |word: &String| any.contains(&word.as_str()) || ID.contains(&word.as_str());
        words.iter().any(|word| any.contains(&word.as_str())) && words.iter().all(known)
    };
    let id = words.iter().any(|word| ["id", "rid", "request"].contains(&word.as_str()));
    let codes = column.list.is_none() && column.numbers.is_none_or(|numbers| numbers.whole) && column.distinct() > 2;
    let numbered = column.unique() && (words.is_empty() || only(ROW));
    match column.numbers {
        _ if codes && numbered => Some(Role::Row),
        _ if codes && only(USER) => Some(Role::User),
        _ if codes && only(ITEM) => Some(Role::Item),
        _ if codes && only(REQUEST) && id => Some(Role::Request),
        Some(_) if is_weight(column) => Some(Role::Weight),
        // A file without a header says nothing by its names.
        Some(numbers) if says(&column.name, TIME) || (codes && column.name.starts_with(NAMELESS)) => {
            unit(numbers.least, numbers.greatest)
                .or_else(|| are_dates(column).then_some("date"))
                .map(|u| Role::Time(Some(u)))
        }
        None if says(&column.name, TIME)
            && column
                .values
                .iter()
                .flatten()
                .all(|value| is_date(value) && seconds(value, TimeUnit::Seconds).is_some()) =>
        {
            Some(Role::Time(None))
        }
        _ => None,
    }
}

/// The unit of points in time between the years 1990 and 2100, counted from 1970.
fn unit(least: f64, greatest: f64) -> Option<&'static str> {
    let seconds = 631_152_000.0..4_102_444_800.0;
    let units = [("s", 1.0), ("ms", 1e3), ("us", 1e6)];
    let fits = |of_second: f64| seconds.contains(&(least / of_second)) && seconds.contains(&(greatest / of_second));
    units.iter().find(|(_, of_second)| fits(*of_second)).map(|(unit, _)| *unit)
}

/// Whether every number is a date, as 20240601 is.
fn are_dates(column: &Profile) -> bool {
    column.values.iter().flatten().all(|value| seconds(value, TimeUnit::Date).is_some())
}

/// Whether a text begins as `2024-06-01` does.
fn is_date(text: &str) -> bool {
    let form = |(at, byte): (usize, &u8)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() >= 10 && text.as_bytes()[..10].iter().enumerate().all(form)
}

fn kind(column: &Profile, item: Option<&Profile>) -> Kind {
    if let Some(list) = &column.list {
        let known = |element: &&String| item.is_some_and(|item| item.counts.contains_key(*element));
        let items = list.elements.keys().filter(known).count() * 2 > list.elements.len();
        return if items || says(&column.name, HISTORY) { Kind::Sequence { items } } else { Kind::Multi };
    }
    match column.numbers {
        Some(numbers) if numbers.whole && (says(&column.name, CODE) || column.distinct() <= FEW) => Kind::Categorical,
        Some(numbers) => {
            let log = numbers.least >= 0.0 && numbers.greatest > 100.0 && numbers.greatest > 20.0 * numbers.mean;
            Kind::Numeric { log }
        }
        None if prose(column) => Kind::Text,
        None => Kind::Categorical,
    }
}

/// The column whose name says most plainly that it is a scene, of few values of which none is nearly all.
fn scene(of: &[Purpose], columns: &[Profile]) -> Option<usize> {
    let fits = |at: &usize| {
        let column = &columns[*at];
        of[*at] == Purpose::Field(Kind::Categorical)
            && (2..=MAX_SCENES).contains(&column.distinct())
            && column.missing * 5 <= column.values.len()
            && column.top.first().is_some_and(|(_, count)| count * 20 <= column.known() * 19)
    };
    let plainness = |at: &usize| SCENE.iter().position(|word| says(&columns[*at].name, &[word]));
    let named = (0..columns.len()).filter(fits).filter_map(|at| plainness(&at).map(|rank| (rank, at)));
    named.min().map(|(_, at)| at)
}

/// Conversions that only follow clicks.
fn given(of: &[Purpose], columns: &[Profile]) -> Vec<(usize, usize)> {
    let binary = |any: &'static [&str]| {
        (0..columns.len()).filter(move |&at| of[at] == Purpose::Label(Label::Binary) && says(&columns[at].name, any))
    };
    let is_one = |value: &Option<String>| value.as_ref().is_some_and(|value| value.parse() == Ok(1.0));
    let only_after = |conversion: usize, click: usize| {
        let mut rows = columns[conversion].values.iter().zip(&columns[click].values);
        rows.all(|(conversion, click)| !is_one(conversion) || is_one(click))
    };
    let Some(click) = binary(CLICK).next() else { return vec![] };
    binary(CONVERSION).filter(|&at| at != click && only_after(at, click)).map(|at| (at, click)).collect()
}
