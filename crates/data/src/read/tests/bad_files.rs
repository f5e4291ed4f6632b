use super::rows_of::{columns, list, message, of_file, ones, value, write};
use crate::read::{Encoding, Reading, Wanted};

fn error(files: &[(&str, &[u8])], reading: &Reading, wanted: &[Wanted]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<_> = files.iter().map(|(name, contents)| write(directory.path(), name, contents)).collect();
    message(columns(&files, reading, &[], wanted), directory.path())
}

fn of_csv(contents: &[u8]) -> String {
    error(&[("a.csv", contents)], &Reading::default(), &[value("user"), value("clicked")])
}

#[test]
fn columns_that_are_not_there() {
    assert_eq!(of_csv(b"usr,clicked\n1,0\n"), "`a.csv` has no column `user`; did you mean `usr`?; it has usr, clicked");
    // A column without a name is none, as that of row numbers in a file of pandas'.
    assert_eq!(of_csv(b",clicked\n1,0\n"), "`a.csv` has no column `user`; it has clicked");
}

#[test]
fn keys_that_come_late() {
    let rows = format!("{}{{\"price\": 3}}\n", "{\"user\": 1}\n".repeat(10_000));
    let read = |rows: &str, columns: Option<[&str; 2]>| {
        let columns = columns.map(|names| names.map(str::to_owned).into());
        of_file("a.jsonl", rows, &Reading { columns, ..Reading::default() }, &[value("price")])
    };
    let error = read(&rows, None).unwrap_err().to_string();
    let advice = "/a.jsonl` has no column `price`; it has user; columns are looked for in the first 10,000 rows: where \
                  some first come later, name all that are needed by `columns = [...]` in the card's `[read]`";
    assert!(error.ends_with(advice), "{error}");
    // One row sooner it is found, and where it is named it is looked for in all rows.
    let sooner = rows.split_once('\n').unwrap().1;
    for got in [read(sooner, None).unwrap(), read(&rows, Some(["user", "price"])).unwrap()] {
        assert_eq!(got[0][got[0].len() - 2..], ones(&["-", "3"]));
    }
}

#[test]
fn headers_that_are_blank() {
    for blank in ["\n  \n", " , \n1,2\n"] {
        assert_eq!(
            of_csv(blank.as_bytes()),
            "`a.csv` has no column `user`: its header is blank; expected a line with the names of the columns, and rows \
             below it"
        );
    }
}

#[test]
fn headers_that_are_none() {
    assert_eq!(
        of_csv(b"17,0\n18,1\n"),
        "the header of `a.csv` has `17` for a name, as if it were a row, expected names of columns, or `header = \
         false` and `columns` in the card's `[read]`"
    );
    assert_eq!(of_csv(b""), "`a.csv` is empty, expected a header");
    assert_eq!(of_csv(b"\n\r\n\n"), "`a.csv` is empty, expected a header");
    assert_eq!(
        of_csv(b"user,clicked,user\n1,2,3\n"),
        "the header of `a.csv` has `user` in places 1 and 3, expected each name once; `columns` in the card's \
         `[read]` gives other names"
    );
    assert_eq!(
        of_csv(b"user,caf\xE9,clicked\n"),
        "the header of `a.csv` has \"caf\u{FFFD}\" in place 2, expected UTF-8 text, or `encoding = \"latin-1\"` in \
         the card's `[read]`"
    );
    let named = |header| Reading { header, columns: Some(vec!["user".into()]), ..Reading::default() };
    assert_eq!(
        error(&[("a.csv", b"u,c\n1,2\n")], &named(true), &[value("user")]),
        "the header of `a.csv` has 2 fields, expected 1, as many as `columns` has names"
    );
    assert_eq!(
        error(&[("a.csv", b"1,2\n1,2\n")], &named(false), &[value("user")]),
        "row 1 of `a.csv` has 2 fields, expected 1, one for each column; is the `delimiter` another one?"
    );
    assert_eq!(error(&[("a.csv", b"")], &named(false), &[value("user")]), "`a.csv` is empty, expected rows");
    let unnamed = Reading { header: false, ..Reading::default() };
    assert_eq!(
        error(&[("a.csv", b"1,2\n")], &unnamed, &[value("user")]),
        "the header of `a.csv` is said to be missing, expected `columns`, a name for each column"
    );
}

#[test]
fn files_of_different_columns() {
    let wanted = [value("user")];
    let two = |second: &[u8]| error(&[("a.csv", b"user,x\n1,2\n"), ("b.csv", second)], &Reading::default(), &wanted);
    assert_eq!(
        two(b"user,y\n1,2\n"),
        "`b.csv` has other columns than `a.csv`: it lacks `x`; expected the same in every file of a table"
    );
    assert_eq!(
        two(b"x,user,y\n1,2,3\n"),
        "`b.csv` has other columns than `a.csv`: it has `y`; expected the same in every file of a table"
    );
}

#[test]
fn ragged_rows() {
    assert_eq!(of_csv(b"user,clicked\n1,0\n2\n"), "row 2 of `a.csv` has 1 fields, expected 2, one for each column");
    let wrong = error(&[("a.csv", b"user;clicked\n1;0,5\n")], &Reading::default(), &[value("user;clicked")]);
    assert_eq!(
        wrong,
        "row 1 of `a.csv` has 2 fields, expected 1, one for each column; is the `delimiter` another one?"
    );
}

