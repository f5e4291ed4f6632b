//! The scene of each row, and which rows are left out for want of one.

use std::collections::BTreeMap;

use crate::card::{Card, MissingScene, SceneCard};
use crate::error::DataError;
use crate::part::Part;
use crate::prepare::words::{MISSING, Words};
use crate::table::Piece;

/// Name of the scene of rows without a scene.
const MISSING_NAME: &str = "(missing)";

/// Counts the rows of each scene.
#[derive(Debug)]
pub(crate) struct SceneFit {
    counts: BTreeMap<String, [u64; 3]>,
    missing: [u64; 3],
}

/// Scenes and their order.
#[derive(Debug)]
pub(crate) struct Scenes {
    /// Names, by index.
    pub names: Vec<String>,
    /// Rows of each in train, valid and test.
    pub rows: Vec<[u64; 3]>,
    positions: BTreeMap<String, u32>,
    missing: Option<u32>,
}

/// The scene column of some rows; `None` when all rows are of one scene.
pub(crate) type SceneWords<'a> = Option<Words<'a>>;

/// # Errors
/// When there is no such column, or a row lacks a scene and may not.
pub(crate) fn scene_words<'a>(card: &'a Card, piece: &'a Piece) -> Result<SceneWords<'a>, DataError> {
    let SceneCard::By { column, missing, names } = &card.scene else { return Ok(None) };
    let column = piece.column(column)?;
    let words = Words::of(&column)?;
    if *missing == MissingScene::Error
        && let Some(at) = words.keys.iter().position(|&key| key == MISSING)
    {
        let expected = "a scene; `missing_scene = \"own\"` makes these rows a scene, `\"drop\"` leaves them out";
        return Err(column.value_error(at, "missing".into(), expected));
    }
    if let Some(names) = names {
        let stranger = (0..piece.rows()).find(|&at| words.row(at).is_some_and(|w| !names.iter().any(|n| n == w)));
        if let Some(at) = stranger {
            let value = words.row(at).unwrap_or_default().to_owned();
            return Err(column.value_error(at, value, format!("one of {}", names.join(", "))));
        }
    }
    Ok(Some(words))
}

/// Whether the row at `at` is left out.
pub(crate) fn dropped(card: &Card, words: &SceneWords, at: usize) -> bool {
    let drops = matches!(&card.scene, SceneCard::By { missing: MissingScene::Drop, .. });
    drops && words.as_ref().is_some_and(|words| words.keys[at] == MISSING)
}

impl SceneFit {
    pub(crate) fn new() -> Self {
        Self { counts: BTreeMap::new(), missing: [0; 3] }
    }

    /// Counts rows; a part of `None` is that of a row left out.
    pub(crate) fn add(&mut self, card: &Card, words: &SceneWords, parts: &[Option<Part>]) {
        for (at, part) in parts.iter().enumerate() {
            let Some(part) = part else { continue };
            let scene = match (&card.scene, words) {
                (SceneCard::One(name), _) => Some(*name),
                (SceneCard::By { .. }, words) => words.as_ref().and_then(|words| words.row(at)),
            };
            let counts = match scene {
                None => &mut self.missing,
                Some(name) if self.counts.contains_key(name) => self.counts.get_mut(name).expect("it was just seen"),
                Some(name) => self.counts.entry(name.to_owned()).or_default(),
            };
            counts[usize::from(part.code())] += 1;
        }
    }

    /// Scenes sorted by name, or in the card's order; rows without one come last.
    pub(crate) fn finish(self, card: &Card) -> Scenes {
        let mut names: Vec<String> = match &card.scene {
            SceneCard::By { names: Some(names), .. } => names.clone(),
            SceneCard::By { names: None, .. } | SceneCard::One(_) => self.counts.keys().cloned().collect(),
        };
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

impl Scenes {
    /// The scene of each row of a piece (also of those left out: any).
    pub(crate) fn of(&self, words: &SceneWords, rows: usize) -> Vec<u32> {
        let Some(words) = words else { return vec![0; rows] };
        let of_value: Vec<u32> =
            words.values.iter().map(|value| self.positions.get(value.as_ref()).copied().unwrap_or(0)).collect();
        let missing = self.missing.unwrap_or(0);
        words.keys.iter().map(|&key| of_value.get(key as usize).copied().unwrap_or(missing)).collect()
    }
}
