//! Drafts of cards that are imported as they are.

use mmtl_data::{Dataset, Part, guess};

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

/// Whether a draft has each of these texts, and what it says of the split.
fn says(draft: &str, texts: &[&str]) {
    for text in texts {
        assert!(draft.contains(text), "{text}\n{draft}");
    }
}

fn click(at: usize) -> usize {
    bits(at + 13) % 3 / 2
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
