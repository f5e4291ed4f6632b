//! Rows and runs that predictions cannot be had of.

use std::fs;
use std::path::Path;

use super::{CARD, log, shop, shop_of, shown, without};
use crate::program::Program;

/// Checks that `predict` and what is given refuse with `parts`, in one sentence, and write nothing.
fn refused(program: &Program, args: &[&str], parts: &[&str]) {
    let before = program.listing();
    let done = program.run(args);
    assert_eq!((done.code, done.out.as_str(), done.err.lines().count()), (2, "", 1), "{args:?}: {done:?}");
    for part in parts {
        assert!(done.err.contains(part), "`{part}` is not in: {}", done.err);
    }
    assert_eq!(program.listing(), before, "{args:?}: something was written");
}

#[test]
fn rows_that_do_not_fit() {
    let (program, runs) = shop(2000, &[]);
    let [star, shared] = ["star joint", "shared-bottom joint"].map(|name| shown(&runs[name]).to_owned());
    let text = log(50, true);
    let file = |name: &str, text: &str| shown(&program.write(name, text)).to_owned();
    let lacking = file("lacking.csv", &without(&text, &["age"]));
    refused(&program, &["predict", &star, &lacking], &["lacking.csv", "has no column `age`"]);
    let wrong = file("wrong.csv", &text.replacen(".25,", ".25.0,", 1));
    refused(&program, &["predict", &star, &wrong], &["row ", "wrong.csv", "`price` is", "expected a number"]);
    let strange = file("strange.csv", &text.replace("feed", "fed"));
    refused(
        &program,
        &["predict", &star, &strange],
        &["row ", "strange.csv", "column `page` is fed", "`cart`, `feed`, `search`; did you mean `feed`?"],
    );
    refused(&program, &["predict", &star, "nowhere.csv"], &["nowhere.csv"]);
    // An architecture that never looks at the scene takes any.
    let done = program.run(&["predict", &shared, &strange]);
    assert!(done.code == 0 && done.out.lines().any(|line| line.split(',').nth(2) == Some("fed")), "{done:?}");
}

#[test]
fn what_stands_in_the_place_of_a_scene_is_told() {
    let listed = "groups = { browse = [\"search\", \"feed\"], basket = [\"cart\"] }\nmissing = \"error\"";
    let card = CARD.replace("by = \"page\"\n", &format!("by = \"page\"\n{listed}\n"));
    let (program, runs) = shop_of(&card, &log(2000, true), &[]);
    let [star, shared] = ["star joint", "shared-bottom joint"].map(|name| shown(&runs[name]).to_owned());
    for (there, value, cell, told) in [
        ("fed", "fed", "fed", "; did you mean `feed`?"),
        // The name of what rows of other data may belong to.
        ("(other)", "(other)", "(other)", "`browse`, `basket`"),
        ("", "missing", "", "`browse`, `basket`"),
    ] {
        program.write("new.csv", &log(50, true).replace(",feed,", &format!(",{there},")));
        let parts = ["new.csv", "column `page` is ", value, "a scene that the model was trained with: ", told];
        refused(&program, &["predict", &star, "new.csv"], &parts);
        let done = program.run(&["predict", &shared, "new.csv"]);
        let scenes: Vec<&str> = done.out.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
        assert_eq!((done.code, scenes.len()), (0, 50), "{done:?}");
        assert!(scenes.iter().all(|scene| ["browse", "basket", cell].contains(scene)), "{scenes:?}");
        assert!(scenes.contains(&cell), "{scenes:?}");
    }
}

#[test]
fn runs_that_are_not_done_damaged_or_of_other_versions() {
    let (program, runs) = shop(2000, &[]);
    let run = &runs["star joint"];
    let path = shown(run);
    let file = |name: &str| run.join(name);
    let with = |path: &Path, bytes: &[u8], act: &dyn Fn()| {
        let whole = fs::read(path).unwrap();
        fs::write(path, bytes).unwrap();
        act();
        fs::write(path, whole).unwrap();
    };
    let both = |parts: &[&str]| {
        refused(&program, &["predict", path, "log.csv", "--out", "new.csv"], parts);
        refused(&program, &["export", path, "new"], parts);
    };
    let trial = fs::read_to_string(file("trial.toml")).unwrap();
    let newer = trial.replace("version = 1", "version = 3");
    assert_ne!(newer, trial);
    with(&file("trial.toml"), newer.as_bytes(), &|| both(&["has format 3, and this program reads up to 2"]));
    let record = fs::read_to_string(file("record.json")).unwrap();
    fs::remove_file(file("record.json")).unwrap();
    both(&["has not finished", "`mmtl run`"]);
    fs::write(file("record.json"), &record).unwrap();

    let weights = file("weights-0.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    with(&weights, &bytes, &|| both(&["weights-0.safetensors: the file of weights is damaged", "--keep-weights"]));
    // Whole, but not what the record tells of.
    let digits = record.split("\"weights\": \"").nth(1).unwrap()[..64].to_owned();
    let other = record.replace(&digits, &"0".repeat(64));
    with(&file("record.json"), other.as_bytes(), &|| both(&["holds other weights", &digits]));

    let before = program.run(&["predict", path, "log.csv"]);
    let whole = fs::read(&weights).unwrap();
    fs::remove_file(&weights).unwrap();
    both(&["there is no ", "weights-0.safetensors", "`mmtl repro --keep-weights"]);
    let again = program.run(&["repro", "--keep-weights", path]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(fs::read(&weights).unwrap(), whole);
    assert_eq!(program.run(&["predict", path, "log.csv"]).out, before.out);
    assert!(before.code == 0 && before.out.lines().count() == 2001, "{before:?}");
}
