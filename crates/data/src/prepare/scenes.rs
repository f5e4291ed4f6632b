//! The scene of each row, and which rows are left out for want of one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use serde::{Deserialize, Serialize};

use crate::card::{Card, Grouping, Leftover, SceneCard, SceneRule};
use crate::error::DataError;
use crate::listed::Listed;
use crate::part::Part;
use crate::prepare::numbers::numbers;
use crate::prepare::words::{MISSING, Values, Words};
use crate::table::Piece;

/// Name of the scene of rows without a scene.
const MISSING_NAME: &str = "(missing)";
/// Name of the scene of rows whose value is in no group.
const OTHER_NAME: &str = "(other)";
/// Between the names of several columns.
const JOINT: &str = " / ";
/// Key of a row that is left out.
const DROPPED: u32 = MISSING - 1;

/// Counts the rows of each scene.
#[derive(Debug)]
pub(crate) struct SceneFit {
    counts: BTreeMap<String, [u64; 3]>,
    missing: [u64; 3],
}

/// Scenes and their order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Scenes {
    /// Names, by index.
    pub names: Vec<String>,
    /// Rows of each in train, valid and test.
    pub rows: Vec<[u64; 3]>,
    positions: BTreeMap<String, u32>,
    missing: Option<u32>,
}

/// The scenes of some rows by name; `None` when all rows are of one scene.
#[derive(Debug)]
pub(crate) struct SceneWords<'a>(Option<Words<'a>>);

impl SceneWords<'_> {
    /// Whether the row at `at` is left out.
    pub(crate) fn dropped(&self, at: usize) -> bool {
        self.0.as_ref().is_some_and(|words| words.keys[at] == DROPPED)
    }
}

/// # Errors
/// When there is no such column, or a row lacks a scene and may not.
pub(crate) fn scene_words<'a>(card: &'a Card, piece: &'a Piece) -> Result<SceneWords<'a>, DataError> {
    let SceneCard::By(rule) = &card.scene else { return Ok(SceneWords(None)) };
    let refused = |words: &Words, at: usize| Err(without_scene(rule, piece, at, words.row(at))?);
    by_rule(rule, piece, refused)
}

/// As [`scene_words`], of rows that the card is not about: those that may not lack a scene have none.
///
/// # Errors
/// When there is no such column.
pub(crate) fn scene_words_of_any<'a>(card: &'a Card, piece: &'a Piece) -> Result<SceneWords<'a>, DataError> {
    let SceneCard::By(rule) = &card.scene else { return Ok(SceneWords(None)) };
    by_rule(rule, piece, |_, _| Ok(DROPPED))
}

fn by_rule<'a>(
    rule: &'a SceneRule,
    piece: &'a Piece,
    wrong: impl Fn(&Words, usize) -> Result<u32, DataError>,
) -> Result<SceneWords<'a>, DataError> {
    let mut words = match rule.columns.as_slice() {
        [column] => by_column(rule, piece, column)?,
        several => joined(piece, several)?,
    };
    let listed = listed(rule, &mut words);
    settle(rule, &mut words, &listed, wrong)?;
    Ok(SceneWords(Some(words)))
}

/// What the columns of scenes hold, whatever the card makes of it.
#[derive(Debug, Default)]
pub(crate) struct RawScenes<'a>(Vec<Words<'a>>);

impl<'a> RawScenes<'a> {
    /// # Errors
    /// When there is no such column.
    pub(crate) fn of(card: &'a Card, piece: &'a Piece) -> Result<Self, DataError> {
        let SceneCard::By(rule) = &card.scene else { return Ok(Self(vec![])) };
        let words = |column: &'a String| Words::of_any(&piece.column(column)?);
        rule.columns.iter().map(words).collect::<Result<_, _>>().map(Self)
    }

    /// Of the row at `at`; `None` where a column has nothing.
    pub(crate) fn get(&self, at: usize) -> Option<String> {
        let values: Option<Vec<&str>> = self.0.iter().map(|words| words.row(at)).collect();
        values.filter(|values| !values.is_empty()).map(|values| values.join(JOINT))
    }
}

