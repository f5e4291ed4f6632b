use std::fs;
use std::path::Path;

use super::guess;
use crate::card_file::CardFile;

/// The draft for a file of these contents. It is TOML, whatever the file holds.
fn draft(name: &str, contents: impl AsRef<[u8]>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, contents).unwrap();
    of_file(&path)
}

fn of_file(path: &Path) -> String {
    let draft = guess(path).unwrap();
    draft.parse::<toml::Table>().unwrap_or_else(|error| panic!("{error}\n{draft}"));
    let wrong = CardFile::parse("draft.toml", draft.as_bytes()).map(|_| ()).map_err(|faults| faults.to_string());
    let labelled = draft.contains("\n[tasks.");
    assert!(wrong.is_ok() == labelled, "{wrong:?}\n{draft}");
    draft
}

#[test]
fn impressions_with_clicks_and_conversions() {
    let mut file = String::from("imp_id,user_id,itemId,page,price,brand,ts,isClick,bought,history,const\n");
    for row in 0..300 {
        let click = u32::from(row % 3 == 0);
        let buy = u32::from(row % 12 == 0);
        let price = if row % 10 == 0 { String::new() } else { format!("{}.5", row % 40) };
        let history: Vec<String> = (0..row % 4).map(|at| format!("i{}", (row + at) % 50)).collect();
        let line = format!(
            "{row},u{},i{},{},{price},{},{},{click},{buy},{},x\n",
            row % 60,
            row % 50,
            ["home", "search", "cart"][row % 3],
            row % 25,
            1_700_000_000 + row * 60,
            history.join("|"),
        );
        file.push_str(&line);
    }
    insta::assert_snapshot!(draft("impressions.csv.gz", gzip(&file)));
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn ratings_without_a_header_in_latin_1() {
    let mut file = vec![];
    for row in 0..50u32 {
        file.extend(format!("{}::caf", row % 7 + 11).bytes());
        file.push(0xE9);
        file.extend(format!("{}::{}::?::{}\n", row % 9, row % 5 + 1, 978_300_760 + row).bytes());
    }
    insta::assert_snapshot!(draft("ratings.dat", file));
}

#[test]
fn typed_headers_and_tabs() {
    let rows: Vec<String> = (0..40).map(|row| format!("{}\t{}\t{}\n", row % 6, row % 8, row % 5 + 1)).collect();
    let header = "user_id:token\titem_id:token\trating:float\n";
    insta::assert_snapshot!(draft("ml.inter", format!("{header}{}", rows.concat())));
}

#[test]
fn objects_with_lists_and_nested_values() {
    let row = |row: u32| {
        format!(
            "{{\"uid\": {}, \"tags\": [\"t{}\", \"t{}\"], \"text\": \"so very nice number {row}\", \"more\": {{}}, \
             \"label\": {}}}\n",
            row % 7,
            row % 4,
            row % 3,
            row % 4
        )
    };
    insta::assert_snapshot!(draft("log.jsonl", (0..40).map(row).collect::<String>()));
}

#[test]
fn names_and_values_that_need_quotes() {
    let file = "\"a \"\"b\"\" # c\",Größe,label\nx'y,\"1,5\",\"no \"\"way\"\"\"\nz,\"2,5\",yes\nz,\"2,5\",yes\n";
    insta::assert_snapshot!(draft("odd.csv", file));
}

#[test]
fn names_are_there_once() {
    let card = draft(
        "log.csv",
        "user_id,item_id,isClick,is_click,Scene,scene!,ts,ts_hour,price,price_missing\n\
         1,a,0,1,x,k,1717243200,u,1.5,p\n2,b,1,0,y,l,1717243300,v,,q\n3,a,0,1,x,k,1717243400,u,2.5,p\n",
    );
    CardFile::parse("draft", card.as_bytes()).unwrap_or_else(|faults| panic!("{faults}\n{card}"));
    for table in ["[tasks.is_click]", "[tasks.is_click_2]", "[fields.ts_hour_2]", "[fields.price_missing_2]"] {
        assert!(card.contains(table), "{table} in\n{card}");
    }
}

#[test]
fn parts_and_dates_that_are_given() {
    let row = |row: u32| {
        let (part, answer) = (["Train", "Train", "dev", "Test"][row as usize % 4], ["yes", "no", "no", "may be"]);
        let day = row % 28 + 1;
        format!("{row},2024-06-{day:02}T10:00:00,{part},{},{},t{}\n", answer[row as usize % 4], row % 9, row % 3)
    };
    let rows: Vec<String> = (0..60).map(row).collect();
    insta::assert_snapshot!(draft("days.csv", format!("id,date,split,label,user,tab\n{}", rows.concat())));
}

#[test]
fn shipped_data() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    insta::assert_snapshot!(of_file(&data.join("reviews/reviews.parquet")));
    insta::assert_snapshot!(of_file(&data.join("census/census.parquet")));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    fs::write(&path, "").unwrap();
    assert!(guess(&path).unwrap_err().to_string().ends_with("a.csv` is empty, expected a header"));
    assert!(guess(&directory.path().join("b.csv")).is_err());
    fs::write(&path, "a,b\n1\n").unwrap();
    assert!(guess(&path).unwrap_err().to_string().contains("row 1 of"));
}
