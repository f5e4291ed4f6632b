use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, DurationNanosecondArray,
    Float32Array, Int8Array, Int64Array, ListArray, RecordBatch, StringArray, Time64MicrosecondArray,
    TimestampMillisecondArray, UInt64Array,
};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ArrowWriter;

use super::rows_of::{columns, list, lists, message, ones, text, value};
use crate::read::piece_end::PIECE_BYTES;
use crate::read::{Reading, Shape, Wanted, header, open};

pub(super) fn parquet(directory: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let path = directory.join(name);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

fn lists_of_numbers() -> ArrayRef {
    let rows = [Some(vec![Some(1), None, Some(3)]), None, Some(vec![])];
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
}

fn every_type() -> Vec<(&'static str, ArrayRef)> {
    let times = TimestampMillisecondArray::from(vec![Some(1_999), Some(-1), None]).with_timezone("+02:00");
    let decimals = Decimal128Array::from(vec![Some(150), None, Some(-5)]).with_precision_and_scale(5, 2).unwrap();
    vec![
        ("text", Arc::new(StringArray::from(vec![Some(" a "), Some("NA"), None]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("small", Arc::new(Int8Array::from(vec![Some(-3), None, Some(4)]))),
        ("hash", Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(0), None]))),
        ("float", Arc::new(Float32Array::from(vec![Some(0.5), None, Some(2.0)]))),
        ("time", Arc::new(times)),
        ("date", Arc::new(Date32Array::from(vec![Some(1), Some(-1), None]))),
        ("decimal", Arc::new(decimals)),
        ("list", lists_of_numbers()),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(b"x|y".as_slice()), None, Some(b"z")]))),
    ]
}

#[test]
fn every_type_becomes_numbers_texts_or_lists() {
    let directory = tempfile::tempdir().unwrap();
    let path = parquet(directory.path(), "a.parquet", every_type());
    let names = ["decimal", "date", "text", "flag", "small", "hash", "float", "time"];
    let mut wanted: Vec<Wanted> = names.map(value).into();
    wanted.extend([list("list", ","), list("bytes", "|")]);
    let got = columns(from_ref(&path), &Reading::default(), &[], &wanted).unwrap();
    let expected = [
        ones(&["1.5", "-", "-0.05"]),
        ones(&["1970-01-02T00:00:00", "1969-12-31T00:00:00", "-"]),
        ones(&["a", "-", "-"]),
        ones(&["1", "0", "-"]),
        ones(&["-3", "-", "4"]),
        ones(&["18446744073709551615", "0", "-"]),
        ones(&["0.5", "-", "2.0"]),
        ones(&["1970-01-01T00:00:01.999", "1969-12-31T23:59:59.999", "-"]),
        lists(&["1 3", "-", ""]),
        lists(&["x y", "-", "z"]),
    ];
    for ((got, expected), wanted) in got.iter().zip(&expected).zip(&wanted) {
        assert_eq!(got, expected, "{}", wanted.name);
    }
    let wanted = [text("text"), text("small"), text("bytes"), text("time"), list("flag", "")];
    let got = columns(from_ref(&path), &Reading::default(), &[], &wanted).unwrap();
    assert_eq!(got[..2], [ones(&["a", "-", "-"]), ones(&["-3", "-", "4"])]);
    assert_eq!(got[2..], [ones(&["x|y", "-", "z"]), ones(&["1.999", "-0.001", "-"]), lists(&["1", "0", "-"])]);

    let table = open(&[path.clone(), path.with_file_name("b.parquet")], &Reading::default(), &[], &[]);
    assert!(table.is_err());
    let table = open(from_ref(&path), &Reading::default(), &[], &[value("flag"), value("text")]).unwrap();
    assert_eq!(table.rows(), Some(3));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    table
        .scan(&mut |piece| {
            let types: Vec<_> = piece.batch.columns().iter().map(|array| array.data_type().clone()).collect();
            assert_eq!(types, [DataType::Int64, dictionary.clone()]);
            Ok(())
        })
        .unwrap();
    assert_eq!(header(&[path], &Reading::default(), &[]).unwrap().len(), 10);
}

