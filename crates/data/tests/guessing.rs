//! Drafts of cards that are imported as they are.

use std::sync::Arc;

use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, ListArray, RecordBatch, UInt32Array};
use mmtl_data::{Dataset, Part, guess};
use parquet::arrow::ArrowWriter;

use crate::importing::Files;

const ROWS: usize = 400;

/// Some bits that look random.
fn bits(at: usize) -> usize {
    at.wrapping_mul(2_654_435_761) >> 7
}

/// The value of a column in each row.
type Value = dyn Fn(usize) -> String;

/// A log of users, items, clicks and times, in which `columns` take the place of others or come after them.
fn log(columns: &[(&str, &Value)], delimiter: &str) -> String {
    let usual: [(&str, &Value); 4] = [
        ("user_id", &|at| (bits(at) % 40).to_string()),
        ("item_id", &|at| (bits(at + 7) % 30).to_string()),
        ("click", &|at| (bits(at + 13) % 3 / 2).to_string()),
        ("ts", &|at| (1_700_000_000 + at * 60).to_string()),
    ];
    let bare = |name: &str| name.trim_matches('"').to_owned();
    let kept = usual.into_iter().filter(|(name, _)| !columns.iter().any(|(other, _)| bare(other) == *name));
    let all: Vec<(&str, &Value)> = kept.chain(columns.iter().copied()).collect();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let row = |at: usize| all.iter().map(|(_, value)| value(at)).collect::<Vec<_>>().join(delimiter);
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    format!("{}\n{}\n", names.join(delimiter), rows.join("\n"))
}

/// The draft for a file, and what is imported by it.
fn imported(name: &str, bytes: &[u8]) -> (String, Dataset) {
    let files = Files::of(&[(name, bytes)]);
    let draft = guess(&files.paths()[0]).unwrap();
    let dataset = files.by(&draft).unwrap_or_else(|error| panic!("{error}\n{draft}"));
    (draft, dataset)
}

/// The draft for a log of these columns, which imports all of its rows.
fn draft(columns: &[(&str, &Value)]) -> String {
    let (draft, dataset) = imported("log.csv", log(columns, ",").as_bytes());
    assert_eq!(Part::ALL.map(|part| dataset.rows(part).len()).iter().sum::<usize>(), ROWS, "{draft}");
    draft
}

/// Whether a draft has each of these texts, and what it says of the split.
fn says(draft: &str, texts: &[&str]) {
    for text in texts {
        assert!(draft.contains(text), "{text}\n{draft}");
    }
}

#[test]
fn a_usual_log_is_split_by_time() {
    says(&draft(&[]), &["[split]\nby = \"time\" "]);
}

#[test]
fn a_time_that_some_rows_lack_splits_none() {
    let ts = |at: usize| if at % 40 == 3 { String::new() } else { (1_700_000_000 + at).to_string() };
    let says_so = "[split]\n# Not by time, which a split needs in each row: `ts` is missing in 10.\nby = \"random\"\n";
    says(&draft(&[("ts", &ts)]), &["time = \"ts\"", says_so]);
    let date = |at: usize| if at % 40 == 3 { String::new() } else { format!("2024-06-{:02}", at % 28 + 1) };
    says(&draft(&[("ts", &date)]), &["time = \"ts\"", says_so]);
}

#[test]
fn a_time_of_few_values_splits_only_where_each_part_has_rows() {
    let days = |days: usize| move |at: usize| (1_700_000_000 + 86_400 * (at % days)).to_string();
    for (ts, by) in [(days(2), "random"), (days(4), "random"), (days(10), "time"), (days(20), "time")] {
        says(&draft(&[("ts", &ts)]), &[&format!("\nby = \"{by}\"")]);
    }
    says(&draft(&[("ts", &days(2))]), &["# Not by time: its last rows by `ts` share so few times", "`test_from`"]);
}

#[test]
fn dates_that_are_numbers_have_their_unit() {
    let date = |at: usize| (20_240_601 + at % 20).to_string();
    says(&draft(&[("ts", &date)]), &["time = \"ts\"", "unit = \"date\"", "\nby = \"time\""]);
}

#[test]
fn a_weight_that_some_rows_lack_is_left_out() {
    let weight = |at: usize| if at % 40 == 3 { String::new() } else { format!("{}.5", at % 7) };
    let draft_of = draft(&[("weight", &weight)]);
    says(&draft_of, &["# weight: it is named like a weight, and 10 rows have none; give each row one"]);
    assert!(!draft_of.contains("weight ="), "{draft_of}");
    says(&draft(&[("weight", &|at: usize| format!("{}.5", at % 7))]), &["weight = \"weight\""]);
}

