//! `[split]`.

use mmtl_plan::Checker;

use crate::card_file::keys::Keys;
use crate::card_file::roles::Roles;
use crate::split::{GivenBy, GivenValid, Split, TimeBounds};

#[derive(Clone, Copy)]
enum By {
    Random,
    User,
    Time,
    File,
    Column,
}

const BYS: [(&str, By); 5] =
    [("random", By::Random), ("user", By::User), ("time", By::Time), ("file", By::File), ("column", By::Column)];

/// Shares without a word about them: 8 : 1 : 1.
const SHARE: f64 = 0.1;

/// How rows are divided.
pub(super) fn split(top: &Keys, roles: &Roles, checker: &mut Checker) -> Split {
    let random = Split::Random { valid: SHARE, test: SHARE };
    let Some(keys) = top.table(checker, "split") else { return random };
    let by = keys.choice(checker, "by", &BYS);
    if by.is_none() && keys.get("by").is_some() {
        return random;
    }
    match by.unwrap_or(By::Random) {
        By::Random => {
            keys.only(checker, &["by", "valid", "test"]);
            let (valid, test) = shares(&keys, checker);
            Split::Random { valid, test }
        }
        By::User => {
            keys.only(checker, &["by", "valid", "test"]);
            let (valid, test) = shares(&keys, checker);
            match &roles.user {
                Some(column) => Split::ByKey { column: column.clone(), valid, test },
                None => without_role(&keys, checker, "user"),
            }
        }
        By::Time => {
            keys.only(checker, &["by", "valid", "test", "valid_from", "test_from", "gap"]);
            let bounds = bounds(&keys, roles, checker);
            let gap = keys.duration(checker, "gap").unwrap_or(0.0);
            match &roles.time {
                Some(column) => Split::Time { column: column.clone(), unit: roles.unit, bounds, gap },
                None => without_role(&keys, checker, "time"),
            }
        }
        By::File => {
            keys.only(checker, &["by", "train", "valid", "test", "valid_of"]);
            given(&keys, GivenBy::File, checker)
        }
        By::Column => {
            keys.only(checker, &["by", "column", "train", "valid", "test", "valid_of"]);
            if keys.get("column").is_none() {
                keys.wrong(checker, "column", "the column that says `train` or `test`");
            }
            let column = keys.text(checker, "column").unwrap_or_default();
            given(&keys, GivenBy::Column(column), checker)
        }
    }
}

fn without_role(keys: &Keys, checker: &mut Checker, role: &str) -> Split {
    keys.wrong(checker, "by", &format!("`{role}` in [columns] to split by"));
    Split::Random { valid: SHARE, test: SHARE }
}

fn shares(keys: &Keys, checker: &mut Checker) -> (f64, f64) {
    let (valid, test) = (keys.share(checker, "valid", SHARE), keys.share(checker, "test", SHARE));
    if valid + test >= 1.0 {
        keys.wrong(checker, "valid", &format!("a share that leaves rows to train on beside a `test` of {test}"));
    }
    (valid, test)
}

fn bounds(keys: &Keys, roles: &Roles, checker: &mut Checker) -> TimeBounds {
    let dates = ["valid_from", "test_from"].map(|key| keys.get(key).is_some());
    if dates == [false, false] {
        let (valid, test) = shares(keys, checker);
        return TimeBounds::Shares { valid, test };
    }
    for key in ["valid", "test"] {
        if keys.get(key).is_some() {
            keys.wrong(checker, key, "either shares, or `valid_from` and `test_from`");
        }
    }
    let mut moment = |key: &str| {
        if keys.get(key).is_none() {
            keys.wrong(checker, key, "a time like 2024-06-01");
        }
        keys.moment(checker, key, roles.unit)
    };
    let (valid, test) = (moment("valid_from").unwrap_or(0.0), moment("test_from").unwrap_or(f64::MAX));
    if valid >= test {
        keys.wrong(checker, "test_from", "a time after `valid_from`, as what is scored comes last");
    }
    TimeBounds::At { valid, test }
}

fn given(keys: &Keys, by: GivenBy, checker: &mut Checker) -> Split {
    let mut words = |key: &str| {
        if keys.get(key).is_none() {
            keys.wrong(checker, key, "what marks its rows");
        }
        keys.listed(checker, key).unwrap_or_default()
    };
    let (train, test) = (words("train"), words("test"));
    // A number is a share of other rows; text marks rows of validation's own.
    let share = keys.number_or_none("valid");
    let of = keys.choice(checker, "valid_of", &[("train", true), ("test", false)]).unwrap_or(true);
    let valid = match share {
        Some(share) if !(0.0..1.0).contains(&share) => {
            keys.wrong(checker, "valid", "a share of at least 0 and below 1, or text that marks its rows");
            GivenValid::ShareOfTrain(SHARE)
        }
        Some(share) if of => GivenValid::ShareOfTrain(share),
        Some(share) => GivenValid::ShareOfTest(share),
        None if keys.get("valid").is_some() => GivenValid::Words(keys.listed(checker, "valid").unwrap_or_default()),
        None => GivenValid::ShareOfTrain(SHARE),
    };
    Split::Given { by, train, valid, test }
}