#[test]
fn whole_numbers_in_lists_are_written_as_others_are() {
    let directory = tempfile::tempdir().unwrap();
    let rows = [Some(vec![Some(1.0), Some(f64::NAN), Some(12.5)]), None, Some(vec![None, Some(-300.0)])];
    let floats: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows));
    let one: ArrayRef = Arc::new(Float32Array::from(vec![Some(7.0), None, Some(0.5)]));
    let path = parquet(directory.path(), "a.parquet", vec![("history", floats), ("last", one)]);
    let got = columns(&[path], &Reading::default(), &[], &[list("history", ","), list("last", "")]).unwrap();
    assert_eq!(got, [lists(&["1 12.5", "-", "-300"]), lists(&["7", "-", "0.5"])]);
}

#[test]
fn seconds_are_what_they_were_unless_some_are_not_whole() {
    let directory = tempfile::tempdir().unwrap();
    let moments = |ms: [i64; 2]| Arc::new(TimestampMillisecondArray::from(ms.to_vec())) as ArrayRef;
    let times = |us: [i64; 2]| Arc::new(Time64MicrosecondArray::from(us.to_vec())) as ArrayRef;
    let spans = |ns: [i64; 2]| Arc::new(DurationNanosecondArray::from(ns.to_vec())) as ArrayRef;
    let named = |[moment, time, span]: [ArrayRef; 3]| vec![("moment", moment), ("time", time), ("span", span)];
    let whole = [moments([1_000, 2_000]), times([3_000_000, 4_000_000]), spans([-5_000_000_000, 6_000_000_000])];
    let fine = [moments([1_000, 2_250]), times([3_000_000, 4_000_001]), spans([-5_000_000_000, 6_500_000_000])];
    let types = |name: &str, columns| {
        let path = parquet(directory.path(), name, named(columns));
        let table = open(&[path], &Reading::default(), &[], &["moment", "time", "span"].map(value)).unwrap();
        let mut types = vec![];
        table
            .scan(&mut |piece| {
                types.extend(piece.batch.columns().iter().map(|array| array.data_type().clone()));
                Ok(())
            })
            .unwrap();
        types
    };
    assert_eq!(
        types("whole.parquet", whole),
        [DataType::Timestamp(TimeUnit::Second, None), DataType::Int64, DataType::Int64]
    );
    assert_eq!(
        types("fine.parquet", fine.clone()),
        [
            DataType::Timestamp(TimeUnit::Millisecond, None),
            DataType::Duration(TimeUnit::Microsecond),
            DataType::Duration(TimeUnit::Nanosecond)
        ]
    );
    let path = parquet(directory.path(), "fine.parquet", named(fine));
    let got = columns(&[path], &Reading::default(), &[], &["moment", "time", "span"].map(text)).unwrap();
    assert_eq!(got, [ones(&["1", "2.25"]), ones(&["3", "4.000001"]), ones(&["-5", "6.5"])]);
}

#[test]
fn whole_decimals_keep_all_their_digits() {
    let directory = tempfile::tempdir().unwrap();
    let decimals = |precision: u8, values: &[i128]| {
        let decimals = Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, 0);
        Arc::new(decimals.unwrap()) as ArrayRef
    };
    let columns_of = vec![
        ("short", decimals(15, &[999_999_999_999_999, 1])),
        ("long", decimals(18, &[9_007_199_254_740_993, 9_007_199_254_740_992])),
        ("longer", decimals(38, &[12_345_678_901_234_567_891, -7])),
    ];
    let path = parquet(directory.path(), "a.parquet", columns_of);
    let wanted = ["short", "long", "longer"].map(value);
    let got = columns(from_ref(&path), &Reading::default(), &[], &wanted).unwrap();
    // Few digits stay floating point, as rows that are known by them have always been.
    assert_eq!(got[0], ones(&["999999999999999.0", "1.0"]));
    assert_eq!(got[1], ones(&["9007199254740993", "9007199254740992"]));
    assert_eq!(got[2], ones(&["12345678901234567891", "-7"]));
}

