//! What names of columns say.

use std::collections::HashSet;

/// The words of a name in lower case: `isClicked`, `is_clicked` and `Is Clicked` are two words each.
pub(super) fn words(name: &str) -> Vec<String> {
    let (mut words, mut word, mut lower) = (vec![], String::new(), false);
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase();
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a word of a name is one of `any`.
pub(super) fn says(name: &str, any: &[&str]) -> bool {
    words(name).iter().any(|word| any.contains(&word.as_str()))
}

/// The name of a field for a column.
pub(super) fn field_name(column: &str) -> String {
    let words = words(column);
    if words.is_empty() { column.to_owned() } else { words.join("_") }
}

/// Names that a card has once each.
pub(super) struct Unique(HashSet<String>);

impl Unique {
    /// Names besides those that are `taken`.
    pub(super) fn besides(taken: &[&str]) -> Self {
        Self(taken.iter().map(|&name| name.to_owned()).collect())
    }

    /// A name for a column. Fields are made of it too, each with one of the `endings`.
    pub(super) fn name(&mut self, column: &str, endings: &[&str]) -> String {
        let short = field_name(column);
        let all = |name: &str| endings.iter().chain(&[""]).map(|ending| format!("{name}{ending}")).collect::<Vec<_>>();
        let numbered = (2..).map(|number| format!("{short}_{number}"));
        let mut names = [short.clone(), column.to_owned()].into_iter().chain(numbered);
        let name = names.find(|name| all(name).iter().all(|name| !self.0.contains(name))).expect("numbers do not end");
        self.0.extend(all(&name));
        name
    }
}

/// Words of columns that tell users apart.
pub(super) const USER: &[&str] = &["user", "users", "uid", "userid", "member", "visitor", "customer", "reviewer"];
/// Words of columns that tell items apart.
pub(super) const ITEM: &[&str] = &[
    "item", "items", "iid", "itemid", "product", "sku", "goods", "asin", "movie", "video", "article", "news", "ad",
    "song", "track", "book", "clothing",
];
/// Words of columns whose rows were shown together.
pub(super) const REQUEST: &[&str] = &["request", "rid", "session", "query", "search", "page_view"];
/// Words of columns that number rows.
pub(super) const ROW: &[&str] = &["row", "rowid", "index", "imp", "impression", "sample", "log", "id"];
/// Words of points in time.
pub(super) const TIME: &[&str] = &["time", "timestamp", "ts", "date", "datetime"];
/// Words of row weights.
pub(super) const WEIGHT: &[&str] = &["weight", "weights"];
/// Words of identifiers and codes, whose order means nothing.
pub(super) const CODE: &[&str] =
    &["id", "ids", "uid", "iid", "code", "type", "kind", "category", "cate", "brand", "zip", "postcode", "class"];
/// Words of what a first action is called.
pub(super) const CLICK: &[&str] = &["click", "clicked", "clk", "clicks"];
/// Words of what follows a click.
pub(super) const CONVERSION: &[&str] = &[
    "conversion",
    "converted",
    "convert",
    "cvr",
    "buy",
    "bought",
    "purchase",
    "purchased",
    "pay",
    "paid",
    "order",
    "ordered",
];
/// Words of other answers.
pub(super) const ANSWER: &[&str] = &[
    "label",
    "target",
    "y",
    "like",
    "liked",
    "follow",
    "share",
    "shared",
    "comment",
    "forward",
    "cart",
    "favorite",
    "favourite",
    "fav",
    "recommended",
    "income",
    "outcome",
    "finish",
    "view",
    "hate",
    "watched",
];
/// Words of answers on a scale.
pub(super) const RATING: &[&str] = &["rating", "ratings", "stars", "star", "score"];
/// Words of columns that say which part a row is of.
pub(super) const PART: &[&str] = &["part", "split", "fold", "subset"];
/// Words of columns that say where a row comes from, the plainest first.
pub(super) const SCENE: &[&str] = &[
    "scene",
    "scenario",
    "domain",
    "country",
    "market",
    "page",
    "tab",
    "channel",
    "department",
    "division",
    "platform",
    "device",
    "category",
    "gender",
    "sex",
    "age",
];
/// Words of lists whose order counts.
pub(super) const HISTORY: &[&str] = &["history", "hist", "seq", "sequence", "recent", "last", "clicks", "behaviour"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_signs_and_capitals() {
        assert_eq!(words("isClicked"), ["is", "clicked"]);
        assert_eq!(words("Recommended IND"), ["recommended", "ind"]);
        assert_eq!(words("user_id:token"), ["user", "id", "token"]);
        assert_eq!(words("_ÄpfelZahl2"), ["äpfel", "zahl2"]);
        assert!(words("::").is_empty());
        assert_eq!(field_name("Clothing ID"), "clothing_id");
        assert!(says("user_id", USER) && !says("superuser", USER));
    }
}
