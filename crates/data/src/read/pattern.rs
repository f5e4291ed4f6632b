//! Which of the files given belong to which table.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::read::reading::{Join, Reading};

/// Whether a name fits a pattern, in which `*` stands for any characters and `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands and the first character that it does not cover.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, covered)) => {
                    *covered += 1;
                    p = *at + 1;
                    n = *covered;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The parts of a pattern, and of the path's end that it is held against.
pub(crate) fn depth(pattern: &str) -> usize {
    pattern.split('/').count()
}

/// A pattern with a slash is held against as much of the path's end as it has parts, others against the file's name.
pub(crate) fn picks(pattern: &str, path: &Path) -> bool {
    let parts = depth(pattern);
    let names: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    fits(pattern, &names[names.len().saturating_sub(parts)..].join("/"))
}

/// What errors call the main table.
pub(super) const MAIN: &str = "read";

/// What errors call a joined table.
pub(super) fn table_of(join: &Join) -> String {
    format!("join.{}", join.name)
}

/// The files of the main table and of each join, sorted by name.
///
/// # Errors
/// When a table has none, or two have the same.
pub(super) fn pick(
    files: &[PathBuf],
    reading: &Reading,
    joins: &[Join],
) -> Result<(Vec<PathBuf>, Vec<Vec<PathBuf>>), DataError> {
    let mut files = files.to_vec();
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then_with(|| a.cmp(b)));
    let mut met = HashSet::new();
    // However it is written. One that is not there is told of when it is read.
    if let Some(path) = files.iter().find(|path| !met.insert(path.canonicalize().unwrap_or_else(|_| (*path).clone()))) {
        return Err(DataError::FileTwice { path: path.clone() });
    }
    let matching = |pattern: &str| files.iter().filter(|path| picks(pattern, path)).cloned().collect::<Vec<_>>();
    let pattern_of = |join: &Join| join.reading.file.clone().unwrap_or_else(|| "*".into());
    let joined: Vec<Vec<PathBuf>> = joins.iter().map(|join| matching(&pattern_of(join))).collect();
    let main = match &reading.file {
        Some(pattern) => matching(pattern),
        None => files.iter().filter(|path| !joined.iter().flatten().any(|taken| taken == *path)).cloned().collect(),
    };
    let mut tables = vec![(MAIN.to_owned(), reading.file.clone(), &main)];
    tables.extend(joins.iter().zip(&joined).map(|(join, paths)| (table_of(join), Some(pattern_of(join)), paths)));
    for (at, (table, pattern, paths)) in tables.iter().enumerate() {
        if paths.is_empty() {
            let fault = match pattern {
                Some(pattern) => format!("no file fits `{pattern}`"),
                None => "no file is left for it".to_owned(),
            };
            let given = files.iter().map(|path| path.display().to_string()).collect();
            return Err(DataError::NoFile { table: table.clone(), fault, given });
        }
        for (other, _, taken) in &tables[..at] {
            if let Some(path) = paths.iter().find(|path| taken.contains(path)) {
                let (path, first, second) = (path.clone(), other.clone(), table.clone());
                return Err(DataError::PickedTwice { path, first, second });
            }
        }
    }
    Ok((main, joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("ratings.dat*", "ratings.dat", true),
            ("ratings.dat*", "ratings.dat.gz", true),
            ("ratings.dat*", "my-ratings.dat", false),
            ("*.csv", "a.b.csv", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("part-??", "part-01", true),
            ("part-??", "part-1", false),
            ("", "", true),
            ("*", "", true),
            ("a*", "", false),
            ("é?", "éà", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(picks("users.dat", Path::new("/home/users.dat/users.dat")));
        assert!(!picks("users.dat", Path::new("/home/users.dat/ratings.dat")));
        assert!(picks("train/*.csv", Path::new("/data/train/1.csv")));
        assert!(!picks("train/*.csv", Path::new("/data/test/1.csv")));
    }

    fn join(name: &str, file: &str) -> Join {
        let reading = Reading { file: Some(file.into()), ..Reading::default() };
        Join { name: name.into(), reading, here: "user".into(), there: "user".into() }
    }

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn the_main_table_is_the_rest() {
        let files = paths(&["z/users.dat", "b.dat", "a/c.dat", "a.dat"]);
        let (main, joined) = pick(&files, &Reading::default(), &[join("users", "users*")]).unwrap();
        assert_eq!(main, paths(&["a.dat", "b.dat", "a/c.dat"]));
        assert_eq!(joined, [paths(&["z/users.dat"])]);
        // A file that no pattern names is left alone.
        let only = Reading { file: Some("b*".into()), ..Reading::default() };
        assert_eq!(pick(&files, &only, &[]).unwrap().0, paths(&["b.dat"]));
    }

    #[test]
    fn patterns_that_pick_nothing_or_the_same() {
        let files = paths(&["x/ratings.dat", "x/user.dat"]);
        let error = |reading: &Reading, joins: &[Join]| pick(&files, reading, joins).unwrap_err().to_string();
        assert_eq!(
            error(&Reading::default(), &[join("users", "users*")]),
            "`[join.users]`: no file fits `users*`, expected one of those given: x/ratings.dat, x/user.dat"
        );
        assert_eq!(
            error(&Reading::default(), &[join("all", "*")]),
            "`[read]`: no file is left for it, expected one of those given: x/ratings.dat, x/user.dat"
        );
        let main = Reading { file: Some("*.dat".into()), ..Reading::default() };
        assert_eq!(
            error(&main, &[join("users", "user*")]),
            "`x/user.dat` belongs to both `[read]` and `[join.users]`; expected `file` patterns of which only one fits"
        );
        let files = paths(&["a.csv", "a.csv"]);
        let error = pick(&files, &Reading::default(), &[]).unwrap_err().to_string();
        assert_eq!(error, "`a.csv` is given twice, expected each file once");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("x")).unwrap();
        std::fs::write(folder.path().join("a.csv"), "a").unwrap();
        let files = ["a.csv", "x/../a.csv"].map(|name| folder.path().join(name));
        let error = pick(&files, &Reading::default(), &[]).unwrap_err().to_string();
        assert!(error.ends_with("a.csv` is given twice, expected each file once"), "{error}");
    }
}
