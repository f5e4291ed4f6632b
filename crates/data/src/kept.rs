//! The pieces of a table, kept from its first reading for those that follow: in memory while they are few, then in a
//! file. With a place for that, users' text is cut, joined and told apart once however large it is.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use arrow_select::dictionary::garbage_collect_any_dictionary;

use crate::error::DataError;
use crate::made_folders::MadeFolders;
use crate::table::{EachPiece, Piece, Table};

/// Bytes of raw columns that are kept in memory.
const MEMORY_BYTES: usize = 256 << 20;

/// A table whose rows are at hand once they have been read.
pub(crate) struct Kept<'a> {
    table: &'a dyn Table,
    /// Where a file may be made; without it, tables that are too large for memory are read again.
    folder: Option<&'a Path>,
    memory_bytes: usize,
    pieces: RefCell<Pieces>,
}

enum Pieces {
    /// Not all were read yet, or there is no room for them.
    Nowhere,
    InMemory(Vec<Piece>),
    InFile(Spill),
}

impl<'a> Kept<'a> {
    /// With a file in `folder` for what memory has no room for; the table is read again where that has none, either.
    pub(crate) fn new(table: &'a dyn Table, folder: Option<&'a Path>) -> Self {
        Self { table, folder, memory_bytes: MEMORY_BYTES, pieces: RefCell::new(Pieces::Nowhere) }
    }

    /// As [`Table::scan`].
    ///
    /// # Errors
    /// As [`Table::scan`], and when the file cannot be read.
    pub(crate) fn scan(&self, each: EachPiece) -> Result<(), DataError> {
        match &mut *self.pieces.borrow_mut() {
            Pieces::InMemory(pieces) => pieces.iter().try_for_each(each),
            Pieces::InFile(spill) => spill.each(each),
            nowhere @ Pieces::Nowhere => {
                *nowhere = self.scan_and_keep(each)?;
                Ok(())
            }
        }
    }

    /// Keeps so many bytes in memory.
    #[cfg(test)]
    pub(crate) fn in_memory(self, memory_bytes: usize) -> Self {
        Self { memory_bytes, ..self }
    }

    /// Whether later scans hand over the very pieces of the first one, whatever becomes of the files.
    pub(crate) fn has_them(&self) -> bool {
        !matches!(*self.pieces.borrow(), Pieces::Nowhere)
    }

    fn scan_and_keep(&self, each: EachPiece) -> Result<Pieces, DataError> {
        let (mut pieces, mut bytes) = (Pieces::InMemory(vec![]), 0);
        self.table.scan(&mut |piece| {
            bytes += piece.batch.get_array_memory_size();
            if let Pieces::InMemory(kept) = &mut pieces
                && bytes > self.memory_bytes
            {
                // Without room for them there may still be enough for what is made of them.
                let spill = self.folder.and_then(|folder| Spill::of(folder, kept).ok());
                pieces = spill.map_or(Pieces::Nowhere, Pieces::InFile);
            }
            match &mut pieces {
                Pieces::Nowhere => {}
                Pieces::InMemory(kept) => kept.push(piece.clone()),
                Pieces::InFile(spill) => {
                    if spill.push(piece).is_err() {
                        pieces = Pieces::Nowhere;
                    }
                }
            }
            each(piece)
        })?;
        Ok(pieces)
    }
}

/// Pieces in a file without a name, which goes with the program however that ends.
struct Spill {
    folder: PathBuf,
    _made: MadeFolders,
    file: File,
    pieces: Vec<Spilled>,
}

/// A piece but for its rows.
struct Spilled {
    /// Without rows.
    piece: Piece,
    /// Bytes in the file: `made_of` first, 8 each, then the rows as an Arrow IPC stream.
    bytes: usize,
    /// How many rows of the original file its rows were made of, where that is not one each.
    made_of: Option<usize>,
}

