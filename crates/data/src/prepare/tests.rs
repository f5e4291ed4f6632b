//! Preprocessing of made-up tables: policies, and that nothing but train rows is fitted on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_select::take::take_record_batch;
use mmtl_plan::{Space, TargetScale, TaskKind};

use crate::card::{
    Card, FieldCard, FieldRule, Fill, FillValue, LabelRule, Leftover, SceneCard, TaskCard, Transform, VocabularyCard,
};
use crate::chunk::Chunk;
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::kept::Kept;
use crate::part::Part;
use crate::prepare::fields::FieldFits;
use crate::prepare::{encode, fit};
use crate::split::{Split, drawn};
use crate::table::{EachPiece, Piece, Table};

const ROWS: usize = 1200;
const SEED: u64 = 11;

/// A table in memory, handed out `piece` rows at a time.
struct Memory {
    batch: RecordBatch,
    piece: usize,
}

impl Table for Memory {
    fn rows(&self) -> Option<u64> {
        Some(self.batch.num_rows() as u64)
    }

    fn contents(&self, _: &mut Fingerprint) -> Result<(), DataError> {
        Ok(())
    }

    fn scan(&self, each: EachPiece) -> Result<(), DataError> {
        for first in (0..self.batch.num_rows()).step_by(self.piece) {
            let batch = self.batch.slice(first, self.piece.min(self.batch.num_rows() - first));
            let (first_row, share) = (first as u64, (first + batch.num_rows()) as f64 / self.batch.num_rows() as f64);
            each(&Piece::of_one_file("memory", first_row, share, batch))?;
        }
        Ok(())
    }
}

/// The raw columns, one value a row.
#[derive(Clone)]
struct Raw {
    item: Vec<Option<i64>>,
    price: Vec<Option<f64>>,
    text: Vec<Option<String>>,
    scene: Vec<Option<&'static str>>,
    spend: Vec<Option<f64>>,
}

impl Raw {
    fn new() -> Self {
        let rows = || 0..ROWS;
        Self {
            item: rows().map(|row| (row % 17 != 0).then_some(i64::from(row as u32 % 13))).collect(),
            price: rows().map(|row| (row % 11 != 0).then_some((row * row % 101) as f64)).collect(),
            text: rows().map(|row| (row % 19 != 0).then(|| format!("Word{} fits word{}", row % 7, row % 3))).collect(),
            scene: rows().map(|row| ["search", "feed"].get(row % 2).copied().filter(|_| row % 23 != 0)).collect(),
            spend: rows().map(|row| (row % 29 != 0).then_some((row % 31) as f64)).collect(),
        }
    }

    fn batch(&self) -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("item", Arc::new(Int64Array::from(self.item.clone()))),
            ("price", Arc::new(Float64Array::from(self.price.clone()))),
            ("text", Arc::new(StringArray::from(self.text.clone()))),
            ("scene", Arc::new(StringArray::from(self.scene.clone()))),
            ("spend", Arc::new(Float64Array::from(self.spend.clone()))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }
}

fn number(with: FillValue, indicator: bool) -> FieldRule {
    let missing = Fill { with, indicator };
    FieldRule::Number { clip: None, transform: Transform::Identity, standardise: true, missing }
}

fn card() -> Card {
    let vocabulary = |name: &str, min_count| VocabularyCard { name: name.into(), min_count, max_words: 100 };
    let field = FieldCard::new;
    Card {
        name: "memory".into(),
        scene: SceneCard::by("scene", Leftover::Own, None),
        vocabularies: vec![vocabulary("items", 1), vocabulary("words", 2)],
        fields: vec![
            field("item", "item", FieldRule::Category { vocabulary: 0 }),
            field("price", "price", number(FillValue::Mean, true)),
            field("price_median", "price", number(FillValue::Median, false)),
            field("price_bin", "price", FieldRule::Bins { bins: 5, missing: None }),
            field("text", "text", FieldRule::Text { vocabulary: 1, max_tokens: 2 }),
        ],
        tasks: vec![TaskCard {
            name: "spend".into(),
            label: LabelRule::Number { column: "spend".into(), transform: Transform::Identity },
            space: Space::All,
        }],
        split: Split::Random { valid: 0.2, test: 0.2 },
        ..Card::default()
    }
}