fn by_column<'a>(rule: &SceneRule, piece: &'a Piece, column: &'a str) -> Result<Words<'a>, DataError> {
    let column = piece.column(column)?;
    let Grouping::Bins(cuts) = &rule.grouping else { return Words::of(&column) };
    let bin = |value: f64| if value.is_nan() { MISSING } else { cuts.partition_point(|cut| *cut <= value) as u32 };
    let keys = numbers(&column)?.into_iter().map(bin).collect();
    Ok(Words { keys, values: Values::List(bin_names(cuts).into_iter().map(Cow::Owned).collect()) })
}

/// Whether the card has a scene for each value; a value takes the name of its group, or that which the list has.
fn listed<'a>(rule: &'a SceneRule, words: &mut Words<'a>) -> Vec<bool> {
    let group_of = |value: &str, groups: &'a [(String, Vec<Listed>)]| {
        let group = groups.iter().find(|(_, members)| members.iter().any(|member| member.means(value)));
        group.map(|(name, _)| name.as_str())
    };
    let listed = |value: &mut Cow<'a, str>| {
        let name = match (&rule.grouping, &rule.names) {
            (Grouping::Groups(groups), _) => group_of(value, groups),
            (Grouping::Values, Some(names)) => names.iter().find(|name| name.means(value)).map(Listed::as_str),
            (Grouping::Values, None) | (Grouping::Bins(_), _) => return true,
        };
        if let Some(name) = name {
            *value = Cow::Borrowed(name);
        }
        name.is_some()
    };
    words.values.to_mut().iter_mut().map(listed).collect()
}

/// `below 18`, `18 to 25`, `from 25`.
pub(crate) fn bin_names(cuts: &[f64]) -> Vec<String> {
    let (Some(first), Some(last)) = (cuts.first(), cuts.last()) else { return vec!["all".to_owned()] };
    let between = cuts.windows(2).map(|pair| format!("{} to {}", pair[0], pair[1]));
    std::iter::once(format!("below {first}")).chain(between).chain([format!("from {last}")]).collect()
}

/// A name for each combination of values; a row that lacks one lacks a scene.
fn joined<'a>(piece: &'a Piece, columns: &'a [String]) -> Result<Words<'a>, DataError> {
    let all: Vec<Words> = columns
        .iter()
        .map(|column| piece.column(column).and_then(|column| Words::of(&column)))
        .collect::<Result<_, _>>()?;
    let (mut known, mut values) = (HashMap::new(), vec![]);
    let keys = (0..piece.rows()).map(|at| {
        let keys: Vec<u32> = all.iter().map(|words| words.keys[at]).collect();
        if keys.contains(&MISSING) {
            return MISSING;
        }
        *known.entry(keys).or_insert_with(|| {
            let names: Vec<&str> = all.iter().filter_map(|words| words.row(at)).collect();
            values.push(Cow::Owned(names.join(JOINT)));
            values.len() as u32 - 1
        })
    });
    Ok(Words { keys: keys.collect(), values: Values::List(values) })
}

/// Gives rows without a scene what the card says.
fn settle(
    rule: &SceneRule,
    words: &mut Words,
    listed: &[bool],
    wrong: impl Fn(&Words, usize) -> Result<u32, DataError>,
) -> Result<(), DataError> {
    let other = words.values.len() as u32;
    words.values.to_mut().push(Cow::Borrowed(OTHER_NAME));
    for at in 0..words.keys.len() {
        let key = words.keys[at];
        let is_missing = key == MISSING;
        if !is_missing && listed[key as usize] {
            continue;
        }
        let key = match if is_missing { rule.missing } else { rule.others } {
            Leftover::Own if is_missing => MISSING,
            Leftover::Own => other,
            Leftover::Drop => DROPPED,
            Leftover::Error => wrong(words, at)?,
        };
        words.keys.to_mut()[at] = key;
    }
    Ok(())
}

/// The error for a row whose value is none of the card's.
fn without_scene(rule: &SceneRule, piece: &Piece, at: usize, value: Option<&str>) -> Result<DataError, DataError> {
    let column = piece.column(&rule.columns[0])?;
    let Some(value) = value else {
        let expected = "a scene; missing scenes may also be a scene of their `own`, or rows to `drop`";
        return Ok(column.value_error(at, "missing".into(), expected));
    };
    let known: Vec<String> = match (&rule.grouping, &rule.names) {
        (Grouping::Groups(groups), _) => {
            groups.iter().flat_map(|(_, members)| members).map(Listed::to_string).collect()
        }
        (Grouping::Values | Grouping::Bins(_), names) => names.iter().flatten().map(Listed::to_string).collect(),
    };
    Ok(column.value_error(at, value.to_owned(), format!("one of {}", known.join(", "))))
}

