//! The second reading: makes chunks of rows.

use rayon::prelude::*;

use crate::card::{Card, Identity};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::columns::Columns;
use crate::error::DataError;
use crate::kept::Kept;
use crate::pack::pack;
use crate::prepare::fit::Fitted;
use crate::prepare::identity::{Repeats, groups};
use crate::prepare::labels::labels;
use crate::prepare::numbers::numbers;
use crate::prepare::parts::Known;
use crate::prepare::scenes::scene_words;
use crate::prepare::slices::members;
use crate::prepare::words::Words;
use crate::progress::{Progress, Stage};
use crate::table::{Column, Piece};

/// Pieces that are encoded side by side.
const TOGETHER: usize = 4;

/// What [`encode`] hands chunks to, on whatever thread.
pub(crate) type EachChunk<'a> = &'a mut (dyn FnMut(Chunk) -> Result<(), DataError> + Send);

/// Reads the table once more and hands chunks of encoded rows to `each`, all full but the last.
///
/// # Errors
/// As the first reading, and whatever `each` returns.
pub(crate) fn encode(
    card: &Card,
    fitted: &Fitted,
    table: &Kept,
    progress: &mut dyn FnMut(Progress),
    each: EachChunk,
) -> Result<(), DataError> {
    let mut pending = Pending::new(card, fitted);
    let (mut pieces, mut encoded, mut known) = (vec![], vec![], fitted.known.iter());
    // While some pieces are encoded, those before them are handed over, or what was wrong with the first of them is.
    let mut advance = |pieces: &mut Vec<(Piece, &Known)>| {
        let (next, handed_over) = rayon::join(
            || pieces.par_iter().map(|(piece, known)| Encoded::of(card, fitted, piece, known)).collect::<Vec<_>>(),
            || {
                std::mem::take(&mut encoded).into_iter().try_for_each(|(piece, done)| {
                    pending.add(card, &piece, done?)?;
                    pending.hand_over(each)
                })
            },
        );
        handed_over?;
        for ((piece, _), next) in pieces.drain(..).zip(next) {
            let done = piece.first_row + piece.rows() as u64;
            progress(Progress { stage: Stage::Encode, done, share: piece.share });
            encoded.push((piece, next));
        }
        Ok(())
    };
    let mut end = (String::new(), 0);
    table.scan(&mut |piece| {
        let known = known.next().filter(|known| known.parts.len() == piece.rows());
        pieces.push((piece.clone(), known.ok_or_else(|| changed(&piece.origin, piece.first_in_file))?));
        end = (piece.origin.clone(), piece.first_in_file + piece.rows() as u64);
        if pieces.len() < TOGETHER { Ok(()) } else { advance(&mut pieces) }
    })?;
    if known.next().is_some() {
        return Err(changed(&end.0, end.1));
    }
    // The last that are encoded, then handed over.
    advance(&mut pieces)?;
    advance(&mut pieces)?;
    match pending.columns.rows() {
        0 => Ok(()),
        rest => each(pack(&pending.columns, 0..rest)),
    }
}

fn pick<'a, T: Copy>(kept: &'a [usize], values: &'a [T]) -> impl Iterator<Item = T> + 'a {
    kept.iter().map(|&at| values[at])
}

/// What rows weigh.
pub(super) fn weights(column: &Column) -> Result<Vec<f32>, DataError> {
    let weight = |(at, value): (usize, f64)| {
        let weight = value as f32;
        let fits = weight.is_finite() && weight >= 0.0;
        let shown = if value.is_nan() { "missing".to_owned() } else { value.to_string() };
        fits.then_some(weight).ok_or_else(|| column.value_error(at, shown, "a weight of at least 0"))
    };
    numbers(column)?.into_iter().enumerate().map(weight).collect()
}

