//! A finished run is put to use: exported for other programs, and asked about rows that it never saw.

mod exported;
mod predicted;
mod refused;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::program::Program;

/// A log with every kind of field and task; some values are missing, and some users are in few rows.
pub fn log(rows: usize, header: bool) -> String {
    let mut text =
        if header { "id,user,item,price,age,tags,title,ts,page,click,spend,kind\n".to_owned() } else { String::new() };
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761) >> 5;
        let (user, item, page) = (mixed % 97, (mixed / 23) % 17, ["search", "feed", "cart"][(mixed / 400) % 3]);
        let price = if mixed % 11 == 0 { String::new() } else { format!("{}.25", mixed % 90) };
        let age = if mixed % 7 == 0 { String::new() } else { (mixed % 60).to_string() };
        let title = format!("\"Item {item}, as new\"");
        let click = usize::from((item % 3 == 0) != (mixed % 10 == 0));
        let spend = if mixed % 13 == 0 { String::new() } else { format!("{}", (item * 3 + mixed % 5) as f64 * 1.5) };
        let kind = ["red", "green", "blue"][(item + mixed % 2) % 3];
        let id = 1_000_000 - row;
        writeln!(
            text,
            "{id},u{user},i{item},{price},{age},t{}|t{},{title},{},{page},{click},{spend},{kind}",
            item % 5,
            mixed % 4,
            1_700_000_000 + 997 * row
        )
        .unwrap();
    }
    text
}

pub const CARD: &str = r#"
name = "shop"
[columns]
row = "id"
user = "user"
time = "ts"
unit = "s"
[scene]
by = "page"
[slices]
cheap = "price < 20 and kind in ['red']"
[tasks.click]
kind = "binary"
label = "click"
[tasks.spend]
kind = "regression"
label = "spend"
transform = "log1p"
[tasks.kind]
kind = "multiclass"
label = "kind"
classes = ["red", "green", "blue"]
[fields.user]
kind = "categorical"
min_count = 35
[fields.item]
kind = "categorical"
[fields.price]
kind = "numeric"
missing = { neighbours = 3, by = ["age"] }
[fields.age]
kind = "numeric"
bins = 5
[fields.ts]
kind = "time"
parts = ["hour", "weekday"]
[fields.tags]
kind = "multi"
separator = "|"
[fields.title]
kind = "text"
"#;

pub const EXPERIMENT: &str = r#"
name = "shop"
[data]
source = "card"
card = "shop.toml"
files = ["log.csv"]
[train]
label_smoothing = 0.1
epochs = 1
batch_size = 256
[model]
embedding_dim = 4
[shared-bottom]
bottom_widths = [8]
tower_widths = [4]
[star]
bottom_widths = [8]
tower_widths = [4]
[grid]
architecture = ["shared-bottom", "star"]
seed = [1]
"#;

/// A finished grid over a log, changed by `changes` of its experiment, and the folders of its runs by architecture and
/// protocol.
pub fn shop(rows: usize, changes: &[(&str, &str)]) -> (Program, HashMap<String, PathBuf>) {
    shop_of(CARD, &log(rows, true), changes)
}

/// [`shop`] by another card, over another log.
pub fn shop_of(card: &str, log: &str, changes: &[(&str, &str)]) -> (Program, HashMap<String, PathBuf>) {
    let program = Program::new();
    program.write("log.csv", log);
    program.write("shop.toml", card);
    let experiment = changes.iter().fold(EXPERIMENT.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    program.write("experiment.toml", &experiment);
    let done = program.grid("experiment.toml", &[]);
    assert_eq!(done.code, 0, "{done:?}");
    let runs = runs(&program.path("results/shop"));
    (program, runs)
}

fn runs(root: &Path) -> HashMap<String, PathBuf> {
    let store = mmtl_grid::store::Store::open(root).unwrap();
    let grid = mmtl_grid::read_grid(&store).unwrap();
    let applies = grid.runs.into_iter().filter(|run| run.not_applicable.is_none());
    applies
        .map(|run| (format!("{} {}", run.architecture, run.protocol), store.run(&run.key).root().to_owned()))
        .collect()
}

/// The lines of CSV text, the header first, without quotes in any cell.
pub fn cells(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

/// `text` without the columns called `names`; no cell of `log` but the title has a comma, which is in quotes.
pub fn without(text: &str, names: &[&str]) -> String {
    let split = |line: &str| {
        let (mut cells, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                ',' if !quoted => cells.push(String::new()),
                _ => {
                    quoted ^= c == '"';
                    cells.last_mut().unwrap().push(c);
                }
            }
        }
        cells
    };
    let mut lines = text.lines();
    let header = split(lines.next().unwrap());
    let kept: Vec<usize> = (0..header.len()).filter(|at| !names.contains(&header[*at].as_str())).collect();
    let line = |line: Vec<String>| kept.iter().map(|at| line[*at].clone()).collect::<Vec<_>>().join(",");
    std::iter::once(header.clone()).chain(lines.map(split)).map(|cells| line(cells) + "\n").collect()
}

pub fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}
