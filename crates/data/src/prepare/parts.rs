//! Which part each row belongs to.

use std::borrow::Cow;
use std::path::Path;

use mmtl_plan::Stream;

use crate::card::{Card, Identity};
use crate::error::DataError;
use crate::kept::Kept;
use crate::listed::Listed;
use crate::part::Part;
use crate::prepare::identity::{groups, places, row_ids};
use crate::prepare::scenes::{SceneWords, scene_words};
use crate::prepare::times::times;
use crate::prepare::words::{MISSING, Words};
use crate::split::{GivenBy, GivenValid, Split, TimeBounds, drawn};
use crate::table::Piece;

/// The rows of a piece by part: `None` for those left out. `ids` is what the rows are known by.
fn parts(
    card: &Card,
    piece: &Piece,
    scenes: &SceneWords,
    ids: &[u64],
    seed: u64,
) -> Result<Vec<Option<Part>>, DataError> {
    let stream = Split::stream(seed);
    let mut parts = match &card.split {
        Split::Random { valid, test } => ids.iter().map(|&id| Some(drawn(stream, id, *valid, *test))).collect(),
        Split::ByKey { column, valid, test } => by_key(piece, column, ids, stream, (*valid, *test))?,
        Split::Given { by, train, valid, test } => given(piece, scenes, ids, stream, by, [train, test], valid)?,
        Split::Time { column, unit, bounds, gap } => {
            let TimeBounds::At { valid, test } = *bounds else {
                unreachable!("shares are resolved before rows are read")
            };
            times(&piece.column(column)?, *unit)?
                .into_iter()
                .enumerate()
                .map(|(at, time)| {
                    if scenes.dropped(at) {
                        return Ok(None);
                    }
                    let missing =
                        || piece.column(column).map(|column| column.value_error(at, "missing".into(), "a time"));
                    time.map_or_else(|| missing().and_then(Err), |time| Ok(by_time(time, valid, test, *gap)))
                })
                .collect::<Result<_, DataError>>()?
        }
    };
    for (at, part) in parts.iter_mut().enumerate() {
        if scenes.dropped(at) {
            *part = None;
        }
    }
    Ok(parts)
}

fn by_time(time: f64, valid: f64, test: f64, gap: f64) -> Option<Part> {
    match time {
        _ if time >= test => Some(Part::Test),
        _ if time >= test - gap => None,
        _ if time >= valid => Some(Part::Valid),
        _ if time >= valid - gap => None,
        _ => Some(Part::Train),
    }
}

/// A row without a value is drawn alone.
fn by_key(
    piece: &Piece,
    column: &str,
    ids: &[u64],
    stream: Stream,
    (valid, test): (f64, f64),
) -> Result<Vec<Option<Part>>, DataError> {
    let groups = groups(&piece.column(column)?)?;
    let part = |(group, id): (Option<u64>, &u64)| Some(drawn(stream, group.unwrap_or(*id), valid, test));
    Ok(groups.into_iter().zip(ids).map(part).collect())
}

fn given(
    piece: &Piece,
    scenes: &SceneWords,
    ids: &[u64],
    stream: Stream,
    by: &GivenBy,
    [train, test]: [&[Listed]; 2],
    valid: &GivenValid,
) -> Result<Vec<Option<Part>>, DataError> {
    let valid_words: &[Listed] = if let GivenValid::Words(words) = valid { words } else { &[] };
    let part_of = |word: &str| {
        let among = |words: &[Listed]| words.iter().any(|pattern| means(by, pattern, word));
        let parts = [(train, Part::Train), (valid_words, Part::Valid), (test, Part::Test)];
        let mut of_word = parts.into_iter().filter(|(words, _)| among(words)).map(|(_, part)| part);
        // A file that fits two patterns belongs to neither.
        of_word.next().filter(|_| of_word.next().is_none())
    };
    let settle = |part: Part, id: u64| match (valid, part) {
        (GivenValid::ShareOfTest(share), Part::Test) | (GivenValid::ShareOfTrain(share), Part::Train)
            if stream.uniform(0, id) < *share =>
        {
            Part::Valid
        }
        _ => part,
    };
    let expected = || {
        let words = train.iter().chain(valid_words).chain(test).map(|word| format!("`{word}`"));
        words.collect::<Vec<_>>().join(" or ")
    };
    match by {
        GivenBy::File => {
            let name = piece.origin.as_str();
            let part =
                part_of(name).ok_or_else(|| DataError::FileOfNoPart { file: name.to_owned(), expected: expected() })?;
            Ok(ids.iter().map(|&id| Some(settle(part, id))).collect())
        }
        GivenBy::Column(column) => {
            let column = piece.column(column)?;
            let words = Words::of(&column)?;
            let of_word: Vec<Option<Part>> = words.values.iter().map(part_of).collect();
            let part = |at: usize| {
                if scenes.dropped(at) {
                    return Ok(None);
                }
                let known = (words.keys[at] != MISSING).then(|| of_word[words.keys[at] as usize]).flatten();
                let stranger = || column.value_error(at, words.row(at).unwrap_or("missing").to_owned(), expected());
                known.map(|part| Some(settle(part, ids[at]))).ok_or_else(stranger)
            };
            (0..piece.rows()).map(part).collect()
        }
    }
}