impl Spill {
    fn of(folder: &Path, pieces: &[Piece]) -> Result<Self, DataError> {
        let made = MadeFolders::make(folder).map_err(DataError::writing(folder))?;
        let file = tempfile::tempfile_in(folder).map_err(DataError::writing(folder))?;
        let mut spill = Self { folder: folder.to_owned(), _made: made, file, pieces: vec![] };
        pieces.iter().try_for_each(|piece| spill.push(piece))?;
        Ok(spill)
    }

    fn push(&mut self, piece: &Piece) -> Result<(), DataError> {
        let mut piece = piece.clone();
        let made_of = piece.origins.rows.take();
        let empty = RecordBatch::new_empty(piece.batch.schema());
        let rows = std::mem::replace(&mut piece.batch, empty);
        let mut bytes: Vec<u8> = made_of.iter().flatten().flat_map(|row| row.to_le_bytes()).collect();
        let written = encode(&rows, &mut bytes).map_err(io::Error::other).and_then(|()| self.file.write_all(&bytes));
        written.map_err(DataError::writing(&self.folder))?;
        let (bytes, made_of) = (bytes.len(), made_of.map(|rows| rows.len()));
        self.pieces.push(Spilled { piece, bytes, made_of });
        Ok(())
    }

    fn each(&mut self, each: EachPiece) -> Result<(), DataError> {
        let Self { folder, file, pieces, .. } = self;
        file.seek(SeekFrom::Start(0)).map_err(DataError::reading(folder))?;
        for spilled in pieces {
            let piece = spilled.read(file).map_err(DataError::reading(folder))?;
            each(&piece)?;
        }
        Ok(())
    }
}

impl Spilled {
    /// The piece, whose rows the file is at.
    fn read(&self, file: &mut File) -> io::Result<Piece> {
        let mut bytes = vec![0; self.bytes];
        file.read_exact(&mut bytes)?;
        let (made_of, _) = bytes[..8 * self.made_of.unwrap_or(0)].as_chunks();
        let rows = self.made_of.map(|_| made_of.iter().map(|row| u64::from_le_bytes(*row)).collect());
        let at = 8 * made_of.len();
        let batch = decode(Buffer::from_vec(bytes).slice(at)).map_err(io::Error::other)?;
        let mut piece = Piece { batch, ..self.piece.clone() };
        piece.origins.rows = rows;
        Ok(piece)
    }
}

fn encode(rows: &RecordBatch, to: &mut Vec<u8>) -> Result<(), ArrowError> {
    let columns = rows.columns().iter().map(needed).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let rows = RecordBatch::try_new_with_options(rows.schema(), columns, &options)?;
    let mut stream = StreamWriter::try_new(to, rows.schema_ref())?;
    stream.write(&rows)?;
    stream.finish()
}

/// The column; of more distinct values than it has rows, those alone that it has: pieces cut from one share all of
/// theirs.
fn needed(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let shared = column.as_any_dictionary_opt().filter(|dictionary| dictionary.values().len() > column.len());
    shared.map_or_else(|| Ok(column.clone()), garbage_collect_any_dictionary)
}