fn prepare_by(card: &Card, raw: &Raw, piece: usize) -> Result<(Dataset, Vec<Chunk>), DataError> {
    let memory = Memory { batch: raw.batch(), piece };
    let (table, mut chunks, mut nothing) = (Kept::new(&memory, None), vec![], |_| {});
    let fitted = fit(card, &table, SEED, &mut nothing)?;
    encode(card, &fitted, &table, &mut nothing, &mut |chunk| {
        chunks.push(chunk);
        Ok(())
    })?;
    Ok((Dataset::from_chunks(fitted.manifest(card, String::new()), chunks.clone()), chunks))
}

fn prepare(card: &Card, raw: &Raw) -> Dataset {
    prepare_by(card, raw, 500).unwrap().0
}

fn part(row: usize) -> Part {
    drawn(Split::stream(SEED), row as u64, 0.2, 0.2)
}

/// The first row that is held out, or in train, from `from` on.
fn find_row(held_out: bool, from: usize) -> usize {
    (from..ROWS).find(|&row| (part(row) != Part::Train) == held_out).unwrap()
}

fn field_index(dataset: &Dataset, name: &str) -> usize {
    dataset.schema().fields.iter().position(|field| field.name == name).unwrap()
}

fn train_rows_equal(a: &Dataset, b: &Dataset) -> bool {
    let all = |row: &u32| {
        (0..a.schema().fields.len())
            .all(|field| a.ids(field, *row) == b.ids(field, *row) && a.number(field, *row) == b.number(field, *row))
    };
    a.rows(Part::Train).iter().all(all)
}

#[test]
fn held_out_values_change_nothing_that_is_fitted() {
    let before = prepare(&card(), &Raw::new());
    let mut raw = Raw::new();
    for row in (0..ROWS).filter(|&row| part(row) != Part::Train) {
        raw.item[row] = Some(1_000_000 + i64::from(row as u32));
        raw.price[row] = Some(1e9 + row as f64);
        raw.text[row] = Some(format!("unheard{row} of unheard{row} unheard{row}"));
        raw.spend[row] = Some(-1e9);
    }
    let after = prepare(&card(), &raw);
    assert_eq!(before.schema(), after.schema());
    assert_eq!(before.base(0), after.base(0));
    assert!(train_rows_equal(&before, &after));
    // The new values are the reserved id.
    let held_out = find_row(true, 5) as u32;
    for field in ["item", "text"] {
        let ids = after.ids(field_index(&after, field), held_out);
        assert!(!ids.is_empty() && ids.iter().all(|&id| id == 0), "{field}: {ids:?}");
    }
}

#[test]
fn one_changed_train_value_does_change_what_is_fitted() {
    let before = prepare(&card(), &Raw::new());
    let row = find_row(false, 5);
    let mut raw = Raw::new();
    raw.item[row] = Some(1_000_000);
    assert_eq!(prepare(&card(), &raw).schema().vocabularies[1].size, before.schema().vocabularies[1].size + 1);
    let mut raw = Raw::new();
    raw.price[row] = Some(1e6);
    assert!(!train_rows_equal(&before, &prepare(&card(), &raw)));
    let mut raw = Raw::new();
    raw.spend[row] = Some(1e6);
    assert_ne!(prepare(&card(), &raw).base(0), before.base(0));
}

#[test]
fn the_size_of_pieces_changes_nothing() {
    let of_size = |piece: usize| hash(&prepare_by(&card(), &Raw::new(), piece).unwrap().1);
    assert_eq!([1, 7, 1199].map(of_size), [ROWS, ROWS, ROWS].map(of_size));
}