fn means(by: &GivenBy, listed: &Listed, word: &str) -> bool {
    match by {
        GivenBy::Column(_) => listed.means(word),
        GivenBy::File => crate::read::picks(listed.as_str(), Path::new(word)),
    }
}

/// The card's split with shares of times replaced by the times where they begin.
///
/// # Errors
/// When a time is missing or cannot be read.
pub(crate) fn resolved(card: &Card, table: &Kept) -> Result<Split, DataError> {
    let Split::Time { column, unit, bounds: TimeBounds::Shares { valid, test }, gap } = &card.split else {
        return Ok(card.split.clone());
    };
    let mut all = vec![];
    table.scan(&mut |piece| {
        let (of_column, scenes) = (piece.column(column)?, scene_words(card, piece)?);
        // Shares are of what is kept.
        let times = times(&of_column, *unit)?.into_iter().enumerate();
        for (at, time) in times.filter(|(at, _)| !scenes.dropped(*at)) {
            all.push(time.ok_or_else(|| of_column.value_error(at, "missing".into(), "a time"))?);
        }
        Ok(())
    })?;
    all.sort_unstable_by(f64::total_cmp);
    // With no rows at all, no part has one, which is said later.
    let at = |share: f64| {
        let rank = ((1.0 - share) * all.len() as f64).round() as usize;
        all.get(rank).copied().unwrap_or(f64::INFINITY)
    };
    let bounds = TimeBounds::At { valid: at(valid + test), test: at(*test) };
    Ok(Split::Time { column: column.clone(), unit: *unit, bounds, gap: *gap })
}

/// What the rows of a piece are known by, and their parts: found once, and kept for later readings.
pub(crate) struct Known {
    /// `None` where that is their place.
    ids: Option<Vec<u64>>,
    pub(crate) parts: Vec<Option<Part>>,
    /// Numbers of the fields' values in their vocabularies, where there is room for them.
    pub(crate) numbers: Option<Numbers>,
}

/// For each field of a piece that is a category, the number of each distinct value in its vocabulary; of none where there
/// are more values than rows.
pub(crate) type Numbers = Vec<Vec<u32>>;

impl Known {
    /// # Errors
    /// As [`row_ids`], and when a row cannot be told to be of a part.
    pub(crate) fn of(card: &Card, piece: &Piece, scenes: &SceneWords, seed: u64) -> Result<Self, DataError> {
        let ids = row_ids(card, piece)?;
        let parts = parts(card, piece, scenes, &ids, seed)?;
        Ok(Self { ids: (card.identity != Identity::Position).then_some(ids), parts, numbers: None })
    }

    /// What each row of the piece is known by.
    pub(crate) fn ids(&self, piece: &Piece) -> Cow<'_, [u64]> {
        self.ids.as_ref().map_or_else(|| Cow::Owned(places(piece)), Cow::from)
    }

    /// What the rows are known by, where that may repeat.
    pub(crate) fn repeatable(&self) -> Option<&[u64]> {
        self.ids.as_deref()
    }
}
