use std::io::Write;

use super::rows_of::{message, of_file, ones, value, write};
use crate::error::DataError;
use crate::read::{Format, Reading, open};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(super) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(vec![], 0);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(super) fn zst(bytes: &[u8]) -> Vec<u8> {
    let mut packer = zstd::Encoder::new(vec![], 1).unwrap();
    packer.include_checksum(true).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

type Pack = fn(&[u8]) -> Vec<u8>;

pub(super) const PACKINGS: [(&str, &str, Pack); 3] = [("gz", "gzip", gzip), ("xz", "xz", xz), ("zst", "zstd", zst)];

#[test]
fn packed_files_are_known_by_content_or_name() {
    let expected = [ones(&["1", "3", "5"]), ones(&["é", "4", "6"])];
    let parts: [&[u8]; 3] = ["\u{FEFF}a,b\n1,é\n".as_bytes(), b"3,", b"4\n5,6"];
    for (ending, _, pack) in PACKINGS {
        let whole = pack(&parts.concat());
        // Several members, one behind the other, as parallel packers write them.
        let members = parts.map(pack).concat();
        for (name, contents) in [(format!("a.csv.{ending}"), &whole), ("a".into(), &whole), ("a.csv".into(), &members)]
        {
            let got = of_file(&name, contents, &Reading::default(), &[value("a"), value("b")]).unwrap();
            assert_eq!(got, expected, "{name}");
        }
    }
}

#[test]
fn packed_files_that_are_cut_short_or_damaged() {
    let row = |row: u32| format!("{row},{}\n", row.wrapping_mul(2_654_435_761));
    let text = format!("a,b\n{}", (0..40_000).map(row).collect::<Vec<_>>().concat());
    let read = |name: &str, contents: &[u8]| {
        let directory = tempfile::tempdir().unwrap();
        let path = write(directory.path(), name, contents);
        let table = open(&[path], &Reading::default(), &[], &[value("a")]);
        let scanned = table.and_then(|table| table.scan(&mut |_| Ok(())));
        (message(scanned, directory.path()), directory)
    };
    for (ending, format, pack) in PACKINGS {
        let (packed, name) = (pack(text.as_bytes()), format!("a.csv.{ending}"));
        for length in [packed.len() / 3, packed.len() - 1, 9] {
            let expected = format!(
                "`{name}` ends in the middle of its {format} data, as after a download cut short; expected a \
                 whole file"
            );
            assert_eq!(read(&name, &packed[..length]).0, expected, "{length}");
        }
        let error = read(&name, b"a,b\n1,2\n").0;
        assert!(error.starts_with(&format!("`{name}` is no readable {format} file: ")), "{error}");
        // Where its reader does not notice, rows do.
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xAA);
        let error = read(&name, &damaged).0;
        let start = [format!("`{name}` is no readable {format} file: "), "row ".into()];
        assert!(start.iter().any(|start| error.starts_with(start)), "{error}");
        // The sum of what was packed is at the end of each format.
        let mut other_sum = packed.clone();
        let last = other_sum.len() - if format == "zstd" { 2 } else { 6 };
        other_sum[last] ^= 0xFF;
        assert!(read(&name, &other_sum).0.contains(&format!("`{name}` is no readable {format} file: ")), "{format}");
        assert_eq!(read(&name, b"").0, format!("`{name}` is empty, expected a header"));
        assert_eq!(read(&name, &pack(b"")).0, format!("`{name}` is empty, expected a header"));
    }
}

#[test]
fn what_follows_gzip_data_is_padding_or_told() {
    let packed = [gzip(b"a,b\n1,2\n"), gzip(b"3,4\n")].concat();
    let read =
        |behind: &[u8]| of_file("a.csv.gz", [packed.as_slice(), behind].concat(), &Reading::default(), &[value("a")]);
    for padding in [0, 1, 512, 300_000] {
        assert_eq!(read(&vec![0; padding]).unwrap(), [ones(&["1", "3"])], "{padding}");
    }
    assert_eq!(read(&[vec![0; 9], gzip(b"5,6\n")].concat()).unwrap(), [ones(&["1", "3", "5"])]);
    for other in [&b"junk"[..], b"j", b"\0\0junk that is longer than a header"] {
        let error = read(other).unwrap_err().to_string();
        assert!(error.ends_with("is no readable gzip file: other bytes follow its data; cut them off"), "{error}");
    }
}

#[test]
fn files_that_are_no_text_at_all() {
    let error = |contents: &[u8], format| {
        let directory = tempfile::tempdir().unwrap();
        let path = write(directory.path(), "a.csv", contents);
        let reading = Reading { format: Some(format), ..Reading::default() };
        message(open(&[path], &reading, &[], &[value("a")]), directory.path())
    };
    assert_eq!(
        error(b"PK\x03\x04....", Format::Csv),
        "`a.csv` is no readable text file: it is a zip archive; unpack it first"
    );
    assert_eq!(
        error(&gzip(b"PAR1...."), Format::JsonLines),
        "`a.csv` is no readable text file: it is a Parquet file; say `format = \"parquet\"`"
    );
    let utf16 = "a,b\n".encode_utf16().flat_map(u16::to_le_bytes);
    let error_of_utf16 = error(&[0xFF, 0xFE].into_iter().chain(utf16).collect::<Vec<u8>>(), Format::Tsv);
    assert!(error_of_utf16.ends_with("it is UTF-16 text; convert it to UTF-8 (`iconv -f utf-16 -t utf-8`)"));
    assert!(error(&gzip(b"x"), Format::Parquet).starts_with("`a.csv` is no readable Parquet file: "));
}

#[test]
fn a_file_that_is_not_there() {
    let error = open(&["nowhere.csv".into()], &Reading::default(), &[], &[]).map(|_| ()).unwrap_err();
    assert!(matches!(error, DataError::Read { .. }), "{error}");
}