#[test]
fn quotes_that_are_never_closed() {
    let expected = "row 2 of `a.csv` opens a quote that the file never closes; expected quotes in pairs, or `quote = \
                    false` in the card's `[read]`";
    assert_eq!(of_csv(b"user,clicked\n1,0\n2,\"0\n3,0\n4,1,2\n"), expected);
    assert_eq!(of_csv(b"user,clicked\n1,0\n2,\"0\n3,0"), expected);
    // The file ends within the row, or just after what looks like the end of a quote and is none.
    assert_eq!(of_csv(b"user,clicked\n1,0\n2,\"0"), expected);
    assert_eq!(of_csv(b"user,clicked\n1,0\n2,\"0\"\""), expected);
    assert_eq!(
        of_csv(b"user,clicked\n1,0\n\"2,0\n3,0\"\n"),
        "row 2 of `a.csv` has 1 fields, expected 2, one for each column; one of them holds several lines: is a quote \
         never closed?"
    );
    let directory = tempfile::tempdir().unwrap();
    for closed in ["\"0\n\"", "\"0\"", "\"two\nlines\" ", "\"\"\"0\"\"\"\n", "5\" wide"] {
        let path = write(directory.path(), "a.csv", format!("user,clicked\n1,0\n2,{closed}").as_bytes());
        let read = columns(&[path], &Reading::default(), &[], &[value("clicked")]);
        assert!(read.is_ok(), "{closed}: {:?}", read.err());
    }
    // Nothing bounds such a row but the bound on rows.
    let endless = [b"user,clicked\n1,\"".as_slice(), &vec![b'x'; 65 << 20]].concat();
    assert_eq!(
        of_csv(&endless),
        "row 1 of `a.csv` is longer than 64 MiB; expected quotes in pairs, or `quote = false` in the card's `[read]`"
    );
}

#[test]
fn rows_count_within_their_file() {
    let row = |row: usize| if row == 70_000 { "1,2,3\n".to_owned() } else { format!("{row},0\n") };
    let long = (1..=70_000).map(row).collect::<Vec<_>>().concat();
    let files: [(&str, &[u8]); 2] =
        [("a.csv", b"user,clicked\n1,0\n"), ("b.csv", &format!("user,clicked\n{long}").into_bytes())];
    let error = error(&files, &Reading::default(), &[value("user")]);
    assert_eq!(error, "row 70000 of `b.csv` has 3 fields, expected 2, one for each column");
}

#[test]
fn broken_text_is_named_by_row_and_column() {
    let files: [(&str, &[u8]); 1] = [("a.csv", b"user,clicked\n1,0\n2,0\ncaf\xE9,1\n")];
    assert_eq!(
        error(&files, &Reading::default(), &[value("clicked"), value("user")]),
        "row 3 of `a.csv`: column `user` is \"caf\u{FFFD}\", expected UTF-8 text, or `encoding = \"latin-1\"` in the \
         card's `[read]`"
    );
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), "a.csv", files[0].1);
    let latin = Reading { encoding: Encoding::Latin1, ..Reading::default() };
    assert!(columns(std::slice::from_ref(&path), &latin, &[], &[value("user")]).is_ok());
    // Nobody asks for the column: nobody looks at it.
    assert!(columns(&[path], &Reading::default(), &[], &[value("clicked")]).is_ok());
    let error =
        error(&[("a.jsonl", b"{\"user\": 1}\n{\"user\": \"caf\xE9\"}\n")], &Reading::default(), &[value("user")]);
    assert!(error.contains("row 2 of `a.jsonl`") && error.contains("UTF-8"), "{error}");
}

#[test]
fn json_that_is_malformed() {
    let error = |lines: &[u8]| error(&[("a.jsonl", lines)], &Reading::default(), &[value("user"), list("tags", "")]);
    let good = b"{\"user\": 1, \"tags\": []}\n";
    let after_good = |line: &[u8]| error(&[good.as_slice(), b"\n", line].concat());
    assert_eq!(
        after_good(b"{\"user\": 1,}"),
        "row 2 of `a.jsonl` is malformed: trailing comma (character 12); expected one JSON object a line"
    );
    assert_eq!(
        after_good(b"[1, 2]"),
        "row 2 of `a.jsonl` is malformed: invalid type: sequence, expected an object (character 0); expected one JSON \
         object a line"
    );
    for line in ["{\"user\": 1", "{} {}", "\"user\"", "{\"user\": nan}", "{\"user\": \"\\ud800\"}"] {
        let error = after_good(line.as_bytes());
        assert!(error.starts_with("row 2 of `a.jsonl` is malformed"), "{line}: {error}");
    }
    assert!(after_good(b"{\"user\": 1, \"user\": 2}").contains("`user` is there twice"));
    assert_eq!(
        after_good(b"{\"user\": {\"id\": 1}}"),
        "row 2 of `a.jsonl`: column `user` is an object, expected one value: a text, a number, true, false or null"
    );
    assert!(after_good(b"{\"user\": [1]}").contains("column `user` is a list, expected one value"));
    assert_eq!(
        after_good(b"{\"tags\": [[1]]}"),
        "row 2 of `a.jsonl`: column `tags` is a list of lists or objects, expected a list of texts, numbers, true and \
         false"
    );
    assert!(after_good(b"{\"tags\": {}}").contains("column `tags` is an object, expected a list"));
    assert_eq!(error(b"  \n\n"), "`a.jsonl` is empty, expected one JSON object a line");
    let deep = [b"{\"x\": ".as_slice(), &b"[".repeat(100_000)].concat();
    assert!(after_good(&deep).starts_with("row 2 of `a.jsonl` is malformed"));
}
