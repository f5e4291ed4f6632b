use super::rows_of::{Cell, columns, list, lists, of_file, ones, text, value, write};
use crate::read::{Encoding, Explode, Format, Reading, header, open};
use crate::table::Piece;

#[test]
fn quotes_marks_line_ends_and_empty_lines() {
    let expected = vec![ones(&["1", "2", "3"]), ones(&["x, \"y\"", "two\nlines", "-"])];
    for file in [
        "a,unused,b\n1,,\"x, \"\"y\"\"\"\n2,,\"two\nlines\"\n3,,\n",
        "\u{FEFF}a,unused,b\r\n\r\n1,,\"x, \"\"y\"\"\"\r\n2,\"\",\"two\nlines\"\r\n3,,NA\r\n\r\n",
        "\n a ,unused, b\n 1 ,,\"x, \"\"y\"\"\"\n2,,\"two\nlines\"\n\n3,,  ",
    ] {
        assert_eq!(of_file("a.csv", file, &Reading::default(), &[value("a"), text("b")]).unwrap(), expected, "{file}");
    }
}

#[test]
fn blanks_stay_where_they_are_not_trimmed() {
    let reading = Reading { trim: false, missing: vec![" ?".into()], ..Reading::default() };
    let got = of_file("a.csv", "a,b\n x ,1\n ?,\n", &reading, &[value("a"), value("b")]).unwrap();
    assert_eq!(got, [ones(&[" x ", "-"]), ones(&["1", ""])]);
}

#[test]
fn delimiters_of_several_characters_in_latin_1() {
    let reading = Reading {
        header: false,
        delimiter: Some("::".into()),
        encoding: Encoding::Latin1,
        columns: Some(["item", "title", "genres"].map(str::to_owned).into()),
        ..Reading::default()
    };
    let file = b"1::Caf\xE9: \"au\" lait::Drama|Comedy\r\n2::B:::\r\n3::::Drama";
    let got = of_file("movies.dat", file, &reading, &[list("genres", "|"), text("title"), value("item")]).unwrap();
    let titles = ones(&["Café: \"au\" lait", "B", "-"]);
    assert_eq!(got[1..], [titles, ones(&["1", "2", "3"])]);
    assert_eq!(got[0], lists(&["Drama Comedy", ":", "Drama"]));
}

#[test]
fn ascii_is_the_same_in_every_encoding() {
    for encoding in Encoding::ALL {
        let reading = Reading { encoding, ..Reading::default() };
        let got = of_file("a.csv", "a\n~x\n", &reading, &[value("a")]).unwrap();
        assert_eq!(got, [ones(&["~x"])], "{}", encoding.name());
    }
}

#[test]
fn headers_with_types_and_headers_that_are_replaced() {
    let typed = Reading { typed_header: true, ..Reading::default() };
    let file = "user_id:token\ta:b:float\n7\t1.50\n";
    let wanted = [value("a:b"), value("user_id")];
    assert_eq!(of_file("x.tsv", file, &typed, &wanted).unwrap(), [ones(&["1.50"]), ones(&["7"])]);
    let renamed = Reading { columns: Some(vec!["u".into(), "v".into()]), ..Reading::default() };
    assert_eq!(of_file("x.tsv", file, &renamed, &[value("v")]).unwrap(), [ones(&["1.50"])]);
    // An index that pandas writes has no name.
    assert_eq!(of_file("x.csv", ",a\n0,b\n", &Reading::default(), &[value("a")]).unwrap(), [ones(&["b"])]);
}

#[test]
fn json_lines_of_every_kind_of_value() {
    let file = r#"
        {"user": 12, "price": 1.50, "clicked": true, "genres": ["a", 2, true, null, "NA"], "more": {"deep": [1]}}

        {"genres": "x|y", "clicked": false, "user": "é\n\"", "price": null}
        {"genres": [], "price": -0, "user": " NA "}
        {"genres": 5, "us\u0065r": 1e3}
    "#;
    let wanted = [value("user"), value("price"), value("clicked"), list("genres", "|"), text("user")];
    let got = of_file("x.jsonl", file, &Reading::default(), &wanted[..4]).unwrap();
    assert_eq!(got[0], ones(&["12", "é\n\"", "-", "1e3"]));
    assert_eq!(got[1], ones(&["1.50", "-", "-0", "-"]));
    assert_eq!(got[2], ones(&["1", "0", "-", "-"]));
    assert_eq!(got[3], lists(&["a 2 1", "x y", "", "5"]));
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), "x.jsonl", file);
    let names = header(&[path], &Reading::default(), &[]).unwrap();
    assert_eq!(names, ["user", "price", "clicked", "genres", "more"]);
}