/// Of everything in some chunks; labels that are not known are equal.
fn hash(chunks: &[Chunk]) -> String {
    let mut fingerprint = Fingerprint::new("chunks");
    for chunk in chunks {
        fingerprint.chunk(chunk);
    }
    fingerprint.hex()
}

#[test]
fn ids_do_not_depend_on_the_order_of_rows() {
    // Train rows alone are shuffled among themselves, so each keeps its part.
    let train: Vec<usize> = (0..ROWS).filter(|&row| part(row) == Part::Train).collect();
    let mut from: Vec<u32> = (0..ROWS as u32).collect();
    for (position, row) in train.iter().enumerate() {
        from[*row] = train[(position * 11 + 3) % train.len()] as u32;
    }
    assert_ne!(train.len() % 11, 0, "11 must be coprime to the number of train rows");
    let shuffled = take_record_batch(&Raw::new().batch(), &UInt32Array::from(from.clone())).unwrap();
    let memory = Memory { batch: shuffled, piece: 333 };
    let (table, mut chunks, mut nothing) = (Kept::new(&memory, None), vec![], |_| {});
    let fitted = fit(&card(), &table, SEED, &mut nothing).unwrap();
    encode(&card(), &fitted, &table, &mut nothing, &mut |chunk| {
        chunks.push(chunk);
        Ok(())
    })
    .unwrap();
    let after = Dataset::from_chunks(fitted.manifest(&card(), String::new()), chunks);
    let before = prepare(&card(), &Raw::new());
    for name in ["item", "text", "price_bin"] {
        let field = field_index(&before, name);
        assert!((0..ROWS as u32).all(|row| after.ids(field, row) == before.ids(field, from[row as usize])), "{name}");
    }
}

/// The chunks of a table whose pieces are kept in so much memory, or in a file of a folder, or not at all.
fn chunks_of(table: &dyn Table, memory_bytes: usize, folder: Option<&Path>) -> Vec<Chunk> {
    let (table, mut chunks) = (Kept::new(table, folder).in_memory(memory_bytes), vec![]);
    let fitted = fit(&card(), &table, SEED, &mut |_| {}).unwrap();
    encode(&card(), &fitted, &table, &mut |_| {}, &mut |chunk| {
        chunks.push(chunk);
        Ok(())
    })
    .unwrap();
    chunks
}

/// The items as words of one dictionary, which pieces cut from the table share.
fn with_words(raw: &Raw) -> RecordBatch {
    let (batch, words) = (raw.batch(), raw.item.iter().map(|item| item.map(|item| item.to_string())));
    let words: Vec<Option<String>> = words.collect();
    let words: DictionaryArray<Int32Type> = words.iter().map(Option::as_deref).collect();
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let words = || Arc::new(words.clone()) as ArrayRef;
        (field.name().clone(), if field.name() == "item" { words() } else { column.clone() })
    });
    RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap()
}

#[test]
fn ids_are_the_same_wherever_pieces_were_kept() {
    let mut raw = Raw::new();
    // Also values that some pieces have in train rows and others in held-out ones alone, or that none has in train.
    (0i64..).zip(&mut raw.item).for_each(|(row, item)| *item = item.map(|item| item * 7 + row % 70));
    let folder = tempfile::tempdir().unwrap();
    let expected = hash(&chunks_of(&Memory { batch: raw.batch(), piece: ROWS }, usize::MAX, None));
    for piece in [90, ROWS] {
        let memory = Memory { batch: with_words(&raw), piece };
        for (memory_bytes, folder) in [(usize::MAX, None), (0, Some(folder.path())), (0, None)] {
            let got = hash(&chunks_of(&memory, memory_bytes, folder));
            assert_eq!(got, expected, "{piece} {memory_bytes} {folder:?}");
        }
    }
}

/// Has other items whenever it is read again.
struct Changing {
    scans: AtomicI64,
}

impl Table for Changing {
    fn rows(&self) -> Option<u64> {
        None
    }

