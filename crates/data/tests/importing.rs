//! Imports made-up files by cards.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use mmtl_data::{DataError, Dataset, Part};
use mmtl_plan::Value;

use crate::opening::{in_memory, message, text};

/// Files in a folder of their own.
pub struct Files {
    folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

impl Files {
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |(name, bytes): &(&str, &[u8])| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            path
        };
        let paths = files.iter().map(write).collect();
        Self { folder, paths }
    }

    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// A card that ships, by its name, or the text of one.
    pub fn by(&self, card: &str) -> Result<Dataset, DataError> {
        self.with(card, &[], 1)
    }

    pub fn with(&self, card: &str, more: &[(&str, Value)], seed: u64) -> Result<Dataset, DataError> {
        let card = if card.contains('\n') {
            let path = self.folder.path().join("card.toml");
            fs::write(&path, card).unwrap();
            path.display().to_string()
        } else {
            card.to_owned()
        };
        let files = Value::List(self.paths.iter().map(|path| text(path.to_str().unwrap())).collect());
        let given = [&[("card", text(&card)), ("files", files)], more].concat();
        in_memory("card", &given, seed)
    }

    /// What is wrong, with the folder's name taken out.
    pub fn wrong(&self, card: &str) -> String {
        let folder = format!("{}/", self.folder.path().display());
        message(self.by(card)).replace(&folder, "")
    }
}

/// The whole error of one file `log.csv` by a card.
pub fn wrong(card: &str, log: &str) -> String {
    Files::of(&[("log.csv", log.as_bytes())]).wrong(card)
}

/// A card of the columns `user`, `item`, `price`, `page`, `click` and `bought`, with lines of its own after it.
pub fn card(more: &str) -> String {
    let card = r#"
name = "shop"
[scene]
by = "page"
[tasks.click]
kind = "binary"
label = "click"
[tasks.bought]
kind = "binary"
label = "bought"
given = "click"
[fields.user]
kind = "categorical"
[fields.item]
kind = "categorical"
min_count = 1
[fields.price]
kind = "numeric"
"#;
    format!("{card}{more}\n")
}

/// One row of the log.
pub fn row(at: usize) -> [String; 6] {
    let h = at.wrapping_mul(2_654_435_761) >> 7;
    let click = usize::from(h.is_multiple_of(3));
    [
        format!("u{}", h % 17),
        format!("i{}", (h / 17) % 29),
        if h.is_multiple_of(11) { String::new() } else { format!("{}.5", h % 90) },
        ["search", "feed", "cart"][h % 5 % 3].to_owned(),
        click.to_string(),
        usize::from(click == 1 && (h / 3).is_multiple_of(2)).to_string(),
    ]
}

pub const HEADER: &str = "user,item,price,page,click,bought";

/// A log of so many rows.
pub fn log(rows: usize) -> String {
    let mut text = format!("{HEADER}\n");
    for at in 0..rows {
        text += &row(at).join(",");
        text.push('\n');
    }
    text
}