#[test]
fn several_files_are_read_by_name_and_may_order_their_columns_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &str| write(directory.path(), name, contents);
    let files =
        [file("c.csv", "b,a\n5,6\n"), file("a.csv", "a,b\n1,2\n"), file("b.csv", "a,b\n"), file("b2.csv", "a,b\n3,4")];
    let got = columns(&files, &Reading::default(), &[], &[value("a"), value("b")]).unwrap();
    assert_eq!(got, [ones(&["1", "3", "6"]), ones(&["2", "4", "5"])]);
}

#[test]
fn objects_of_several_files_need_not_have_the_same_keys() {
    let directory = tempfile::tempdir().unwrap();
    let files =
        [write(directory.path(), "a.jsonl", "{\"a\": 1}\n"), write(directory.path(), "b.jsonl", "{\"b\": [1, 2]}\n")];
    let got = columns(&files, &Reading::default(), &[], &[value("a"), list("b", "")]).unwrap();
    assert_eq!(got, [ones(&["1", "-"]), vec![Cell::Missing, lists(&["1 2"])[0].clone()]]);
}

#[test]
fn a_table_of_many_pieces() {
    let rows = 100_000;
    let row = |row: usize| format!("{row},k{},{}\n", row % 3, "x".repeat(row % 7));
    let file = ["row,kind,long\n".to_owned()].into_iter().chain((0..rows).map(row)).collect::<Vec<_>>().concat();
    for (name, reading) in [
        ("a.csv", Reading::default()),
        ("a.csv", Reading { quote: Some(false), ..Reading::default() }),
        ("a.txt", Reading { format: Some(Format::Csv), ..Reading::default() }),
    ] {
        let got = of_file(name, &file, &reading, &[value("row"), value("kind"), text("long")]).unwrap();
        for row in 0..rows {
            let long = if row % 7 == 0 { Cell::Missing } else { Cell::One("x".repeat(row % 7)) };
            assert_eq!([&got[0][row], &got[2][row]], [&Cell::One(row.to_string()), &long]);
            assert_eq!(got[1][row], Cell::One(format!("k{}", row % 3)));
        }
    }
}

#[test]
fn exploded_parts_are_cleaned_as_other_cells() {
    let into = ["item", "clicked"].map(str::to_owned).into();
    let explode = Explode { column: "shown".into(), separator: ";".into(), into, between: Some(":".into()) };
    let read = |reading: Reading| {
        let file = "shown\nd:1;NA:0;d :0;:1; d : NA \n";
        let reading = Reading { explode: Some(explode.clone()), ..reading };
        of_file("a.csv", file, &reading, &[value("item"), value("clicked")]).unwrap()
    };
    let cleaned = read(Reading::default());
    assert_eq!(cleaned, [ones(&["d", "-", "d", "-", "d"]), ones(&["1", "0", "0", "1", "-"])]);
    let as_they_are = read(Reading { missing: vec!["0".into()], trim: false, ..Reading::default() });
    assert_eq!(as_they_are, [ones(&["d", "NA", "d ", "-", " d "]), ones(&["1", "-", "-", "1", " NA "])]);
}

#[test]
fn what_stands_beside_a_long_list_is_copied_in_pieces() {
    let into = vec!["item".to_owned()];
    let explode = Explode { column: "shown".into(), separator: ";".into(), into, between: None };
    let reading = Reading { explode: Some(explode), ..Reading::default() };
    let (beside, shown) = ("x".repeat(1 << 20), (0..100).map(|item| item.to_string()).collect::<Vec<_>>());
    let file = format!("history,shown\na,first\n{beside},{}\nb,last\n", shown.join(";"));
    let directory = tempfile::tempdir().unwrap();
    let files = [write(directory.path(), "a.csv", file)];
    let wanted = [value("item"), list("history", " ")];
    let (mut largest, mut rows) = (0, vec![]);
    open(&files, &reading, &[], &wanted)
        .unwrap()
        .scan(&mut |piece: &Piece| {
            largest = largest.max(piece.rows());
            rows.extend(piece.origins.rows.clone().unwrap());
            Ok(())
        })
        .unwrap();
    assert!(largest < 20, "{largest} rows of 1 MB each");
    assert_eq!(rows, [vec![0], vec![1; 100], vec![2]].concat());
    let items: Vec<String> = std::iter::once("first".to_owned()).chain(shown).chain(["last".to_owned()]).collect();
    let got = columns(&files, &reading, &[], &wanted).unwrap();
    assert_eq!(got[0], ones(&items.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!((got[1][0].clone(), got[1][101].clone()), (lists(&["a"])[0].clone(), lists(&["b"])[0].clone()));
    assert!(got[1][1..101].iter().all(|row| *row == Cell::Many(vec![beside.clone()])));
}