#[test]
fn labels_that_are_far_apart_are_listed() {
    let of = |texts: [&'static str; 3]| move |at: usize| texts[bits(at) % 3].to_owned();
    let card = draft(&[("label", &of(["3", "700", "90000"]))]);
    says(&card, &["classes = [\"3\", \"700\", \"90000\"]", "# few of the 89,998 from least to greatest; amounts are"]);
    assert!(!card.contains("first ="), "{card}");
    says(&draft(&[("label", &of(["3", "7", "102"]))]), &["first = 3\nclasses = 100\n"]);
    says(&draft(&[("label", &of(["3", "7", "103"]))]), &["classes = [\"103\", \"3\", \"7\"]"]);
    let amounts = ["kind = \"regression\"", "# by its name; 3 different values"];
    says(&draft(&[("label", &of(["3.0", "700.0", "90000.0"]))]), &amounts);
    says(&draft(&[("label", &of(["5e+15", "1e+16", "1e+17"]))]), &amounts);
}

#[test]
fn words_for_parts_may_be_several() {
    let of = |words: &'static [&'static str]| move |at: usize| words[bits(at) % words.len()].to_owned();
    says(
        &draft(&[("split", &of(&["train", "Train", "train", "dev", "val", "test"]))]),
        &["by = \"column\"", "train = [\"Train\", \"train\"]\nvalid = [\"dev\", \"val\"]\ntest = \"test\"\n"],
    );
    says(&draft(&[("split", &of(&["train", "train", "VAL"]))]), &["valid = 0.1 ", "test = \"VAL\" ", "no other part"]);
    let missing = draft(&[("split", &of(&["train", "train", "test", ""]))]);
    says(&missing, &["# `split` seems to say which part a row is of, but ", " rows have none.\nby = \"time\" "]);
    for words in [&["dev", "test"][..], &["train"], &["val", "dev"]] {
        says(&draft(&[("split", &of(words))]), &["but all rows are for the same part.\nby = \"time\" "]);
    }
}

#[test]
fn hidden_files_have_names() {
    let (draft, _) = imported(".log.csv", log(&[], ",").as_bytes());
    says(&draft, &["\nname = \"log\"\n"]);
}

/// The log as JSON lines, with a column `tags` of lists as given.
fn objects(label: impl Fn(usize) -> String, tags: impl Fn(usize) -> String) -> Vec<u8> {
    let row = |at: usize| {
        let (user, ts) = (bits(at) % 40, 1_700_000_000 + at);
        format!("{{\"user_id\": {user}, \"click\": {}, \"ts\": {ts}, \"tags\": {}}}\n", label(at), tags(at))
    };
    (0..ROWS).map(row).collect::<String>().into_bytes()
}

fn click(at: usize) -> usize {
    bits(at + 13) % 3 / 2
}

#[test]
fn lists_of_one_element_each_are_lists() {
    let tags = |at: usize| format!("[\"t{}\"]", bits(at) % 3);
    let (draft, _) = imported("log.jsonl", &objects(|at| click(at).to_string(), tags));
    says(&draft, &["[fields.tags]\nkind = \"multi\"", "max = 1 "]);
    let (draft, _) = imported("log.jsonl", &objects(|at| click(at).to_string(), |at| format!("[{}.5]", at % 50)));
    says(&draft, &["[fields.tags]\nkind = \"multi\"", "max = 1 "]);
    // A value that is no list among them changes nothing.
    let mixed = |at: usize| if at == 0 { "\"a|b\"".to_owned() } else { tags(at) };
    let (draft, _) = imported("log.ndjson", &objects(|at| click(at).to_string(), mixed));
    says(&draft, &["[fields.tags]\nkind = \"multi\"", "max = 1 "]);
}

#[test]
fn lists_that_are_all_empty_are_left_out() {
    let (draft, _) = imported("log.jsonl", &objects(|at| click(at).to_string(), |_| "[]".to_owned()));
    says(&draft, &["# tags: its lists are all empty\n"]);
    assert!(!draft.contains("[fields.tags]"), "{draft}");
}

#[test]
fn a_label_in_lists_of_one_becomes_a_column() {
    let tags = |at: usize| format!("[\"t{}\"]", bits(at) % 3);
    let (draft, dataset) = imported("log.jsonl", &objects(|at| format!("[{}]", click(at)), tags));
    says(
        &draft,
        &["explode = { column = \"click\", into = [\"click_value\"] }", "label = \"click_value\"", "[fields.tags]"],
    );
    assert!(!draft.contains("[fields.click]"), "{draft}");
    assert_eq!(Part::ALL.map(|part| dataset.rows(part).len()).iter().sum::<usize>(), ROWS);
}

