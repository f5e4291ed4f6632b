use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, TimestampMillisecondArray};

use super::parquet_types::parquet;
use super::rows_of::{Cell, columns, list, lists, message, ones, text, value, write};
use crate::error::DataError;
use crate::read::{Join, Reading, Wanted, header};

fn join(name: &str, file: &str, here: &str, there: &str) -> Join {
    let reading = Reading { file: Some(file.into()), ..Reading::default() };
    Join { name: name.into(), reading, here: here.into(), there: there.into() }
}

fn joined(directory: &Path, joins: &[Join], wanted: &[Wanted]) -> Result<Vec<Vec<Cell>>, DataError> {
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    columns(&files, &Reading::default(), joins, wanted)
}

const RATINGS: &str = "user,item,stars\n1,a,5\n2,b,4\n,a,3\n1,c,2\n3,b,1\n";

#[test]
fn rows_gain_the_columns_of_their_keys() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "ratings.csv", RATINGS);
    write(directory.path(), "users-1.csv", "age,UserID,name\n20,1,Ann\n,3,\n");
    write(directory.path(), "users-2.csv", "UserID,age,name\n,99,Nobody\n4,40,Dan\n");
    write(directory.path(), "items.jsonl", "{\"item\": \"a\", \"genres\": [\"x\", \"y\"]}\n{\"item\": \"b\"}\n");
    let joins = [join("users", "users*", "user", "UserID"), join("items", "items*", "item", "item")];
    let wanted = [value("stars"), value("age"), text("name"), list("genres", ""), value("item"), value("UserID")];
    let got = joined(directory.path(), &joins, &wanted).unwrap();
    assert_eq!(got[0], ones(&["5", "4", "3", "2", "1"]));
    assert_eq!(got[1], ones(&["20", "-", "-", "20", "-"]));
    assert_eq!(got[2], ones(&["Ann", "-", "-", "Ann", "-"]));
    assert_eq!(got[3], lists(&["x y", "-", "x y", "-", "-"]));
    assert_eq!(got[4], ones(&["a", "b", "a", "c", "b"]));
    assert_eq!(got[5], ones(&["1", "-", "-", "1", "3"]));
    let files: Vec<_> =
        ["ratings.csv", "users-1.csv", "users-2.csv", "items.jsonl"].map(|name| directory.path().join(name)).into();
    let names = header(&files, &Reading::default(), &joins).unwrap();
    assert_eq!(names, ["user", "item", "stars", "age", "UserID", "name", "genres"]);
}

#[test]
fn keys_are_compared_as_they_are_written() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "ratings.csv", RATINGS);
    let numbers = |values: Vec<Option<f64>>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let ages = || Arc::new(Int64Array::from(vec![10, 20, 30])) as ArrayRef;
    parquet(
        directory.path(),
        "users.parquet",
        vec![("user", numbers(vec![Some(1.0), None, Some(3.0)])), ("age", ages())],
    );
    let joins = [join("users", "users*", "user", "user")];
    let got = joined(directory.path(), &joins, &[value("age"), text("user")]).unwrap();
    assert_eq!(got, [ones(&["10", "-", "-", "10", "30"]), ones(&["1", "2", "-", "1", "3"])]);
}

#[test]
fn moments_join_by_their_thousandths() {
    let directory = tempfile::tempdir().unwrap();
    let moments = |ms: &[i64]| Arc::new(TimestampMillisecondArray::from(ms.to_vec())) as ArrayRef;
    let numbers = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let main = vec![("at", moments(&[1_001, 1_002, 2_000, 3_000])), ("row", numbers(&[0, 1, 2, 3]))];
    parquet(directory.path(), "log.parquet", main);
    // Whole seconds in one file, and not in the other.
    let first = vec![("at", moments(&[2_000])), ("seen", moments(&[5_000]))];
    parquet(directory.path(), "seen-1.parquet", first);
    let second = vec![("at", moments(&[1_002, 1_001])), ("seen", moments(&[5_002, 5_001]))];
    parquet(directory.path(), "seen-2.parquet", second);
    let joins = [join("seen", "seen*", "at", "at")];
    let got = joined(directory.path(), &joins, &[value("seen")]).unwrap();
    let of = |rest: &str| format!("1970-01-01T00:00:05{rest}");
    assert_eq!(got, [ones(&[&of(".001"), &of(".002"), &of(""), "-"])]);
}