    fn contents(&self, _: &mut Fingerprint) -> Result<(), DataError> {
        Ok(())
    }

    fn scan(&self, each: EachPiece) -> Result<(), DataError> {
        let (scan, mut raw) = (self.scans.fetch_add(1, Ordering::Relaxed), Raw::new());
        // The same values, of other rows.
        (scan..).zip(&mut raw.item).for_each(|(place, item)| *item = Some(place % 8));
        Memory { batch: with_words(&raw), piece: ROWS }.scan(each)
    }
}

#[test]
fn values_of_files_that_are_read_again_are_looked_up_again() {
    let ids = |memory_bytes| {
        let chunks = chunks_of(&Changing { scans: AtomicI64::new(0) }, memory_bytes, None);
        let width = chunks[0].ids.len() / chunks[0].rows();
        chunks[0].ids.iter().step_by(width).copied().collect::<Vec<u32>>()
    };
    let (kept, read_again) = (ids(usize::MAX), ids(0));
    assert_eq!(kept[1..], read_again[..ROWS - 1]);
    assert_ne!(kept, read_again);
}

#[test]
fn numbers_of_values_are_kept_while_there_is_room() {
    let memory = Memory { batch: with_words(&Raw::new()), piece: 600 };
    for (room, expected) in [(0, [false, false]), (1, [true, false]), (100_000, [true, true])] {
        let (mut fits, mut kept) = (FieldFits::new(&card(), room), vec![]);
        memory
            .scan(&mut |piece| {
                let ids: Vec<u64> = (0..piece.rows() as u64).collect();
                let numbers = fits.add(&card(), piece, &ids, &vec![true; piece.rows()])?;
                kept.push(numbers.is_some_and(|numbers| !numbers[0].is_empty()));
                Ok(())
            })
            .unwrap();
        assert_eq!(kept, expected, "{room}");
    }
}

#[test]
fn a_file_that_changes_between_its_readings_is_refused() {
    let of_rows = |rows: usize, piece| Memory { batch: Raw::new().batch().slice(0, rows), piece };
    let first = of_rows(1000, 100);
    let fitted = fit(&card(), &Kept::new(&first, None), SEED, &mut |_| {}).unwrap();
    for (rows, piece, row) in
        [(1000, 100, None), (1200, 100, Some(1001)), (800, 100, Some(801)), (950, 100, Some(901)), (1000, 90, Some(1))]
    {
        let second = of_rows(rows, piece);
        let encoded = encode(&card(), &fitted, &Kept::new(&second, None), &mut |_| {}, &mut |_| Ok(()));
        let expected = row.map(|row| {
            format!(
                "row {row} of `memory` or one after it came or went since the file was first read; expected a file that \
                 nobody writes to"
            )
        });
        assert_eq!(encoded.err().map(|error| error.to_string()), expected);
    }
}

#[test]
fn missing_values_follow_their_policies() {
    let dataset = prepare(&card(), &Raw::new());
    let names: Vec<&str> = dataset.schema().fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["scene", "item", "price", "price_missing", "price_median", "price_bin", "text"]);
    let raw = Raw::new();
    let known: Vec<f64> = (0..ROWS).filter(|&row| part(row) == Part::Train).filter_map(|row| raw.price[row]).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let deviation = (known.iter().map(|p| (p - mean) * (p - mean)).sum::<f64>() / known.len() as f64).sqrt();
    let mut sorted = known.clone();
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[(known.len() - 1) / 2], sorted[known.len() / 2]);
    let close = |got: Option<f32>, expected: f64| (f64::from(got.unwrap()) - expected).abs() < 1e-5;
    for row in 0..ROWS as u32 {
        let price = raw.price[row as usize];
        assert!(close(dataset.number(2, row), price.map_or(0.0, |price| (price - mean) / deviation)));
        assert_eq!(dataset.number(3, row), Some(f32::from(u8::from(price.is_none()))));
        assert!(close(dataset.number(4, row), (price.unwrap_or(median) - mean) / deviation));
        assert_eq!(dataset.ids(5, row)[0] == 1, price.is_none());
        assert_eq!(dataset.ids(1, row)[0] == 1, raw.item[row as usize].is_none());
        let text = dataset.ids(6, row);
        assert_eq!(text.len(), if raw.text[row as usize].is_none() { 0 } else { 2 });
        assert_eq!(dataset.label(0, row), raw.spend[row as usize]);
    }
    let last = dataset.schema().scenes.len() - 1;
    assert_eq!(dataset.schema().scenes, ["feed", "search", "(missing)"]);
    assert!((0..ROWS).all(|row| (dataset.scene(row as u32) == last) == raw.scene[row].is_none()));
}