fn compressed(bytes: &[u8], ending: &str) -> Vec<u8> {
    match ending {
        "gz" => {
            let mut to = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        "xz" => {
            let mut to = liblzma::write::XzEncoder::new(vec![], 1);
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        _ => zstd::encode_all(bytes, 1).unwrap(),
    }
}

/// Everything in a data set but its fingerprint.
pub fn contents(dataset: &Dataset) -> Vec<String> {
    let row = |row: u32| {
        let fields = dataset.schema().fields.len();
        let ids: Vec<_> = (0..fields).map(|f| (dataset.ids(f, row).to_vec(), dataset.number(f, row))).collect();
        let labels: Vec<_> = (0..dataset.schema().tasks.len()).map(|t| dataset.label(t, row)).collect();
        let slices: Vec<_> = dataset.slices().iter().map(|slice| slice.contains(row)).collect();
        let (id, part, scene) = (dataset.row_id(row), dataset.part(row), dataset.scene(row));
        format!("{id} {part:?} {scene} {ids:?} {labels:?} {slices:?} {} {:?}", dataset.weight(row), dataset.group(row))
    };
    let mut rows: Vec<String> = (0..dataset.len() as u32).map(row).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn a_log_is_imported_whatever_its_form() {
    let rows = 600;
    let plain = Files::of(&[("log.csv", log(rows).as_bytes())]).by(&card("")).unwrap();
    assert_eq!((plain.len(), plain.schema().scenes.join(" ")), (rows, "cart feed search".to_owned()));
    assert!(Part::ALL.iter().all(|part| plain.rows(*part).len() > 30));
    let expected = contents(&plain);
    for ending in ["gz", "xz", "zst"] {
        let name = format!("log.csv.{ending}");
        let files = Files::of(&[(&name, &compressed(log(rows).as_bytes(), ending))]);
        assert_eq!(contents(&files.by(&card("")).unwrap()), expected, "{ending}");
    }
    let tabs = log(rows).replace(',', "\t");
    assert_eq!(contents(&Files::of(&[("log.tsv", tabs.as_bytes())]).by(&card("")).unwrap()), expected);
    let json = |at| {
        let names = HEADER.split(',').zip(row(at)).filter(|(_, value)| !value.is_empty());
        let quoted = |(name, value): (&str, String)| match value.parse::<f64>() {
            Ok(_) => format!("\"{name}\": {value}"),
            Err(_) => format!("\"{name}\": \"{value}\""),
        };
        format!("{{{}}}\n", names.map(quoted).collect::<Vec<_>>().join(", "))
    };
    let lines: String = (0..rows).map(json).collect();
    assert_eq!(contents(&Files::of(&[("log.jsonl", lines.as_bytes())]).by(&card("")).unwrap()), expected);
    // In two files, without a header.
    let (first, second): (String, String) = (log(200), (200..rows).map(|at| row(at).join(",") + "\n").collect());
    let bare = first.split_once('\n').unwrap().1;
    let named =
        card("[read]\nheader = false\ncolumns = [\"user\", \"item\", \"price\", \"page\", \"click\", \"bought\"]");
    let files = Files::of(&[("a.csv", bare.as_bytes()), ("b.csv", second.as_bytes())]);
    assert_eq!(contents(&files.by(&named).unwrap()), expected);
}

#[test]
fn every_kind_of_field() {
    let mut text = "user,seen,tags,words,at,price,click\n".to_owned();
    for at in 0..400 {
        let [user, item, price, _, click, _] = row(at);
        let when = 1_700_000_000 + 3600 * at;
        writeln!(text, "{user},{item} i1 {item} i2,red|a{}|,Say 'it' {user},{when},{price},{click}", at % 7).unwrap();
    }
    let card = r#"
[columns]
user = "user"
time = "at"
[slices]
cheap = "price < 20"
[tasks.click]
kind = "binary"
label = "click"
[fields.user]
kind = "categorical"
[fields.seen]
kind = "sequence"
max = 3
[fields.last]
column = "seen"
kind = "sequence"
shares = "seen"
max = 1
[fields.tags]
kind = "multi"
min_count = 1
[fields.words]
kind = "text"
min_count = 1
[fields.at]
kind = "time"
parts = ["hour", "weekday"]
[fields.price]
kind = "numeric"
clip = [0, 50]
transform = "log1p"
[fields.bin]
column = "price"
kind = "numeric"
bins = 4
[split]
by = "random"
valid = 0.2
test = 0.2
"#;
    let dataset = Files::of(&[("log.csv", text.as_bytes())]).by(card).unwrap();
    let names: Vec<&str> = dataset.schema().fields.iter().map(|field| field.name.as_str()).collect();
    let expected =
        ["scene", "user", "seen", "last", "tags", "words", "at_hour", "at_weekday", "price", "price_missing", "bin"];
    assert_eq!(names, expected);
    let field = |name: &str| names.iter().position(|field| *field == name).unwrap();
    for row in 0..dataset.len() as u32 {
        let (seen, last) = (dataset.ids(field("seen"), row), dataset.ids(field("last"), row));
        assert_eq!((seen.len(), last), (3, &seen[2..]));
        assert_eq!((dataset.ids(field("tags"), row).len(), dataset.ids(field("words"), row).len()), (2, 3));
        assert!((2..26).contains(&dataset.ids(field("at_hour"), row)[0]));
        let lacks = dataset.number(field("price_missing"), row) == Some(1.0);
        assert_eq!(lacks, dataset.ids(field("bin"), row)[0] == 1);
        assert!(dataset.group(row).is_some());
    }
    assert!(dataset.slices()[0].name() == "cheap" && (0..400).any(|row| dataset.slices()[0].contains(row)));
}

#[test]
fn splits_by_time_leave_a_gap_and_never_divide_a_moment() {
    let mut text = "at,item,click\n".to_owned();
    for at in 0..1000 {
        writeln!(text, "{},{},{}", 86_400 * (at / 10), row(at)[1], row(at)[4]).unwrap();
    }
    let files = Files::of(&[("log.csv", text.as_bytes())]);
    let card = |split: &str| {
        format!(
            "[columns]\ntime = \"at\"\n[tasks.click]\nkind = \"binary\"\nlabel = \"click\"\n[fields.item]\nkind = \
             \"categorical\"\nmin_count = 1\n[fields.at]\nkind = \"time\"\n[split]\nby = \"time\"\n{split}\n"
        )
    };
    let rows = |split: &str| Part::ALL.map(|part| files.by(&card(split)).unwrap().rows(part).len());
    assert_eq!(rows("valid = 0.2\ntest = 0.1"), [700, 200, 100]);
    // 0.155 of 1000 rows would cut the ten rows of a day in two.
    assert_eq!(rows("valid = 0.2\ntest = 0.155"), [640, 200, 160]);
    assert_eq!(rows("valid_from = 1970-03-02\ntest_from = 1970-03-22"), [600, 200, 200]);
    assert_eq!(rows("valid_from = 1970-03-02\ntest_from = 1970-03-22\ngap = \"2d\""), [580, 180, 200]);
}

#[test]
fn splits_by_user_file_and_column_keep_them_together() {
    let rows = 900;
    let by_user = card("[columns]\nuser = \"user\"\n[split]\nby = \"user\"\nvalid = 0.3\ntest = 0.3");
    let dataset = Files::of(&[("log.csv", log(rows).as_bytes())]).by(&by_user).unwrap();
    let mut parts = std::collections::HashMap::new();
    for row in 0..rows as u32 {
        assert_eq!(*parts.entry(dataset.group(row)).or_insert(dataset.part(row)), dataset.part(row));
    }
    assert_eq!(parts.len(), 17);
    let files = Files::of(&[("train.csv", log(rows).as_bytes()), ("test.csv", log(300).as_bytes())]);
    let by_file =
        card("[split]\nby = \"file\"\ntrain = \"train*\"\ntest = \"test*\"\nvalid = 0.5\nvalid_of = \"test\"");
    let dataset = files.by(&by_file).unwrap();
    assert_eq!(dataset.rows(Part::Train).len(), rows);
    assert!(dataset.rows(Part::Valid).len().abs_diff(150) < 60);
    let by_column = card(
        "[split]\nby = \"column\"\ncolumn = \"page\"\ntrain = [\"search\", \"feed\"]\nvalid = \"cart\"\ntest = \"home\"",
    );
    let log = log(rows).replace("cart,0", "home,0");
    let dataset =
        Files::of(&[("log.csv", log.as_bytes())]).with(&by_column, &[("unseen_scenes", Value::Bool(true))], 1);
    let dataset = dataset.unwrap();
    let scene = |part: Part| dataset.rows(part).iter().map(|row| dataset.scene(*row)).collect::<Vec<_>>();
    let cart = dataset.schema().scenes.iter().position(|scene| scene == "cart").unwrap();
    assert!(scene(Part::Valid).iter().all(|scene| *scene == cart) && !scene(Part::Train).contains(&cart));
}

#[test]
fn scenes_by_groups_bins_and_several_columns() {
    let files = Files::of(&[("log.csv", log(800).as_bytes())]);
    let with = |scene: &str| {
        let card = format!("allow_label_as_feature = [\"click\"]{}", card("").replace("by = \"page\"", scene));
        files.by(&card).map(|dataset| dataset.schema().scenes.clone())
    };
    let grouped = "by = \"page\"\ngroups = { browse = [\"search\", \"feed\"], basket = [\"cart\"] }";
    assert_eq!(with(grouped).unwrap(), ["browse", "basket"]);
    let some = "by = \"page\"\nnames = [\"search\", \"cart\"]\nothers = \"own\"";
    assert_eq!(with(some).unwrap(), ["search", "cart", "(other)"]);
    let binned = "by = \"price\"\nbins = [20, 60]";
    assert_eq!(with(binned).unwrap(), ["below 20", "20 to 60", "from 60", "(missing)"]);
    let both = with("by = [\"page\", \"click\"]").unwrap();
    assert_eq!(both, ["cart / 0", "cart / 1", "feed / 0", "feed / 1", "search / 0", "search / 1"]);
}

#[test]
fn the_order_of_rows_changes_nothing_but_their_order() {
    let lines: Vec<String> = (0..500).map(|at| row(at).join(",")).collect();
    let file = |lines: &[String]| format!("{HEADER}\n{}\n", lines.join("\n"));
    let mut turned = lines.clone();
    turned.reverse();
    turned.swap(3, 300);
    let by = |lines: &[String], card: &str| Files::of(&[("log.csv", file(lines).as_bytes())]).by(card).unwrap();
    let tasks = card("[columns]\nuser = \"user\"");
    assert_eq!(contents(&by(&lines, &tasks)), contents(&by(&turned, &tasks)));
    // Rows of equal contents are told apart, and lie in one part.
    let mut ids: Vec<u64> = (0..500).map(|row| by(&lines, &tasks).row_id(row)).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 500);
}

/// Whatever rows are imputed from, cut by, or named by: train rows.
#[test]
fn held_out_rows_change_nothing_of_train_rows() {
    let card = r#"
name = "leaks"
[columns]
row = "id"
time = "at"
[tasks.click]
kind = "binary"
label = "click"
[fields.price]
kind = "numeric"
missing = { neighbours = 3, by = ["age"] }
[fields.level]
kind = "numeric"
missing = { interpolate = "user" }
[fields.age]
kind = "numeric"
bins = 4
[fields.spent]
kind = "numeric"
missing = "median"
[fields.tags]
kind = "multi"
separator = "|"
[fields.words]
kind = "text"
[fields.user]
kind = "categorical"
min_count = 2
[split]
by = "column"
column = "part"
train = "train"
valid = "valid"
test = "test"
"#;
    let parts = ["train", "train", "valid", "test"];
    // `moved` shifts all values of rows of a part.
    let import = |moved: &str| {
        let line = |at: usize| {
            let (h, part) = (at.wrapping_mul(2_654_435_761) >> 7, parts[at % 4]);
            let by = if moved == part { 50 } else { 0 };
            let number = |every: usize, below: usize| match h % every {
                0 => String::new(),
                _ => format!("{}", h / every % below + by),
            };
            let numbers = [number(3, 90), number(4, 70), (h % 60 + by).to_string(), number(5, 40)].join(",");
            let (tag, user) = (h % 7 + by, h % 13 + by);
            format!("{at},{part},u{user},{},{numbers},t{tag}|t{},word{tag} other,{}\n", 1000 + at, tag / 2, h % 2)
        };
        let text = format!(
            "id,part,user,at,price,level,age,spent,tags,words,click\n{}",
            (0..400).map(line).collect::<Vec<_>>().concat()
        );
        Files::of(&[("log.csv", text.as_bytes())]).by(card).unwrap()
    };
    let train = |dataset: &Dataset| -> Vec<String> {
        contents(dataset).into_iter().filter(|row| row.contains(" Train ")).collect()
    };
    let plain = import("");
    for held_out in ["valid", "test"] {
        let moved = import(held_out);
        assert_eq!(train(&moved), train(&plain), "{held_out}");
        assert_eq!(moved.schema(), plain.schema(), "{held_out}");
        assert_ne!(contents(&moved), contents(&plain), "{held_out}");
    }
    assert_eq!(train(&plain).len(), 200);
    assert_ne!(train(&import("train")), train(&plain));
}

#[test]
fn a_choice_of_tasks_divides_rows_alike() {
    let files = Files::of(&[("log.csv", log(500).as_bytes())]);
    let all = files.by(&card("")).unwrap();
    let one = files.with(&card(""), &[("tasks", crate::opening::texts(&["click"]))], 1).unwrap();
    let parts = |dataset: &Dataset| (0..500).map(|row| (dataset.row_id(row), dataset.part(row))).collect::<Vec<_>>();
    assert_eq!(parts(&all), parts(&one));
}

#[test]
fn names_of_files_count_where_the_card_reads_them() {
    let (first, second) = (log(300), log(200));
    let fingerprint = |names: [&str; 2], card: &str| {
        let files = Files::of(&[(names[0], first.as_bytes()), (names[1], second.as_bytes())]);
        files.by(card).unwrap().fingerprint().to_owned()
    };
    let by_file = card("[split]\nby = \"file\"\ntrain = \"*train*\"\ntest = \"*test*\"");
    let (one, other) = (["1_train.csv", "2_test.csv"], ["1_test.csv", "2_train.csv"]);
    assert_ne!(fingerprint(one, &by_file), fingerprint(other, &by_file));
    assert_eq!(fingerprint(one, &card("")), fingerprint(other, &card("")));
    // As deep as the deepest pattern looks.
    let by_folder = card("[split]\nby = \"file\"\ntrain = \"train/*/*\"\ntest = \"test/*/*\"");
    let (one, other) = (["train/x/1.csv", "test/x/2.csv"], ["test/x/1.csv", "train/x/2.csv"]);
    assert_ne!(fingerprint(one, &by_folder), fingerprint(other, &by_folder));
    assert_eq!(fingerprint(one, &card("")), fingerprint(other, &card("")));
}

/// `1.0` is 1 where a card says 1, and is not where it says "1".
#[test]
fn numbers_that_a_card_lists_mean_every_way_to_write_them() {
    let text = |number: fn(usize) -> String| {
        let mut text = "id,user,page,click,kind,part\n".to_owned();
        for at in 0..400 {
            let (page, click, kind, part) = (at % 3, at / 3 % 2, at / 6 % 2, at / 12 % 4 / 3);
            let [page, click, kind, part] = [page, click, kind, part].map(number);
            writeln!(text, "{at},u{},{page},{click},{kind},{part}", at % 17).unwrap();
        }
        text
    };
    let of = |scene: &str, text: &str| {
        let card = format!(
            "name = \"shop\"\n[columns]\nrow = \"id\"\n[scene]\nby = \"page\"\n{scene}\n[tasks.click]\nkind = \"binary\"\n\
             label = \"click\"\npositive = [1]\n[tasks.kind]\nkind = \"multiclass\"\nlabel = \"kind\"\nclasses = [1, 0]\n\
             [fields.user]\nkind = \"categorical\"\n[split]\nby = \"column\"\ncolumn = \"part\"\ntrain = 0\ntest = [1]\n"
        );
        Files::of(&[("log.csv", text.as_bytes())]).by(&card)
    };
    let (whole, floating) = (text(|number| number.to_string()), text(|number| format!("{number}.0")));
    for scene in ["names = [2, 1, 0]", "groups = { some = [0, 1], other = [2] }"] {
        let (one, other) = (of(scene, &whole).unwrap(), of(scene, &floating).unwrap());
        assert_eq!(one.schema().scenes, other.schema().scenes);
        assert_eq!(contents(&one), contents(&other), "{scene}");
    }
    let error = of("names = [\"2\", \"1\", \"0\"]", &floating).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("column `page` is 0.0, expected one of 2, 1, 0"), "{error}");
}

#[test]
fn weights_and_row_ids_are_read() {
    let mut text = format!("{HEADER},id,w\n");
    for at in 0..300 {
        writeln!(text, "{},{},{}", row(at).join(","), 1000 + at, at % 3).unwrap();
    }
    let files = Files::of(&[("log.csv", text.as_bytes())]);
    let dataset = files.by(&card("[columns]\nrow = \"id\"\nweight = \"w\"")).unwrap();
    for row in 0..300 {
        assert_eq!(dataset.row_id(row), 1000 + u64::from(row));
        assert_eq!(dataset.weight(row), (row % 3) as f32);
    }
    let known = || dataset.rows(Part::Train).iter().filter_map(|row| Some((dataset.label(0, *row)?, *row)));
    let sum = |value: &dyn Fn(f64) -> f64| known().map(|(label, row)| value(label) * f64::from(row % 3)).sum::<f64>();
    let mean = sum(&|label| label) / sum(&|_| 1.0);
    assert!((dataset.base(0).mean - mean).abs() < 1e-12, "a row of weight 0 takes no part, one of weight 2 is two");
    assert_eq!(dataset.base(0).rows, known().filter(|(_, row)| row % 3 > 0).count() as u64);
}
