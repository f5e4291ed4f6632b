//! How the files of a table are read: the keys of a card's `[read]` and `[join.NAME]`.

use std::path::Path;

use crate::error::DataError;

/// Texts that mean "no value" unless a card says otherwise.
const MISSING: [&str; 9] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N"];

/// How the files of one table are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Pattern (`*`, `?`) of the names of the table's files; `None`: all that no join picks.
    pub file: Option<String>,
    /// `None`: by each file's name.
    pub format: Option<Format>,
    /// What stands between fields; `None`: a comma, or a tab where the format is [`Format::Tsv`].
    pub delimiter: Option<String>,
    /// Whether the first row names the columns.
    pub header: bool,
    /// Names of the columns, in the place of those of the header.
    pub columns: Option<Vec<String>>,
    /// Whether the cells of the header are `name:type`, of which the type is cut off.
    pub typed_header: bool,
    /// How the bytes of text files are to be understood.
    pub encoding: Encoding,
    /// Texts that mean "no value".
    pub missing: Vec<String>,
    /// Whether `"` quotes fields; `None`: in [`Format::Csv`] with a delimiter of one byte.
    pub quote: Option<bool>,
    /// Whether blanks around values are cut off.
    pub trim: bool,
    /// A column of lists of which each element becomes a row.
    pub explode: Option<Explode>,
}

/// How a row becomes several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explode {
    /// The column of lists.
    pub column: String,
    /// What stands between the elements of a list.
    pub separator: String,
    /// The columns that the parts of an element become.
    pub into: Vec<String>,
    /// What stands between the parts; `None` where an element is one.
    pub between: Option<String>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            file: None,
            format: None,
            delimiter: None,
            header: true,
            columns: None,
            typed_header: false,
            encoding: Encoding::Utf8,
            missing: MISSING.map(str::to_owned).into(),
            quote: None,
            trim: true,
            explode: None,
        }
    }
}

/// Another table, whose columns are added to each row by a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Join {
    /// The NAME of `[join.NAME]`.
    pub name: String,
    /// How its files are read; `reading.file` says which.
    pub reading: Reading,
    /// The key's column in the main table.
    pub here: String,
    /// The key's column in this table.
    pub there: String,
}

/// What a column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `Dictionary<Int32, Utf8>`, each distinct value once a piece. Numbers and moments of Parquet files stay what they are:
    /// `Int64`, `Float64` or `Timestamp`; of spans that are no whole seconds, `Duration`.
    Value,
    /// `Utf8`.
    Text,
    /// `List<Utf8>`; elements without a value are left out.
    List,
}

/// A column that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name, which no other one has.
    pub name: String,
    /// What it becomes.
    pub shape: Shape,
    /// Where [`Shape::List`] splits a text; empty: nowhere.
    pub separator: String,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Delimited text.
    Csv,
    /// Delimited text, by default with tabs and without quotes.
    Tsv,
    /// One JSON object a line.
    JsonLines,
    /// Parquet.
    Parquet,
}

impl Format {
    /// Every format, for those who parse the word.
    pub(crate) const ALL: [Self; 4] = [Self::Csv, Self::Tsv, Self::JsonLines, Self::Parquet];

    /// The word for it in a card.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// By the ending of a file's name, before that of its compression.
    pub(crate) fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let bare = [".gz", ".xz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
        match bare.rsplit_once('.').map(|(_, ending)| ending) {
            Some("tsv" | "tab") => Self::Tsv,
            Some("jsonl" | "ndjson" | "json") => Self::JsonLines,
            Some("parquet" | "pq") => Self::Parquet,
            _ => Self::Csv,
        }
    }
}

/// How bytes are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// ISO 8859-1: each byte is a character.
    Latin1,
}

impl Encoding {
    /// Every encoding, for those who parse the word.
    pub(crate) const ALL: [Self; 2] = [Self::Utf8, Self::Latin1];

    /// The word for it in a card.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Latin1 => "latin-1",
        }
    }
}

/// How delimited text is cut into fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub delimiter: Vec<u8>,
    pub quote: bool,
}

impl Reading {
    /// The format of one file.
    pub(super) fn format_of(&self, path: &Path) -> Format {
        self.format.unwrap_or_else(|| Format::of(path))
    }

    /// # Errors
    /// When the keys do not fit each other.
    pub(super) fn dialect(&self, format: Format, table: &str) -> Result<Dialect, DataError> {
        let tsv = format == Format::Tsv;
        let delimiter = self.delimiter.as_deref().unwrap_or(if tsv { "\t" } else { "," });
        let quote = self.quote.unwrap_or(!tsv && delimiter.len() == 1);
        let wrong = |key, got: String, expected: &str| DataError::ReadingKey {
            table: table.to_owned(),
            key,
            got,
            expected: expected.to_owned(),
        };
        if delimiter.is_empty() || delimiter.contains(['\n', '\r']) {
            let expected = "at least one character, and none that ends a line";
            return Err(wrong("delimiter", format!("{delimiter:?}"), expected));
        }
        if quote && (delimiter.len() > 1 || delimiter == "\"") {
            let got = format!("true with `delimiter` {delimiter:?}");
            return Err(wrong("quote", got, "false, or a delimiter of one ASCII character other than the quote"));
        }
        Ok(Dialect { delimiter: delimiter.as_bytes().to_vec(), quote })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_go_by_the_ending_before_that_of_the_compression() {
        let of = |name: &str| Format::of(Path::new(name));
        for (name, format) in [
            ("a/ratings.dat", Format::Csv),
            ("a.csv.gz", Format::Csv),
            ("log", Format::Csv),
            ("a.TSV.xz", Format::Tsv),
            ("a.b.jsonl.zst", Format::JsonLines),
            ("part-0.snappy.parquet", Format::Parquet),
        ] {
            assert_eq!(of(name), format, "{name}");
        }
        for format in Format::ALL {
            assert_eq!(of(&format!("a.{}.gz", format.name())), format);
        }
    }

    #[test]
    fn quotes_need_a_delimiter_of_one_byte() {
        let dialect = |delimiter: &str, quote| {
            let reading = Reading { delimiter: Some(delimiter.into()), quote, ..Reading::default() };
            reading.dialect(Format::Csv, "read").map(|dialect| dialect.quote)
        };
        assert!(dialect(";", None).unwrap());
        assert!(!dialect("::", None).unwrap());
        assert!(!dialect("::", Some(false)).unwrap());
        for (delimiter, quote, expected) in [
            (
                "::",
                Some(true),
                "`[read]`: `quote` is true with `delimiter` \"::\", expected false, or a delimiter of one ASCII \
                 character other than the quote",
            ),
            ("", None, "`[read]`: `delimiter` is \"\", expected at least one character, and none that ends a line"),
        ] {
            assert_eq!(dialect(delimiter, quote).unwrap_err().to_string(), expected);
        }
        assert!(!Reading::default().dialect(Format::Tsv, "read").unwrap().quote);
    }
}