#[test]
fn an_indicator_that_train_rows_do_not_need_is_not_made() {
    let mut raw = Raw::new();
    for row in (0..ROWS).filter(|&row| part(row) == Part::Train) {
        raw.price[row].get_or_insert(3.0);
    }
    let names: Vec<String> = prepare(&card(), &raw).schema().fields.iter().map(|field| field.name.clone()).collect();
    assert!(!names.contains(&"price_missing".to_owned()), "{names:?}");
}

#[test]
fn rows_without_a_scene_are_left_out_or_refused() {
    let policy = |missing| {
        let scene = SceneCard::by("scene", missing, None);
        prepare_by(&Card { scene, ..card() }, &Raw::new(), 500)
    };
    let dropped = policy(Leftover::Drop).unwrap().0;
    assert_eq!(dropped.len(), ROWS - ROWS.div_ceil(23));
    assert!((0..dropped.len() as u32).all(|row| dropped.row_id(row) % 23 != 0));
    assert!((0..dropped.len() as u32).all(|row| dropped.part(row) == part(dropped.row_id(row) as usize)));
    let error = policy(Leftover::Error).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("row 1 of `memory`: column `scene` is missing, expected a scene"), "{error}");
}

#[test]
fn a_scene_that_train_rows_lack_needs_leave() {
    let mut raw = Raw::new();
    let lone = find_row(true, 0);
    raw.scene[lone] = Some("kiosk");
    let error = prepare_by(&card(), &raw, 500).map(|_| ()).unwrap_err();
    assert!(matches!(&error, DataError::SceneNotInTrain { scene, rows: 1, .. } if scene == "kiosk"), "{error}");
    let (dataset, _) = prepare_by(&Card { unseen_scenes: true, ..card() }, &raw, 500).unwrap();
    let kiosk = dataset.schema().scenes.iter().position(|scene| scene == "kiosk").unwrap();
    assert_eq!(dataset.scene(lone as u32), kiosk);
}

#[test]
fn a_task_needs_a_known_train_label() {
    let raw = Raw { spend: vec![None; ROWS], ..Raw::new() };
    let error = prepare_by(&card(), &raw, 500).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        error,
        "task `spend` of `memory` has no known label in train, expected at least one, of a row whose weight is not 0"
    );
    let constant = Raw { spend: vec![Some(7.5); ROWS], ..Raw::new() };
    let TaskKind::Regression { scale } = prepare(&card(), &constant).schema().tasks[0].kind else {
        panic!("spend is a number");
    };
    assert_eq!(scale, TargetScale { mean: 7.5, deviation: 1.0 });
}

#[test]
fn classes_outside_their_range_are_named() {
    let label = |first| LabelRule::Class { column: "spend".into(), first, classes: 31 };
    let tasks = |first| vec![TaskCard { name: "spend".into(), label: label(first), space: Space::All }];
    assert_eq!(
        prepare(&Card { tasks: tasks(0), ..card() }, &Raw::new()).schema().tasks[0].kind,
        TaskKind::Multiclass { classes: 31 }
    );
    let error = prepare_by(&Card { tasks: tasks(1), ..card() }, &Raw::new(), 500).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "row 32 of `memory`: column `spend` is 0, expected a whole number from 1 to 31");
}
