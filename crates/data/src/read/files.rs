//! A table in files.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::read::join::{Found, JoinFiles, Lookup};
use crate::read::parquet_rows;
use crate::read::pattern::MAIN;
use crate::read::piece_end::{PIECE_BYTES, PIECE_ROWS};
use crate::read::reading::{Format, Reading, Wanted};
use crate::read::rows::{Batch, rows};
use crate::read::search::Search;
use crate::table::{EachPiece, Origins, Piece, Table};

/// Pieces that are read ahead of those who ask for them.
const AHEAD: usize = 2;

/// A table in files, with the columns of others joined.
pub(super) struct Files {
    pub paths: Vec<PathBuf>,
    pub reading: Reading,
    /// What is read of the main table: what is wanted of it, then keys that are not.
    pub read: Vec<Wanted>,
    pub joins: Vec<JoinFiles>,
    /// Where each column wanted is: among those read of the main table (0) or of a join (its number + 1).
    pub places: Vec<(usize, usize)>,
    /// Names of the columns wanted.
    pub names: Vec<String>,
    /// Bytes of all files of the main table up to the start of each.
    pub starts: Vec<u64>,
    /// Whether a table is refused of which the main table has not one key.
    pub keys_must_match: bool,
    /// The tables that are joined, once read.
    pub lookups: Mutex<Option<Arc<Vec<Lookup>>>>,
}

impl Files {
    fn lookups(&self) -> Result<Arc<Vec<Lookup>>, DataError> {
        let mut kept = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lookups) = kept.as_ref() {
            return Ok(lookups.clone());
        }
        let lookups = Arc::new(self.joins.iter().map(Lookup::read).collect::<Result<Vec<_>, _>>()?);
        *kept = Some(lookups.clone());
        Ok(lookups)
    }

    /// Hands all rows to `each` until it is false.
    fn read(&self, each: &mut dyn FnMut(Piece) -> bool) -> Result<(), DataError> {
        let (lookups, mut first_row, joined) = (self.lookups()?, 0, self.joined_columns());
        let mut searches: Vec<Search> = lookups.iter().map(|_| Search::default()).collect();
        for (file, path) in self.paths.iter().enumerate() {
            let (origin, mut first_in_file) = (path.display().to_string(), 0);
            let mut rows = rows(path, &self.reading, &self.read, MAIN)?;
            while let Some(batch) = rows.batch()? {
                let share = self.share(file, batch.share);
                let found: Vec<_> = lookups.iter().map(|lookup| lookup.find(&batch.arrays)).collect();
                searches.iter_mut().zip(&found).for_each(|(search, found)| search.add(path, found));
                for (of_batch, columns) in self.joined(&lookups, &found, &batch) {
                    let rows = of_batch.len();
                    let made_of = batch.made_of.as_ref().map(|all| all[of_batch].to_vec());
                    let origins = Origins { rows: made_of, joined: joined.clone() };
                    let batch = self.batch(columns, rows);
                    let piece = Piece { origin: origin.clone(), first_row, first_in_file, share, batch, origins };
                    if !each(piece) {
                        return Ok(());
                    }
                    first_row += rows as u64;
                    first_in_file += rows as u64;
                }
            }
        }
        if self.keys_must_match { self.check(&lookups, searches) } else { Ok(()) }
    }

    /// # Errors
    /// When no row of the main table has a key of a table that is joined.
    fn check(&self, lookups: &[Lookup], searches: Vec<Search>) -> Result<(), DataError> {
        for ((search, lookup), join) in searches.into_iter().zip(lookups).zip(&self.joins) {
            let column = &self.read[join.here].name;
            search.end().and_then(|given| lookup.no_key_found(join, column, given)).map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn share(&self, file: usize, of_file: f64) -> f64 {
        let (start, end) = (self.starts[file] as f64, self.starts[file + 1] as f64);
        let all = self.starts[self.paths.len()].max(1) as f64;
        (start + (end - start) * of_file) / all
    }

    /// The columns that are of another table, and which.
    fn joined_columns(&self) -> Arc<Vec<(String, String)>> {
        let name = |table: usize| {
            let files = self.joins[table - 1].files.iter().map(|file| file.display().to_string());
            files.collect::<Vec<_>>().join("`, `")
        };
        let columns = self.names.iter().zip(&self.places).filter(|(_, (table, _))| *table > 0);
        Arc::new(columns.map(|(column, (table, _))| (column.clone(), name(*table))).collect())
    }

    /// The columns wanted of some rows, cut into pieces of bounded size: the rows of the batch, and the columns.
    fn joined(&self, lookups: &[Lookup], found: &[Found], batch: &Batch) -> Vec<(Range<usize>, Vec<ArrayRef>)> {
        let rows = batch.rows as usize;
        // Rows that were exploded, and texts that are joined, may be many more than were read.
        let (mut cuts, mut from, mut bytes) = (vec![0], 0, 0);
        for at in 0..rows {
            let of_row: usize = lookups.iter().zip(found).map(|(lookup, found)| lookup.bytes(found, at)).sum();
            bytes += of_row;
            if (bytes > PIECE_BYTES && at > from) || at - from >= PIECE_ROWS as usize {
                cuts.push(at);
                (from, bytes) = (at, of_row);
            }
        }
        cuts.push(rows);
        let part = |cut: &[usize]| {
            let (from, rows) = (cut[0], cut[1] - cut[0]);
            let mut tables = vec![batch.arrays.iter().map(|array| array.slice(from, rows)).collect::<Vec<_>>()];
            tables.extend(lookups.iter().zip(found).map(|(lookup, found)| lookup.columns(found, from..cut[1])));
            (from..cut[1], self.places.iter().map(|&(table, column)| tables[table][column].clone()).collect())
        };
        cuts.windows(2).map(part).collect()
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
        let field = |(name, column): (&String, &ArrayRef)| Field::new(name, column.data_type().clone(), true);
        let schema = Schema::new(self.names.iter().zip(&columns).map(field).collect::<Vec<_>>());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
            .expect("all columns are of the same rows")
    }
}

impl Table for Files {
    fn rows(&self) -> Option<u64> {
        let counted = self.reading.explode.is_none();
        let parquet = |path: &PathBuf| counted && self.reading.format_of(path) == Format::Parquet;
        let counts = self.paths.iter().map(|path| if parquet(path) { parquet_rows::count(path).ok() } else { None });
        counts.sum()
    }

    /// The bytes of all files in the order in which they are read. Their names are left out, so that a renamed file
    /// is the same data.
    fn contents(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        let joined = self.joins.iter().map(|join| (join.table.as_str(), &join.files));
        for (table, files) in std::iter::once((MAIN, &self.paths)).chain(joined) {
            fingerprint.text("table", table);
            for path in files {
                fingerprint.file(path).map_err(DataError::reading(path))?;
            }
        }
        Ok(())
    }

    fn scan(&self, each: EachPiece) -> Result<(), DataError> {
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || {
                let read = self.read(&mut |piece| sender.send(Ok(piece)).is_ok());
                if let Err(error) = read {
                    // Who no longer listens has an error of their own.
                    let _ = sender.send(Err(error));
                }
            });
            receiver.into_iter().try_for_each(|piece| each(&piece?))
        })
    }
}
