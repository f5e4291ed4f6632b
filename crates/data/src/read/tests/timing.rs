//! How long real files take. `cargo test --release -p mmtl-data timing -- --ignored --nocapture` with `MMTL_SHARED` at
//! the folder that holds `epinions` and `movielens-1m`.

use std::path::PathBuf;
use std::time::Instant;

use super::rows_of::{list, value};
use crate::read::{Format, Join, Reading, Wanted, open};

fn time(what: &str, files: &[PathBuf], reading: &Reading, joins: &[Join], wanted: &[Wanted]) {
    for _ in 0..3 {
        let start = Instant::now();
        let (mut rows, mut pieces) = (0, 0);
        let table = open(files, reading, joins, wanted).unwrap();
        table
            .scan(&mut |piece| {
                rows += piece.rows();
                pieces += 1;
                Ok(())
            })
            .unwrap();
        println!("{what}: {rows} rows in {pieces} pieces, {:.3} s", start.elapsed().as_secs_f64());
    }
}

#[test]
#[ignore = "needs the files of users, and measures"]
fn real_files() {
    let folder = PathBuf::from(std::env::var("MMTL_SHARED").expect("MMTL_SHARED is set"));
    let wanted = ["user_id", "item_id", "category", "rating", "helpfulness", "time_bucket"].map(value);
    time("epinions", &[folder.join("epinions/ratings.tsv.xz")], &Reading::default(), &[], &wanted);

    let reading = |file: &str| Reading {
        file: Some(file.into()),
        format: Some(Format::Tsv),
        typed_header: true,
        ..Reading::default()
    };
    let join = |name: &str, key: &str| Join {
        name: name.into(),
        reading: reading(&format!("*.{name}*")),
        here: key.into(),
        there: key.into(),
    };
    let files = ["inter", "user", "item"].map(|part| folder.join(format!("movielens-1m/ml-1m.{part}.xz")));
    let names = ["user_id", "item_id", "rating", "timestamp", "age", "gender", "occupation", "release_year"];
    let mut wanted: Vec<Wanted> = names.map(value).into();
    wanted.push(list("genre", " "));
    let joins = [join("user", "user_id"), join("item", "item_id")];
    time("movielens", &files, &reading("*.inter*"), &joins, &wanted);
}
