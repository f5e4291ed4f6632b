//! `[split]` of a card: by what the file says, by time, or at random; the first by which no part of the sample is empty.

use thousands::Separable;

use crate::card::TimeUnit;
use crate::guess::detect::quoted;
use crate::guess::draft::{Draft, plain};
use crate::guess::profile::Profile;
use crate::guess::purpose::{PARTS, Purpose, Role};
use crate::prepare::seconds;

/// Shares of validation and of test.
const SHARE: f64 = 0.1;

/// What to write, and why; or why this split is none.
type Lines = Result<Vec<(&'static str, String, &'static str)>, String>;

/// `more`: whether the file has rows beyond those looked at.
pub(super) fn split(draft: &mut Draft, more: bool, columns: &[(&Profile, &Purpose)]) {
    draft.table("split");
    let by_part = columns.iter().find(|(_, purpose)| **purpose == Purpose::Part).map(|(column, _)| given(column, more));
    let by_time = columns.iter().find_map(|(column, purpose)| match purpose {
        Purpose::Role(Role::Time(unit)) => Some(timed(column, unit.is_some())),
        _ => None,
    });
    for lines in by_part.into_iter().chain(by_time) {
        match lines {
            Ok(lines) => return write(draft, &lines),
            Err(why) => draft.note(&why),
        }
    }
    write(draft, &shares("random", ""));
}

fn write(draft: &mut Draft, lines: &[(&str, String, &str)]) {
    for (key, value, reason) in lines {
        draft.line(key, value, reason);
    }
}

fn shares(by: &str, reason: &'static str) -> Vec<(&'static str, String, &'static str)> {
    vec![("by", quoted(by), reason), ("valid", SHARE.to_string(), ""), ("test", SHARE.to_string(), "")]
}

/// By a column that says which part a row is of.
fn given(column: &Profile, more: bool) -> Lines {
    let name = plain(&column.name);
    if column.missing > 0 {
        let missing = column.missing.separate_with_commas();
        return Err(format!("`{name}` seems to say which part a row is of, but {missing} rows have none."));
    }
    let words = PARTS.map(|words| words_of(column, words));
    let [train, valid, test] = &words;
    if !more && (train.is_none() || (valid.is_none() && test.is_none())) {
        return Err(format!("`{name}` seems to say which part a row is of, but all rows are for the same part."));
    }
    let mut lines = vec![("by", quoted("column"), "by its name"), ("column", quoted(&column.name), "")];
    let none = "the sample has none";
    lines.push(train.clone().map_or(("train", quoted("train"), none), |train| ("train", train, "")));
    let share = || ("valid", SHARE.to_string(), "a share of the train rows");
    match (valid, test) {
        (Some(valid), Some(test)) => lines.extend([("valid", valid.clone(), ""), ("test", test.clone(), "")]),
        (Some(valid), None) if more => lines.extend([("valid", valid.clone(), ""), ("test", quoted("test"), none)]),
        (Some(valid), None) => lines.extend([share(), ("test", valid.clone(), "there is no other part to test on")]),
        (None, Some(test)) => lines.extend([share(), ("test", test.clone(), "")]),
        (None, None) => lines.extend([share(), ("test", quoted("test"), none)]),
    }
    Ok(lines)
}

/// The values of a column that are among the words for a part, as TOML.
fn words_of(column: &Profile, words: &[&str]) -> Option<String> {
    let mut values: Vec<&String> =
        column.counts.keys().filter(|value| words.contains(&value.to_lowercase().as_str())).collect();
    values.sort_unstable();
    let values: Vec<String> = values.into_iter().map(|value| quoted(value)).collect();
    match values.as_slice() {
        [] => None,
        [value] => Some(value.clone()),
        _ => Some(format!("[{}]", values.join(", "))),
    }
}

/// By time, which is counted or a date.
fn timed(column: &Profile, counted: bool) -> Lines {
    let name = plain(&column.name);
    if column.missing > 0 {
        let missing = column.missing.separate_with_commas();
        return Err(format!("Not by time, which a split needs in each row: `{name}` is missing in {missing}."));
    }
    let time = |text: &String| if counted { text.parse().ok() } else { seconds(text, TimeUnit::Seconds) };
    let mut times: Vec<f64> = column.values.iter().flatten().filter_map(time).collect();
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| times.get(((1.0 - share) * times.len() as f64).round() as usize);
    // Rows of equal times are in one part.
    match (times.first(), at(2.0 * SHARE), at(SHARE)) {
        (Some(first), Some(valid), Some(test)) if first < valid && valid < test => {
            Ok(shares("time", "the last rows are for the test"))
        }
        _ => Err(format!(
            "Not by time: its last rows by `{name}` share so few times that a part would be left empty. `valid_from` and \
             `test_from` (in the place of `valid` and `test`) say where parts begin."
        )),
    }
}