/// The error for a file that has other rows after the first `rows` than at its first reading.
fn changed(origin: &str, rows: u64) -> DataError {
    let fault = "or one after it came or went since the file was first read".to_owned();
    DataError::BadRow { origin: origin.to_owned(), row: rows + 1, fault, expected: "a file that nobody writes to" }
}

/// The rows of a piece that are not left out.
struct Encoded {
    /// Their places in the piece.
    kept: Vec<usize>,
    /// With what rows are known by in the place of ids: equal contents share it.
    columns: Columns,
}

impl Encoded {
    fn of(card: &Card, fitted: &Fitted, piece: &Piece, known: &Known) -> Result<Self, DataError> {
        let words = scene_words(card, piece)?;
        let (ids, parts) = (known.ids(piece), &known.parts);
        let kept: Vec<usize> = (0..piece.rows()).filter(|&at| parts[at].is_some()).collect();
        let scenes = fitted.scenes.of(&words, piece.rows());
        let mut columns = empty(card, fitted);
        columns.row_ids.extend(pick(&kept, &ids));
        if let Some(column) = &card.weight {
            columns.weights.extend(pick(&kept, &weights(&piece.column(column)?)?));
        }
        if let Some(column) = &card.group {
            let groups = groups(&piece.column(column)?)?;
            // A row of nobody known is a group of its own.
            columns.groups.extend(kept.iter().map(|&at| groups[at].unwrap_or(ids[at])));
        }
        columns.parts.extend(parts.iter().flatten());
        columns.scenes.extend(pick(&kept, &scenes));
        let scene_field = fitted.schema.scene_field;
        fitted.encoders.encode(piece, &kept, known.numbers.as_ref(), &mut columns.fields[scene_field + 1..])?;
        let labels = labels(card, piece)?;
        let mut of_row = vec![f64::NAN; labels.len()];
        for &at in &kept {
            of_row.iter_mut().zip(&labels).for_each(|(label, column)| *label = column[at]);
            fitted.rules.settle(&mut of_row);
            columns.labels.iter_mut().zip(&of_row).for_each(|(column, label)| column.push(*label));
        }
        for (slice, (_, column)) in card.slices.iter().zip(&mut columns.slices) {
            column.extend(pick(&kept, &members(slice, piece)?));
        }
        Ok(Self { kept, columns })
    }
}

fn empty(card: &Card, fitted: &Fitted) -> Columns {
    let slices = card.slices.iter().map(|slice| (slice.name.clone(), vec![])).collect();
    Columns { slices, ..Columns::empty(&fitted.schema) }
}

/// Encoded rows that do not fill a chunk yet.
struct Pending {
    columns: Columns,
    repeats: Repeats,
}

impl Pending {
    fn new(card: &Card, fitted: &Fitted) -> Self {
        Self { columns: empty(card, fitted), repeats: fitted.repeats.clone() }
    }

    /// Adds the rows of a piece, each with an id of its own.
    fn add(&mut self, card: &Card, piece: &Piece, mut encoded: Encoded) -> Result<(), DataError> {
        for (id, &at) in encoded.columns.row_ids.iter_mut().zip(&encoded.kept) {
            let (unique, repeated) = self.repeats.next(*id);
            if let (true, Identity::Column(column)) = (repeated, &card.identity) {
                let column = piece.column(column)?;
                let value = Words::of(&column)?.row(at).unwrap_or_default().to_owned();
                return Err(column.value_error(at, value, "an id that no other row has"));
            }
            *id = unique;
        }
        self.columns.append(encoded.columns);
        Ok(())
    }

    /// Hands over the chunks that are full, which are then gone.
    fn hand_over(&mut self, each: EachChunk) -> Result<(), DataError> {
        let full = self.columns.rows() / CHUNK_ROWS * CHUNK_ROWS;
        for from in (0..full).step_by(CHUNK_ROWS) {
            each(pack(&self.columns, from..from + CHUNK_ROWS))?;
        }
        self.columns.forget(full);
        Ok(())
    }
}
