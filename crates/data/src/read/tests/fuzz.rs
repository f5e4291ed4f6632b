//! No bytes make a reader panic, and what is written is read again. A million inputs a test:
//! `PROPTEST_CASES=1000000 cargo test --release -p mmtl-data fuzz`, cards too. Inputs that once failed are kept in
//! `crates/data/proptest-regressions`, and files of every kind to start from in `crates/data/tests/corpus`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, StringArray};
use proptest::prelude::*;
use proptest::sample::Index;

use super::packed::PACKINGS;
use super::parquet_types::parquet;
use super::rows_of::{Cell, columns, list, text, value, write};
use crate::fuzz::{changed, changes};
use crate::read::{Encoding, Format, Reading, header, open};

/// The committed files, sorted by name.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

thread_local! {
    /// Made once: a new one for each input would take longer than reading it.
    static DIRECTORY: tempfile::TempDir = tempfile::tempdir().unwrap();
}

/// Reads a file in every way that its name allows; errors are fine.
fn read_all_ways(name: &str, contents: &[u8]) {
    let files = [DIRECTORY.with(|directory| write(directory.path(), name, contents))];
    for (encoding, quote, trim) in [(Encoding::Utf8, None, true), (Encoding::Latin1, Some(false), false)] {
        let reading = Reading { encoding, quote, trim, ..Reading::default() };
        let Ok(names) = header(&files, &reading, &[]) else { continue };
        for wanted in [value, text, |name: &str| list(name, "|")] {
            let wanted: Vec<_> = names.iter().take(3).map(|name| wanted(name)).collect();
            let rows = open(&files, &reading, &[], &wanted).and_then(|table| {
                let mut rows = 0;
                table.scan(&mut |piece| {
                    rows += piece.rows();
                    Ok(())
                })?;
                Ok(rows)
            });
            if let Err(error) = rows {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

#[test]
fn the_corpus_is_read() {
    let files = corpus();
    let kinds = ["csv", "tsv", "jsonl", "parquet", "gz", "xz", "zst"];
    for kind in kinds {
        assert!(files.iter().any(|(name, _)| name.ends_with(kind)), "no {kind}");
    }
    for (name, contents) in &files {
        read_all_ways(name, contents);
    }
}

/// Neither blank at an end nor a text that means "no value": those do not come back as they went.
fn a_value(text: &str) -> String {
    let text = text.trim_ascii();
    let is_missing = Reading::default().missing.iter().any(|missing| missing == text);
    if is_missing { "x" } else { text }.to_owned()
}

fn cell() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-z]{1,3}",
        "-?[0-9]{1,4}(\\.[0-9]{1,3})?",
        "[a-zé\"':;,|\\\\/ \n\r\u{1F600}]{1,8}",
        "\\PC{1,5}",
    ];
    text.prop_map(|text| a_value(&text))
}

/// Two texts and a list.
type Row = (Option<String>, Option<String>, Option<Vec<String>>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let elements = prop::collection::vec("[a-z0-9é]{1,4}".prop_map(|text| a_value(&text)), 1..4);
    prop::collection::vec((prop::option::of(cell()), prop::option::of(cell()), prop::option::of(elements)), 1..20)
}

fn one(cell: Option<&String>) -> Cell {
    cell.cloned().map_or(Cell::Missing, Cell::One)
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        contents in prop::collection::vec(any::<u8>(), 0..200),
        ending in prop::sample::select(vec!["csv", "tsv", "jsonl", "parquet", "gz", "xz", "zst"]),
    ) {
        read_all_ways(&format!("a.{ending}"), &contents);
    }

    #[test]
    fn no_text_makes_a_reader_panic(
        contents in "[a-c,\t\"\n\r{}\\[\\]:|\\\\0-9 eE.tn-]{0,80}",
        ending in prop::sample::select(vec!["csv", "tsv", "jsonl"]),
    ) {
        read_all_ways(&format!("a.{ending}"), contents.as_bytes());
    }

    #[test]
    fn no_change_to_a_good_file_makes_a_reader_panic(file in any::<Index>(), changes in changes()) {
        let files = corpus();
        let (name, contents) = &files[file.index(files.len())];
        read_all_ways(name, &changed(contents, &changes));
    }

    #[test]
    fn what_is_written_is_read_again(rows in rows(), packing in prop::option::of(0usize..3)) {
        let mut expected = [vec![], vec![], vec![]];
        for (a, b, tags) in &rows {
            expected[0].push(one(a.as_ref()));
            expected[1].push(one(b.as_ref()));
            expected[2].push(tags.clone().map_or(Cell::Missing, Cell::Many));
        }
        let tags = |row: &Option<Vec<String>>| row.as_ref().map_or(String::new(), |tags| tags.join("|"));
        let mut csv = csv::WriterBuilder::new().from_writer(vec![]);
        csv.write_record(["a", "b", "tags"]).unwrap();
        let mut json = String::new();
        for (a, b, of_row) in &rows {
            let field = |cell: &Option<String>| cell.clone().unwrap_or_default();
            csv.write_record([field(a), field(b), tags(of_row)]).unwrap();
            json += &serde_json::json!({"a": a, "b": b, "tags": of_row}).to_string();
            json.push('\n');
        }
        let directory = tempfile::tempdir().unwrap();
        let pack = |name: &str, contents: Vec<u8>| match packing {
            Some(at) => {
                let (ending, _, pack) = PACKINGS[at];
                write(directory.path(), &format!("{name}.{ending}"), pack(&contents))
            }
            None => write(directory.path(), name, contents),
        };
        let mut files =
            vec![pack("a.csv", csv.into_inner().unwrap()), pack("a.jsonl", json.into_bytes())];
        let plain = |cell: &Option<String>| cell.as_ref().is_none_or(|text| !text.contains(['\n', '\r']));
        let mut lists = ListBuilder::new(StringBuilder::new());
        for (_, _, tags) in &rows {
            lists.append_option(tags.as_ref().map(|tags| tags.iter().map(Some)));
        }
        let texts = |cells: Vec<&Option<String>>| Arc::new(StringArray::from_iter(cells)) as ArrayRef;
        files.push(parquet(directory.path(), "a.parquet", vec![
            ("a", texts(rows.iter().map(|row| &row.0).collect())),
            ("b", texts(rows.iter().map(|row| &row.1).collect())),
            ("tags", Arc::new(lists.finish())),
        ]));
        let wanted = [value("a"), text("b"), list("tags", "|")];
        for file in &files {
            let got = columns(std::slice::from_ref(file), &Reading::default(), &[], &wanted).unwrap();
            prop_assert_eq!(&got[..], &expected[..], "{}", file.display());
        }
        // Without quotes a delimiter that no value holds does.
        if rows.iter().all(|(a, b, _)| plain(a) && plain(b)) {
            let line = |(a, b, of_row): &Row| {
                let cell = |cell: &Option<String>| cell.clone().unwrap_or_default();
                format!("{}\u{1}\u{2}{}\u{1}\u{2}{}\n", cell(a), cell(b), tags(of_row))
            };
            let file = pack("a.txt", rows.iter().map(line).collect::<String>().into_bytes());
            let reading = Reading {
                format: Some(Format::Csv),
                delimiter: Some("\u{1}\u{2}".into()),
                header: false,
                columns: Some(["a", "b", "tags"].map(str::to_owned).into()),
                ..Reading::default()
            };
            let got = columns(&[file], &reading, &[], &wanted).unwrap();
            prop_assert_eq!(&got[..], &expected[..]);
        }
    }
}
