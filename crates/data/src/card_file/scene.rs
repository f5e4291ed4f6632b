//! `[scene]`.

use mmtl_plan::Checker;

use crate::card::{Grouping, Leftover, SceneCard, SceneRule};
use crate::card_file::keys::Keys;

const LEFTOVERS: [(&str, Leftover); 3] = [("own", Leftover::Own), ("drop", Leftover::Drop), ("error", Leftover::Error)];

/// How the scene of a row is found; without `[scene]` all rows are of one.
pub(super) fn scene(top: &Keys, checker: &mut Checker) -> SceneCard {
    let one = || SceneCard::One("all".to_owned());
    let Some(keys) = top.table(checker, "scene") else { return one() };
    keys.only(checker, &["by", "groups", "bins", "missing", "others", "names"]);
    if keys.get("by").is_none() {
        keys.wrong(checker, "by", "a column, or a list of columns");
    }
    let Some(columns) = keys.texts(checker, "by") else { return one() };
    if columns.is_empty() {
        keys.wrong(checker, "by", "at least one column");
    }
    let grouping = grouping(&keys, checker);
    if columns.len() > 1 && grouping != Grouping::Values {
        keys.wrong(checker, "by", "one column where there are `groups` or `bins`");
    }
    let names = keys.listed_once(checker, "names");
    if names.is_some() && grouping != Grouping::Values {
        keys.wrong(checker, "names", "no `names` beside `groups` or `bins`, which name the scenes");
    }
    // Without a list of scenes no value is another one.
    let closed = names.is_some() || matches!(grouping, Grouping::Groups(_));
    if keys.get("others").is_some() && !closed {
        keys.wrong(checker, "others", "`names` or `groups` beside it, as every value has a scene without them");
    }
    SceneCard::By(SceneRule {
        columns,
        grouping,
        missing: keys.choice(checker, "missing", &LEFTOVERS).unwrap_or(Leftover::Own),
        others: keys.choice(checker, "others", &LEFTOVERS).unwrap_or(Leftover::Error),
        names,
    })
}

fn grouping(keys: &Keys, checker: &mut Checker) -> Grouping {
    match (keys.get("groups"), keys.get("bins")) {
        (None, None) => Grouping::Values,
        (Some(_), Some(_)) => {
            keys.wrong(checker, "bins", "either `groups` or `bins`");
            Grouping::Values
        }
        (Some(_), None) => groups(keys, checker),
        (None, Some(_)) => {
            let cuts = keys.numbers(checker, "bins").unwrap_or_default();
            if !cuts.is_sorted_by(|a, b| a < b) || cuts.is_empty() {
                keys.wrong(checker, "bins", "rising numbers");
            }
            Grouping::Bins(cuts)
        }
    }
}

fn groups(keys: &Keys, checker: &mut Checker) -> Grouping {
    let Some(table) = keys.table(checker, "groups") else { return Grouping::Values };
    let groups = table.lists(checker);
    for (at, (name, values)) in groups.iter().enumerate() {
        let taken = groups[..at].iter().find_map(|(other, taken)| {
            values.iter().find(|value| taken.iter().any(|other| other.overlaps(value))).map(|value| (other, value))
        });
        if let Some((other, value)) = taken {
            table.wrong(checker, name, &format!("values of one group each; `{value}` is in `{other}` too"));
        }
    }
    if groups.is_empty() {
        keys.wrong(checker, "groups", "at least one group");
    }
    Grouping::Groups(groups)
}