impl SceneFit {
    pub(crate) fn new() -> Self {
        Self { counts: BTreeMap::new(), missing: [0; 3] }
    }

    /// Counts rows; a part of `None` is that of a row left out.
    pub(crate) fn add(&mut self, card: &Card, words: &SceneWords, parts: &[Option<Part>]) {
        let values: Vec<&str> = match (&card.scene, &words.0) {
            (SceneCard::One(name), _) => vec![name],
            (SceneCard::By(_), words) => words.iter().flat_map(|words| words.values.iter()).collect(),
        };
        // Each name is looked up once a piece.
        let mut of_value = vec![[0; 3]; values.len()];
        for (at, part) in parts.iter().enumerate() {
            let Some(part) = part else { continue };
            let key = words.0.as_ref().map_or(0, |words| words.keys[at]);
            let counts = of_value.get_mut(key as usize).unwrap_or(&mut self.missing);
            counts[usize::from(part.code())] += 1;
        }
        for (name, counts) in values.into_iter().zip(of_value).filter(|(_, counts)| *counts != [0; 3]) {
            let all = self.counts.entry(name.to_owned()).or_default();
            all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
        }
    }

    /// Scenes sorted by name, or in the card's order; rows without one come last.
    pub(crate) fn finish(self, card: &Card) -> Scenes {
        let mut names = match &card.scene {
            SceneCard::By(rule) => rule.order(&self.counts),
            SceneCard::One(_) => vec![],
        };
        let unlisted = self.counts.keys().filter(|name| !names.contains(name)).cloned();
        names.extend(unlisted.collect::<Vec<_>>());
        let mut rows: Vec<[u64; 3]> =
            names.iter().map(|name| self.counts.get(name).copied().unwrap_or_default()).collect();
        let positions = names.iter().cloned().zip(0..).collect();
        let own = self.missing.iter().sum::<u64>() > 0;
        if own {
            names.push(MISSING_NAME.to_owned());
            rows.push(self.missing);
        }
        Scenes { missing: own.then(|| names.len() as u32 - 1), names, rows, positions }
    }
}

impl SceneRule {
    /// The scenes that the card lists; of bins those with rows.
    fn order(&self, counts: &BTreeMap<String, [u64; 3]>) -> Vec<String> {
        match (&self.names, &self.grouping) {
            (Some(names), _) => names.iter().map(Listed::to_string).collect(),
            (None, Grouping::Groups(groups)) => groups.iter().map(|(name, _)| name.clone()).collect(),
            (None, Grouping::Bins(cuts)) => {
                bin_names(cuts).into_iter().filter(|name| counts.contains_key(name)).collect()
            }
            (None, Grouping::Values) => vec![],
        }
    }
}

impl Scenes {
    /// The scene of each row of a piece; `None` for those that are of none of these.
    pub(crate) fn find(&self, words: &SceneWords, rows: usize) -> Vec<Option<u32>> {
        let Some(words) = &words.0 else { return vec![Some(0); rows] };
        let of_value: Vec<Option<u32>> = words.values.iter().map(|value| self.positions.get(value).copied()).collect();
        let scene = |key: &u32| match *key {
            MISSING => self.missing,
            DROPPED => None,
            key => of_value[key as usize],
        };
        words.keys.iter().map(scene).collect()
    }

    /// The scene of each row of a piece (also of those left out: any).
    pub(crate) fn of(&self, words: &SceneWords, rows: usize) -> Vec<u32> {
        let Some(words) = &words.0 else { return vec![0; rows] };
        let of_value: Vec<u32> =
            words.values.iter().map(|value| self.positions.get(value).copied().unwrap_or(0)).collect();
        let missing = self.missing.unwrap_or(0);
        words.keys.iter().map(|&key| of_value.get(key as usize).copied().unwrap_or(missing)).collect()
    }
}