#[test]
fn no_column_at_all_still_has_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = parquet(directory.path(), "a.parquet", every_type());
    let mut rows = 0;
    let table = open(&[path], &Reading::default(), &[], &[]).unwrap();
    table
        .scan(&mut |piece| {
            rows += piece.rows();
            Ok(())
        })
        .unwrap();
    assert_eq!(rows, 3);
}

#[test]
fn types_that_do_not_fit() {
    let directory = tempfile::tempdir().unwrap();
    let broken: ArrayRef = Arc::new(BinaryArray::from(vec![b"a".as_slice(), b"\xE9"]));
    let pair = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]).unwrap();
    let pair: ArrayRef = Arc::new(arrow_array::StructArray::from(pair));
    let path = parquet(directory.path(), "b.parquet", vec![("bytes", broken), ("pair", pair)]);
    let error = |wanted| message(columns(from_ref(&path), &Reading::default(), &[], &[wanted]), directory.path());
    assert_eq!(
        error(value("bytes")),
        "row 2 of `b.parquet`: column `bytes` is bytes that are no UTF-8 text, expected UTF-8; write the column as text"
    );
    let nested = error(value("pair"));
    assert!(nested.starts_with("column `pair` of `b.parquet` holds Struct("), "{nested}");
    let lists = parquet(directory.path(), "c.parquet", vec![("list", lists_of_numbers())]);
    for shape in [Shape::Value, Shape::Text] {
        let wanted = Wanted { shape, ..value("list") };
        let error = message(columns(from_ref(&lists), &Reading::default(), &[], &[wanted]), directory.path());
        assert!(error.ends_with("expected one value a row"), "{error}");
    }
}

#[test]
fn long_texts_that_a_file_has_once_come_in_small_pieces() {
    let directory = tempfile::tempdir().unwrap();
    let (long, rows) = ("x".repeat(60_000), 1_500);
    let texts = StringArray::from_iter_values((0..rows).map(|row| format!("{}{long}", row % 3)));
    let dictionary: DictionaryArray<Int32Type> = texts.iter().collect();
    for texts in [Arc::new(texts) as ArrayRef, Arc::new(dictionary)] {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let path = parquet(directory.path(), "a.parquet", vec![("text", texts), ("row", numbers)]);
        assert!(path.metadata().unwrap().len() < 1 << 20);
        let table = open(&[path], &Reading::default(), &[], &[text("text"), value("row")]).unwrap();
        let (mut read, mut first) = (0, vec![]);
        table
            .scan(&mut |piece| {
                assert!(piece.batch.get_array_memory_size() < 4 * PIECE_BYTES, "{} rows", piece.rows());
                assert_eq!(piece.first_row, read);
                read += piece.rows() as u64;
                first.push(piece.batch.column(1).as_primitive::<Int64Type>().value(0) as u64);
                Ok(())
            })
            .unwrap();
        assert_eq!(read, rows as u64);
        assert!(first[..3] == [0, 64, 64 + 279], "{first:?}");
    }
}

/// Cut within its last bytes, in the middle, down to nothing; and text by that name.
#[test]
fn files_that_were_cut_short() {
    let directory = tempfile::tempdir().unwrap();
    let path = parquet(directory.path(), "a.parquet", every_type());
    let whole = std::fs::read(&path).unwrap();
    for contents in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &[], b"text,small\n1,2\n"] {
        std::fs::write(&path, contents).unwrap();
        let error = message(columns(from_ref(&path), &Reading::default(), &[], &[value("small")]), directory.path());
        assert!(error.starts_with("`a.parquet` "), "{error}");
    }
}

#[test]
fn pages_may_be_packed_by_any_codec() {
    use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
    let directory = tempfile::tempdir().unwrap();
    let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![3, 1, 2])) as ArrayRef)]).unwrap();
    for packed in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let path = directory.path().join("packed.parquet");
        let properties = parquet::file::properties::WriterProperties::builder().set_compression(packed).build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let got = columns(&[path], &Reading::default(), &[], &[value("n")]).unwrap();
        assert_eq!(got, [ones(&["3", "1", "2"])], "{packed:?}");
    }
}