fn decode(mut stream: Buffer) -> Result<RecordBatch, ArrowError> {
    StreamDecoder::new().decode(&mut stream)?.ok_or_else(|| ArrowError::IpcError("no rows".into()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{ArrayRef, DictionaryArray, Float64Array};

    use super::*;
    use crate::fingerprint::Fingerprint;
    use crate::table::Origins;

    /// Counts how often it is read.
    struct Counting {
        pieces: Vec<Piece>,
        scans: AtomicUsize,
    }

    impl Table for Counting {
        fn rows(&self) -> Option<u64> {
            None
        }

        fn contents(&self, _: &mut Fingerprint) -> Result<(), DataError> {
            Ok(())
        }

        fn scan(&self, each: EachPiece) -> Result<(), DataError> {
            self.scans.fetch_add(1, Ordering::Relaxed);
            self.pieces.iter().try_for_each(each)
        }
    }

    /// Pieces whose dictionaries differ, of which one is without values, some made of others' rows, one cut from another.
    fn table() -> Counting {
        let piece = |number: u64| {
            let words = [Some(format!("a{number}")), None, Some("b".to_owned()), Some(format!("a{number}"))];
            let words: DictionaryArray<Int32Type> = words.iter().map(Option::as_deref).collect();
            let others: DictionaryArray<Int32Type> = [None, Some("c"), Some("d"), Some("c")].into_iter().collect();
            let missing: DictionaryArray<Int32Type> = [None::<&str>; 4].into_iter().collect();
            // More than there are rows, once it is cut.
            let four: DictionaryArray<Int32Type> = ["e", "f", "g", "h"].into_iter().collect();
            let mut lists = ListBuilder::new(StringBuilder::new());
            lists.append_value([Some("x"), Some("y")]);
            lists.append_null();
            lists.append_value([Some("")]);
            lists.append_value([Some("z".repeat(number as usize))]);
            let columns: [(&str, ArrayRef); 6] = [
                ("word", Arc::new(words)),
                ("number", Arc::new(Float64Array::from(vec![Some(number as f64), None, Some(0.5), Some(f64::MAX)]))),
                ("other", Arc::new(others)),
                ("list", Arc::new(lists.finish())),
                ("missing", Arc::new(missing)),
                ("four", Arc::new(four)),
            ];
            let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)));
            let batch = batch.unwrap().slice(usize::from(number == 3), 3);
            let rows = number.is_multiple_of(2).then(|| vec![number, number, 7]);
            let joined = Arc::new(vec![("list".to_owned(), "other".to_owned())]);
            let origins = Origins { rows, joined };
            Piece { origins, ..Piece::of_one_file("made up", 3 * number, number as f64 / 5.0, batch) }
        };
        Counting { pieces: (1..6).map(piece).collect(), scans: AtomicUsize::new(0) }
    }

    /// The pieces up to number `end`, at which the scan fails.
    fn some(kept: &Kept, end: usize) -> Vec<Piece> {
        let mut seen = vec![];
        let failed = kept.scan(&mut |piece| {
            if seen.len() == end {
                return Err(DataError::NoKnownLabel { name: String::new(), task: String::new() });
            }
            seen.push(piece.clone());
            Ok(())
        });
        assert_eq!(failed.is_err(), end < 5);
        seen
    }

    fn assert_same(got: &[Piece], expected: &[Piece]) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert_eq!(got.batch, expected.batch);
            assert_eq!((&got.origins.rows, &got.origins.joined), (&expected.origins.rows, &expected.origins.joined));
            assert_eq!((&got.origin, got.first_row, got.share), (&expected.origin, expected.first_row, expected.share));
        }
    }

    #[test]
    fn pieces_are_the_same_wherever_they_were_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (below, taken) = (folder.path().join("made"), folder.path().join("taken"));
        fs::write(&taken, "a file, and no folder").unwrap();
        let of_two = table().pieces[..2].iter().map(|piece| piece.batch.get_array_memory_size()).sum();
        for (memory_bytes, place, scans) in [
            (usize::MAX, None, 2),
            (0, Some(&below), 2),
            (of_two, Some(&below), 2),
            (of_two, None, 5),
            (0, Some(&taken), 5),
        ] {
            let table = table();
            let kept = Kept::new(&table, place.map(PathBuf::as_path)).in_memory(memory_bytes);
            // What fails half way, the first time or later, is as if it had not been.
            for end in [3, 5, 2, 5, 5] {
                assert_same(&some(&kept, end), &table.pieces[..end]);
            }
            assert_eq!(kept.has_them(), scans == 2);
            assert_eq!(table.scans.load(Ordering::Relaxed), scans, "{memory_bytes} {place:?}");
            if let Some(place) = place.filter(|place| place.is_dir()) {
                assert_eq!(fs::read_dir(place).unwrap().count(), 0, "the file has no name");
            }
            drop(kept);
            assert!(!below.exists());
        }
    }
}