#[test]
fn whole_numbers_that_became_floating_point_are_the_same_keys() {
    let directory = tempfile::tempdir().unwrap();
    let ages = |main: &str, users: &str| {
        write(directory.path(), "ratings.csv", main);
        write(directory.path(), "users.csv", users);
        joined(directory.path(), &[join("users", "users*", "user", "user")], &[value("age")])
    };
    let (whole, floating) = ("user,age\n12,20\n007,30\n", "user,age\n12.0,20\n007,30\n");
    for users in [whole, floating] {
        for main in ["user,x\n12.0,1\n,2\n7.0,3\n7,4\n", "user,x\n12,1\n,2\n7.0,3\n7,4\n"] {
            assert_eq!(ages(main, users).unwrap(), [ones(&["20", "-", "-", "-"])], "{main} {users}");
        }
    }
    // Versions are told apart as ever where both are there.
    assert_eq!(ages("user,x\n1,1\n1.0,2\n", "user,age\n1,10\n1.0,20\n").unwrap(), [ones(&["10", "20"])]);
    assert_eq!(
        message(ages("user,x\n1,1\n", "user,age\n1.0,10\n2,5\n1.00,20\n"), directory.path()),
        "`[join.users]`: key 1 of column `user` is in row 1 of `users.csv` and row 3 of `users.csv`, expected one row a key"
    );
}

#[test]
fn tables_that_have_no_key_in_common() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "ratings-1.csv", "user,x\n,0\n");
    write(directory.path(), "ratings-2.csv", "user,x\nu1,1\nu2,2\n");
    write(directory.path(), "users.csv", "id,age\n7,20\n8,30\n");
    let joins = [join("users", "users*", "user", "id")];
    assert_eq!(
        message(joined(directory.path(), &joins, &[value("age")]), directory.path()),
        "`[join.users]`: no row finds its key: column `user` of `ratings-2.csv` has keys like `u1`, and column `id` of \
         `users.csv` has keys like `7`; expected keys that are written alike, or other columns as `key`"
    );
    // Rows that are only predicted may all be of keys that are new.
    let files: Vec<_> = ["ratings-1.csv", "ratings-2.csv", "users.csv"].map(|name| directory.path().join(name)).into();
    let table = crate::read::open_as_given(&files, &Reading::default(), &joins, &[value("age")]).unwrap();
    assert!(table.scan(&mut |_| Ok(())).is_ok());
    // One that is found is enough, and where there is none at all nothing is wrong.
    write(directory.path(), "users.csv", "id,age\n7,20\nu2,30\n");
    assert_eq!(joined(directory.path(), &joins, &[value("age")]).unwrap(), [ones(&["-", "-", "30"])]);
    write(directory.path(), "users.csv", "id,age\n7,20\n");
    write(directory.path(), "ratings-2.csv", "user,x\n,1\n");
    assert_eq!(joined(directory.path(), &joins, &[value("age")]).unwrap(), [ones(&["-", "-"])]);
}

#[test]
fn a_joined_table_without_rows() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "ratings.csv", RATINGS);
    write(directory.path(), "users.csv", "user,age,name,tags\n");
    let joins = [join("users", "users*", "user", "user")];
    let got = joined(directory.path(), &joins, &[value("age"), text("name"), list("tags", "|")]).unwrap();
    assert_eq!(got, vec![vec![Cell::Missing; 5]; 3]);
}

#[test]
fn long_joined_texts_end_pieces_early() {
    let directory = tempfile::tempdir().unwrap();
    let ratings: Vec<String> = (0..3000).map(|row| format!("{row},{}\n", row % 2)).collect();
    write(directory.path(), "ratings.csv", format!("row,item\n{}", ratings.concat()));
    let long = "x".repeat(20_000);
    write(directory.path(), "items.csv", format!("item,text\n0,{long}\n1,short\n"));
    let joins = [join("items", "items*", "item", "item")];
    let files = ["ratings.csv", "items.csv"].map(|name| directory.path().join(name));
    let table = crate::read::open(&files, &Reading::default(), &joins, &[text("text"), value("row")]).unwrap();
    let mut rows = vec![];
    table
        .scan(&mut |piece| {
            assert_eq!(piece.first_row, rows.iter().sum::<u64>());
            rows.push(piece.rows() as u64);
            Ok(())
        })
        .unwrap();
    assert_eq!((rows.len(), rows.iter().sum()), (2, 3000), "{rows:?}");
}

#[test]
fn keys_and_columns_that_are_there_twice() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "ratings.csv", RATINGS);
    write(directory.path(), "users-1.csv", "user,stars\n7,1\n2,2\n");
    write(directory.path(), "users-2.csv", "user,stars\n8,1\n9,1\n2,2\n");
    let joins = [join("users", "users*", "user", "user")];
    let error = |wanted| message(joined(directory.path(), &joins, &[wanted]), directory.path());
    assert_eq!(
        error(value("item")),
        "`[join.users]`: key 2 of column `user` is in row 2 of `users-1.csv` and row 3 of `users-2.csv`, expected one \
         row a key"
    );
    assert_eq!(
        error(value("stars")),
        "column `stars` is in both `[read]` and `[join.users]`, expected one of them; `columns` under `[join.users]` \
         gives other names"
    );
    let wrong = |here, there| {
        let joins = [join("users", "users*", here, there)];
        message(joined(directory.path(), &joins, &[value("item")]), directory.path())
    };
    assert_eq!(
        wrong("usr", "user"),
        "`ratings.csv` has no column `usr`; did you mean `user`?; it has user, item, stars"
    );
    assert_eq!(wrong("user", "users"), "`users-1.csv` has no column `users`; did you mean `user`?; it has user, stars");
}
