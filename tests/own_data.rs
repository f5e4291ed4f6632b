//! A user's own log: a card is guessed, corrected, imported, trained on and scored by the real binary.

use crate::program::Program;
use std::fmt::Write as _;

/// A log whose clicks follow the item and whose prices follow nothing.
fn log(rows: usize) -> String {
    let mut text = "user,item,price,page,click\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761) >> 5;
        let (user, item) = (mixed % 23, (mixed / 23) % 17);
        let page = ["search", "feed"][(mixed / 400) % 2];
        let click = usize::from((item % 3 == 0) != (mixed % 10 == 0));
        writeln!(text, "u{user},i{item},{}.5,{page},{click}", mixed % 90).unwrap();
    }
    text
}

const CARD: &str = r#"
name = "shop"
[columns]
user = "user"
[scene]
by = "page"
[tasks.click]
kind = "binary"
label = "click"
[fields.user]
kind = "categorical"
[fields.item]
kind = "categorical"
[fields.price]
kind = "numeric"
"#;

const EXPERIMENT: &str = r#"
name = "shop"
[data]
source = "card"
card = "shop.toml"
files = ["log.csv"]
[train]
epochs = 2
batch_size = 256
[eval]
metrics = ["gauc"]
[grid]
architecture = ["shared-bottom"]
seed = [1]
"#;

#[test]
fn a_log_becomes_a_table() {
    let program = Program::new();
    program.write("log.csv", &log(4000));
    let guessed = program.run(&["data", "guess", "log.csv"]);
    assert_eq!(guessed.code, 0, "{guessed:?}");
    assert!(guessed.out.contains("[tasks.click]") && guessed.out.contains("[fields.item]"), "{}", guessed.out);
    program.write("shop.toml", CARD);
    let imported = program.run(&["data", "import", "shop.toml", "log.csv"]);
    assert_eq!(imported.code, 0, "{imported:?}");
    for told in ["shop: 4,000 rows", "source = \"card\"", "files = [\"log.csv\"]"] {
        assert!(imported.out.contains(told), "{told}: {}", imported.out);
    }
    let unseen = program.run(&["data", "import", "shop.toml", "log.csv", "--unseen-scenes"]);
    assert!(unseen.code == 0 && unseen.out.ends_with("\nunseen_scenes = true\n"), "{unseen:?}");
    program.write("experiment.toml", EXPERIMENT);
    let before = std::fs::read_dir(program.path("results/.cache")).unwrap().count();
    let trained = program.grid("experiment.toml", &[]);
    assert_eq!(trained.code, 0, "{trained:?}");
    assert_eq!(std::fs::read_dir(program.path("results/.cache")).unwrap().count(), before, "the import is found again");
    let table = program.run(&["table", "results/shop", "--metric", "gauc"]);
    assert!(table.code == 0 && table.out.contains("GAUC"), "{table:?}");
}

#[test]
fn a_scene_without_train_rows_has_no_fit_of_its_own() {
    let program = Program::new();
    program.write("train.csv", &log(2000));
    program.write("test.csv", &log(500).replace("feed", "cart"));
    program.write("shop.toml", &format!("{CARD}[split]\nby = \"file\"\ntrain = \"train*\"\ntest = \"test*\"\n"));
    let files = "files = [\"train.csv\", \"test.csv\"]\nunseen_scenes = true";
    let experiment = EXPERIMENT.replace("files = [\"log.csv\"]", files) + "protocol = [\"joint\", \"per-scene\"]\n";
    program.write("experiment.toml", &experiment);
    let reason = "scene `cart` has no train row for a fit of its own";
    let planned = program.grid("experiment.toml", &["--plan"]);
    assert!(planned.code == 0 && planned.out.contains(reason), "{planned:?}");
    let trained = program.grid("experiment.toml", &[]);
    assert!(trained.code == 0 && trained.out.contains("1 n/a") && trained.out.contains(reason), "{trained:?}");
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_left() {
    let program = Program::new();
    program.write("log.csv", &log(500).replacen("u0", "u0,,", 1));
    program.write("shop.toml", CARD);
    let before = program.listing();
    let ragged = program.run(&["data", "import", "shop.toml", "log.csv"]);
    assert!(ragged.code == 2 && ragged.err.contains("of `log.csv` has 7 fields, expected 5"), "{ragged:?}");
    let unknown = program.run(&["data", "import", "shpo.toml", "log.csv"]);
    assert!(unknown.code == 2 && unknown.err.contains("there is no card `shpo.toml`"), "{unknown:?}");
    program.write("bad.toml", &CARD.replace("by = \"page\"", "bye = \"page\""));
    let wrong = program.run(&["data", "import", "bad.toml", "log.csv"]);
    assert!(wrong.code == 2 && wrong.err.contains("bad.toml:6: unknown key `scene.bye`"), "{wrong:?}");
    std::fs::remove_file(program.path("bad.toml")).unwrap();
    let left: Vec<_> =
        program.listing().into_iter().filter(|path| !before.contains(path)).filter(|path| path.is_file()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn cards_completions_and_manual_pages() {
    let program = Program::new();
    let cards = program.run(&["data", "cards"]);
    assert!(cards.code == 0 && cards.out.lines().count() == 12 && cards.out.contains("movielens-1m"), "{cards:?}");
    let card = program.run(&["data", "cards", "epinions"]);
    assert!(card.out.contains("[tasks.helpfulness]"), "{card:?}");
    let wrong = program.run(&["data", "cards", "epinion"]);
    assert!(wrong.code == 2 && wrong.err.contains("did you mean `epinions`?"), "{wrong:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = program.run(&["completions", shell]);
        assert!(script.code == 0 && script.out.contains("import"), "{shell}");
    }
    let pages = program.run(&["man", "pages"]);
    assert_eq!(pages.code, 0, "{pages:?}");
    let page = std::fs::read_to_string(program.path("pages/mmtl-run.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("EXPERIMENT"), "{page}");
}
