//! `[columns]`: what columns are beside fields and labels.

use mmtl_plan::Checker;

use crate::card::TimeUnit;
use crate::card_file::keys::Keys;

pub(super) const UNITS: &[(&str, TimeUnit)] = &[
    ("s", TimeUnit::Seconds),
    ("ms", TimeUnit::Milliseconds),
    ("us", TimeUnit::Microseconds),
    ("d", TimeUnit::Days),
    ("date", TimeUnit::Date),
];

/// The roles of columns.
pub(super) struct Roles {
    pub row: Option<String>,
    pub user: Option<String>,
    pub request: Option<String>,
    pub time: Option<String>,
    pub weight: Option<String>,
    /// What times that are numbers count.
    pub unit: TimeUnit,
}

pub(super) fn roles(top: &Keys, checker: &mut Checker) -> Roles {
    let none = Roles { row: None, user: None, request: None, time: None, weight: None, unit: TimeUnit::Unsaid };
    let Some(keys) = top.table(checker, "columns") else { return none };
    keys.only(checker, &["row", "user", "item", "request", "time", "weight", "unit"]);
    // Said for whoever reads the card; nothing depends on it.
    keys.text(checker, "item");
    Roles {
        row: keys.text(checker, "row"),
        user: keys.text(checker, "user"),
        request: keys.text(checker, "request"),
        time: keys.text(checker, "time"),
        weight: keys.text(checker, "weight"),
        unit: keys.choice(checker, "unit", UNITS).unwrap_or(TimeUnit::Unsaid),
    }
}
