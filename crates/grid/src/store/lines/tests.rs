//! Lines that are whole, torn, newer, corrupt and too long.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    v: FormatVersion,
    text: String,
}

impl Versioned for Note {
    const KNOWN: FormatVersion = FormatVersion(1);

    fn version(&self) -> FormatVersion {
        self.v
    }
}

fn note(text: &str) -> Note {
    Note { v: FormatVersion(1), text: text.to_owned() }
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    (folder, path)
}

fn values(lines: Vec<Line<Note>>) -> Vec<String> {
    lines
        .into_iter()
        .map(|line| match line {
            Line::Value(note) => note.text,
            Line::Corrupt { line, reason } => format!("{line}! {reason}"),
            Line::Newer { line, found } => format!("{line}! version {}", found.0),
        })
        .collect()
}

#[test]
fn a_follower_sees_each_line_once_and_only_whole_ones() {
    let (_folder, path) = file();
    let mut reader = LineReader::<Note>::new(&path);
    assert_eq!(reader.poll().unwrap(), []);
    let mut writer = LineWriter::open(&path).unwrap();
    writer.append(&note("one\ntwo")).unwrap();
    writer.append(&note("three")).unwrap();
    assert_eq!(values(reader.poll().unwrap()), ["one\ntwo", "three"]);
    assert_eq!(reader.poll().unwrap(), []);
    let mut raw = OpenOptions::new().append(true).open(&path).unwrap();
    raw.write_all(b"{\"v\":1,\"te").unwrap();
    assert_eq!(reader.poll().unwrap(), []);
    raw.write_all(b"xt\":\"four\"}\n").unwrap();
    assert_eq!(values(reader.poll().unwrap()), ["four"]);
}

#[test]
fn a_killed_writers_last_line_is_cut_off() {
    let (_folder, path) = file();
    std::fs::write(&path, "{\"v\":1,\"text\":\"a\"}\n{\"v\":1,\"te").unwrap();
    let mut reader = LineReader::<Note>::new(&path);
    assert_eq!(values(reader.poll().unwrap()), ["a"]);
    LineWriter::open(&path).unwrap().append(&note("b")).unwrap();
    assert_eq!(values(reader.poll().unwrap()), ["b"]);
    assert_eq!(values(LineReader::<Note>::new(&path).poll().unwrap()), ["a", "b"]);
    std::fs::write(&path, vec![b'x'; 200_000]).unwrap();
    LineWriter::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn corrupt_and_newer_lines_are_values() {
    let (_folder, path) = file();
    let text = b"{\"v\":1,\"text\":\"a\"}\nnonsense\n\xff\n{\"v\":2,\"words\":3}\n{\"v\":2,\"text\":\"a\"}\n{\"v\":1,\"text\":\"b\"}\n";
    std::fs::write(&path, text).unwrap();
    let mut reader = LineReader::<Note>::new(&path);
    let seen = values(reader.poll().unwrap());
    assert_eq!(seen.len(), 6);
    let damage = reader.damage().clone();
    assert_eq!((damage.corrupt, damage.newer, damage.is_none()), (2, 2, false));
    let sentence = damage.sentence(reader.path()).unwrap();
    assert!(
        sentence.contains("events.jsonl:2: expected ident") && sentence.ends_with("; and 3 more lines"),
        "{sentence}"
    );
    assert_eq!(Damage::default().sentence(reader.path()), None);
    assert_eq!((seen[0].as_str(), seen[5].as_str()), ("a", "b"));
    assert!(seen[1].starts_with("2! ") && seen[2].starts_with("3! "), "{seen:?}");
    assert_eq!(seen[3..5], ["4! version 2", "5! version 2"]);
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let (_folder, path) = file();
    let mut bytes = vec![b'x'; LONGEST + 2 * PIECE];
    bytes.extend_from_slice(b"\n{\"v\":1,\"text\":\"b\"}\n");
    std::fs::write(&path, bytes).unwrap();
    let mut reader = LineReader::<Note>::new(&path);
    assert_eq!(values(reader.poll().unwrap()), ["1! longer than 16777216 bytes", "b"]);
    std::fs::write(&path, "").unwrap();
    assert_eq!(values(reader.poll().unwrap()), ["2! the file became shorter"]);
}

#[test]
fn a_full_disk_leaves_whole_lines() {
    let path = Path::new("/dev/full");
    if cfg!(target_os = "linux") {
        let file = OpenOptions::new().append(true).open(path).unwrap();
        let mut writer = LineWriter { file, path: path.to_owned(), length: 0 };
        let error = writer.append(&note("a")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write `/dev/full`: "), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (_folder, path) = file();
        std::fs::write(&path, &bytes).unwrap();
        let seen = LineReader::<Note>::new(&path).poll().unwrap();
        prop_assert_eq!(seen.len(), bytes.split(|byte| *byte == b'\n').count() - 1);
        let mut writer = LineWriter::open(&path).unwrap();
        writer.append(&note("last")).unwrap();
        let seen = LineReader::<Note>::new(&path).poll().unwrap();
        prop_assert_eq!(seen.last(), Some(&Line::Value(note("last"))));
    }
}
