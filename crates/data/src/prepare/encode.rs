//! The second reading: makes chunks of rows.

use crate::card::{Card, Identity};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::columns::{Columns, FieldColumn};
use crate::error::DataError;
use crate::pack::pack;
use crate::prepare::fit::Fitted;
use crate::prepare::identity::{Repeats, groups};
use crate::prepare::labels::labels;
use crate::prepare::numbers::numbers;
use crate::prepare::parts::ids_and_parts;
use crate::prepare::scenes::scene_words;
use crate::prepare::slices::members;
use crate::prepare::words::Words;
use crate::progress::{Progress, Stage};
use crate::table::{Column, Kept, Piece};

/// Reads the table once more and hands chunks of encoded rows to `each`, all full but the last.
///
/// # Errors
/// As the first reading, and whatever `each` returns.
pub(crate) fn encode(
    card: &Card,
    fitted: &Fitted,
    table: &Kept,
    seed: u64,
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(Chunk) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut pending = Pending::new(card, fitted);
    table.scan(&mut |piece| {
        pending.add(card, fitted, piece, seed)?;
        while pending.columns.rows() >= CHUNK_ROWS {
            each(pending.take(CHUNK_ROWS))?;
        }
        progress(Progress { stage: Stage::Encode, done: piece.first_row + piece.rows() as u64, share: piece.share });
        Ok(())
    })?;
    match pending.columns.rows() {
        0 => Ok(()),
        rest => each(pending.take(rest)),
    }
}

fn pick<'a, T: Copy>(kept: &'a [usize], values: &'a [T]) -> impl Iterator<Item = T> + 'a {
    kept.iter().map(|&at| values[at])
}

fn weights(column: &Column) -> Result<Vec<f32>, DataError> {
    let weight = |(at, value): (usize, f64)| {
        let weight = value as f32;
        let fits = weight.is_finite() && weight >= 0.0;
        let shown = if value.is_nan() { "missing".to_owned() } else { value.to_string() };
        fits.then_some(weight).ok_or_else(|| column.value_error(at, shown, "a weight of at least 0"))
    };
    numbers(column)?.into_iter().enumerate().map(weight).collect()
}

/// Encoded rows that do not fill a chunk yet.
struct Pending {
    columns: Columns,
    repeats: Repeats,
}

impl Pending {
    fn new(card: &Card, fitted: &Fitted) -> Self {
        let slices = card.slices.iter().map(|slice| (slice.name.clone(), vec![])).collect();
        Self { columns: Columns { slices, ..Columns::empty(&fitted.schema) }, repeats: fitted.repeats.clone() }
    }

    fn add(&mut self, card: &Card, fitted: &Fitted, piece: &Piece, seed: u64) -> Result<(), DataError> {
        let words = scene_words(card, piece)?;
        let (ids, parts) = ids_and_parts(card, piece, &words, seed)?;
        let kept: Vec<usize> = (0..piece.rows()).filter(|&at| parts[at].is_some()).collect();
        let scenes = fitted.scenes.of(&words, piece.rows());
        let columns = &mut self.columns;
        for &at in &kept {
            let (id, repeated) = self.repeats.next(ids[at]);
            if let (true, Identity::Column(column)) = (repeated, &card.identity) {
                let column = piece.column(column)?;
                let value = Words::of(&column)?.row(at).unwrap_or_default().to_owned();
                return Err(column.value_error(at, value, "an id that no other row has"));
            }
            columns.row_ids.push(id);
        }
        if let Some(column) = &card.weight {
            columns.weights.extend(pick(&kept, &weights(&piece.column(column)?)?));
        }
        if let Some(column) = &card.group {
            let groups = groups(&piece.column(column)?)?;
            // A row of nobody known is a group of its own.
            columns.groups.extend(kept.iter().map(|&at| groups[at].unwrap_or(ids[at])));
        }
        columns.parts.extend(parts.iter().flatten());
        columns.scenes.extend(kept.iter().map(|&at| scenes[at]));
        let scene_field = fitted.schema.scene_field;
        fitted.encoders.encode(piece, &kept, &mut columns.fields[scene_field + 1..])?;
        let mut labels = labels(card, piece)?;
        let mut of_row = vec![f64::NAN; labels.len()];
        for &at in &kept {
            of_row.iter_mut().zip(&mut labels).for_each(|(label, column)| *label = column[at]);
            fitted.rules.settle(&mut of_row);
            columns.labels.iter_mut().zip(&of_row).for_each(|(column, label)| column.push(*label));
        }
        for (slice, (_, column)) in card.slices.iter().zip(&mut columns.slices) {
            let members = members(slice, piece)?;
            column.extend(kept.iter().map(|&at| members[at]));
        }
        Ok(())
    }

    /// The first `rows` rows, which are then gone.
    fn take(&mut self, rows: usize) -> Chunk {
        let chunk = pack(&self.columns, 0..rows);
        let columns = &mut self.columns;
        columns.row_ids.drain(..rows);
        columns.parts.drain(..rows);
        columns.scenes.drain(..rows);
        columns.weights.drain(..rows.min(columns.weights.len()));
        columns.groups.drain(..rows.min(columns.groups.len()));
        columns.labels.iter_mut().for_each(|column| drop(column.drain(..rows)));
        columns.slices.iter_mut().for_each(|(_, column)| drop(column.drain(..rows)));
        for field in &mut columns.fields {
            match field {
                FieldColumn::Ids(ids) => drop(ids.drain(..rows)),
                FieldColumn::Numeric(values) => drop(values.drain(..rows)),
                FieldColumn::Tokens { ids, starts } => {
                    let gone = starts[rows];
                    ids.drain(..gone as usize);
                    starts.drain(..rows);
                    for start in starts {
                        *start -= gone;
                    }
                }
                FieldColumn::Scene => {}
            }
        }
        chunk
    }
}