#[test]
fn a_label_in_lists_of_one_or_none_is_left_out() {
    let label = |at: usize| if at == 7 { "[]".to_owned() } else { format!("[{}]", click(at)) };
    let files = Files::of(&[("log.jsonl", &objects(label, |at| (at % 9).to_string()))]);
    let draft = guess(&files.paths()[0]).unwrap();
    says(&draft, &["# click: it is named like a label, and holds lists; write one value a row to predict it\n"]);
    says(&draft, &["# No column is named like a label"]);
    assert!(!draft.contains("explode") && !draft.contains("[fields.click]"), "{draft}");
}

#[test]
fn clicked_items_are_no_label() {
    let items = |at: usize| format!("[{}]", at % 20);
    let rows = objects(|at| click(at).to_string(), items);
    let (draft, _) = imported("log.jsonl", String::from_utf8(rows).unwrap().replace("tags", "last_clicks").as_bytes());
    says(&draft, &["[fields.last_clicks]\nkind = \"sequence\"", "label = \"click\""]);
    assert!(!draft.contains("explode"), "{draft}");
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = vec![];
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn lists_and_labels_of_parquet_files() {
    let whole = |value: fn(usize) -> usize| -> ArrayRef {
        Arc::new((0..ROWS).map(|at| value(at) as u32).collect::<UInt32Array>())
    };
    let lists = |value: fn(usize) -> Vec<usize>| -> ArrayRef {
        let list = |at: usize| Some(value(at).into_iter().map(|element| Some(element as u32)).collect::<Vec<_>>());
        Arc::new(ListArray::from_iter_primitive::<UInt32Type, _, _>((0..ROWS).map(list)))
    };
    let bytes = parquet(vec![
        ("user_id", whole(|at| bits(at) % 40)),
        ("click", lists(|at| vec![click(at)])),
        ("label", whole(|at| [3, 700, 90_000][bits(at) % 3])),
        ("one", lists(|at| vec![bits(at) % 4])),
        ("none", lists(|_| vec![])),
    ]);
    let (draft, _) = imported("log.parquet", &bytes);
    says(
        &draft,
        &["label = \"click_value\"", "classes = [\"3\", \"700\", \"90000\"]", "[fields.one]\nkind = \"multi\""],
    );
    says(&draft, &["# none: its lists are all empty\n"]);
}

/// A text in quotes, with the delimiter in every other row.
fn note(delimiter: &'static str) -> impl Fn(usize) -> String {
    move |at: usize| if at.is_multiple_of(2) { format!("\"n{}{delimiter}x\"", at % 5) } else { "z".to_owned() }
}

#[test]
fn quotes_hold_any_delimiter() {
    for (name, delimiter, read) in [
        ("log.csv", ";", "delimiter = \";\""),
        ("log.csv", "|", "delimiter = \"|\""),
        ("log.tsv", "\t", "quote = true"),
        ("log.csv", "\t", "format = \"tsv\""),
    ] {
        let (draft, _) = imported(name, log(&[("note", &note(delimiter))], delimiter).as_bytes());
        says(&draft, &[read, "user = \"user_id\"", "[fields.note]", "label = \"click\""]);
        assert_eq!(draft.contains("\nquote = true "), delimiter == "\t", "{draft}");
    }
}

#[test]
fn quotes_around_every_field_are_no_part_of_it() {
    let quoted = |value: usize| format!("\"{value}\"");
    let columns: [(&str, &Value); 4] = [
        ("\"user_id\"", &move |at| quoted(bits(at) % 40)),
        ("\"item_id\"", &move |at| quoted(bits(at + 7) % 30)),
        ("\"click\"", &move |at| quoted(click(at))),
        ("\"ts\"", &move |at| quoted(1_700_000_000 + at)),
    ];
    for (delimiter, drafts) in [("\t", true), (";", false), (",", false), ("|", false)] {
        let name = if delimiter == "\t" { "log.tsv" } else { "log.csv" };
        let (draft, _) = imported(name, log(&columns, delimiter).as_bytes());
        says(&draft, &["user = \"user_id\"", "time = \"ts\"", "kind = \"binary\""]);
        assert_eq!(draft.contains("quote = true"), drafts, "{draft}");
    }
}

#[test]
fn quotes_that_are_text_stay_so() {
    for note in
        [&|at: usize| format!("\"n{} so", at % 5) as String, &|at: usize| format!("5\" n{}", at % 5)] as [&Value; 2]
    {
        let (draft, dataset) = imported("log.tsv", log(&[("note", note)], "\t").as_bytes());
        assert!(!draft.contains("quote"), "{draft}");
        assert_eq!(Part::ALL.map(|part| dataset.rows(part).len()).iter().sum::<usize>(), ROWS);
    }
    // One that opens in a row is closed by that of another.
    let across = |at: usize| if at.is_multiple_of(2) { "\"from".to_owned() } else { "to\"".to_owned() };
    let (draft, _) =
        imported("log.tsv", log(&[("note", &across), ("page", &|at| (at % 3).to_string())], "\t").as_bytes());
    assert!(!draft.contains("quote"), "{draft}");
}
