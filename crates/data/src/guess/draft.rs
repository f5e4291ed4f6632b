//! The text of a card.

use std::fmt::Write;
use std::path::Path;

use thousands::Separable;

use crate::guess::detect::{Detected, quoted};
use crate::guess::names::{TIME, Unique, field_name, says};
use crate::guess::profile::{Profile, Sample};
use crate::guess::purpose::{Kind, Label, Purpose, Purposes, Role};
use crate::guess::split::split;

/// Where comments begin, unless a line is longer.
const COMMENT_AT: usize = 40;
/// Longest value that a comment shows, in characters.
const SHOWN: usize = 30;

/// A card in the making.
pub(super) struct Draft {
    text: String,
}

impl Draft {
    pub(super) fn table(&mut self, name: &str) {
        let _ = write!(self.text, "\n[{name}]\n");
    }

    /// A line `key = value`, with the reason for it.
    pub(super) fn line(&mut self, key: &str, value: &str, reason: &str) {
        let line = format!("{key} = {value}");
        let _ = match reason {
            "" => writeln!(self.text, "{line}"),
            _ => writeln!(self.text, "{line:<COMMENT_AT$} # {reason}"),
        };
    }

    pub(super) fn note(&mut self, note: &str) {
        let _ = writeln!(self.text, "# {note}");
    }
}

/// The card that a sample suggests.
pub(super) fn draft(path: &Path, detected: &Detected, sample: &Sample, purposes: &Purposes) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut draft = Draft { text: String::new() };
    let rows = sample.rows.separate_with_commas();
    let of = if sample.more { format!("the first {rows} rows of") } else { format!("the {rows} rows of") };
    draft.note(&format!(
        "First draft of a card, from {of} {}. Names and values suggested it: correct it.",
        plain(&file)
    ));
    let bare = file.split('.').find(|part| !part.is_empty()).unwrap_or("data");
    draft.line("name", &quoted(&field_name(bare)), "");
    if !detected.reasons.is_empty() {
        draft.table("read");
        for (key, value, reason) in &detected.reasons {
            draft.line(key, value, &plain(reason));
        }
    }
    let columns: Vec<(&Profile, &Purpose)> = sample.columns.iter().zip(&purposes.of).collect();
    roles(&mut draft, &columns);
    scene(&mut draft, &columns);
    tasks(&mut draft, sample, purposes);
    fields(&mut draft, &columns);
    split(&mut draft, sample.more, &columns);
    left_out(&mut draft, sample, &columns);
    draft.text
}

fn roles(draft: &mut Draft, columns: &[(&Profile, &Purpose)]) {
    let mut roles: Vec<(Role, &Profile)> = vec![];
    for (column, purpose) in columns {
        if let Purpose::Role(role) = purpose {
            roles.push((*role, column));
        }
    }
    roles.sort_by_key(|(role, _)| *role);
    if roles.is_empty() {
        return;
    }
    draft.table("columns");
    for (role, column) in roles {
        let reason = match role {
            Role::Row => "every row has its own".to_owned(),
            Role::User | Role::Item | Role::Request => format!("by its name; {}", many(column)),
            Role::Time(_) | Role::Weight => format!("by its name; {}", range(column)),
        };
        draft.line(role.key(), &quoted(&column.name), &reason);
        if let Role::Time(Some(unit)) = role {
            draft.line("unit", &quoted(unit), if unit == "date" { "YYYYMMDD" } else { "since 1970" });
        }
    }
}

fn scene(draft: &mut Draft, columns: &[(&Profile, &Purpose)]) {
    match columns.iter().find(|(_, purpose)| **purpose == Purpose::Scene) {
        Some((column, _)) => {
            let least = column.counts.values().min().copied().unwrap_or(0).separate_with_commas();
            draft.table("scene");
            draft.line("by", &quoted(&column.name), &format!("{}; the smallest has {least} rows", shares(column)));
            if column.missing > 0 {
                draft.line("missing", "\"own\"", &format!("{} rows have none", column.missing.separate_with_commas()));
            }
        }
        None => draft
            .text
            .push_str("\n# No column is named like a scene: all rows are of one. `[scene]` with `by` names it.\n"),
    }
}

fn tasks(draft: &mut Draft, sample: &Sample, purposes: &Purposes) {
    let mut any = false;
    let mut unique = Unique::besides(&[]);
    let is_label = |purpose: &Purpose| matches!(purpose, Purpose::Label(_));
    let named = |(column, purpose): (&Profile, &Purpose)| is_label(purpose).then(|| unique.name(&column.name, &[]));
    let names: Vec<Option<String>> = sample.columns.iter().zip(&purposes.of).map(named).collect();
    for (at, (column, purpose)) in sample.columns.iter().zip(&purposes.of).enumerate() {
        let (Purpose::Label(label), Some(task)) = (purpose, &names[at]) else { continue };
        any = true;
        draft.table(&format!("tasks.{}", key(task)));
        let name = quoted(&column.name);
        match label {
            Label::Binary => {
                draft.line("kind", "\"binary\"", "0 and 1");
                let ones = column.counts.iter().filter(|(value, _)| value.parse() == Ok(1.0)).map(|(_, count)| count);
                draft.line("label", &name, &format!("by its name; {} are 1", percent(ones.sum(), column.known())));
            }
            Label::Is(text) => {
                draft.line("kind", "\"binary\"", &shares(column));
                draft.line("label", &name, "by its name");
                draft.line("positive", &quoted(text), "the rarer value");
            }
            Label::Regression => {
                draft.line("kind", "\"regression\"", &range(column));
                let few = column.numbers.is_some_and(|numbers| numbers.whole && numbers.far_apart());
                let values = if few { format!("; {}", many(column)) } else { String::new() };
                draft.line("label", &name, &format!("by its name{values}"));
            }
            Label::Multiclass => {
                draft.line("kind", "\"multiclass\"", &shares(column));
                draft.line("label", &name, "by its name");
                classes(draft, column);
            }
        }
        if let Some((_, click)) = purposes.given.iter().find(|(conversion, _)| *conversion == at) {
            let (column, task) = (&sample.columns[*click].name, names[*click].as_deref().unwrap_or_default());
            draft.line("given", &quoted(task), &format!("only ever 1 where `{}` is", plain(column)));
        }
    }
    if !any {
        draft.text.push_str(
            "\n# No column is named like a label (click, buy, like, rating, label …): name what is to be predicted.\n\
             # [tasks.click]\n# kind = \"binary\"\n# label = \"…\"\n",
        );
    }
}

/// The classes of a label: whole numbers from the least on, or texts.
fn classes(draft: &mut Draft, column: &Profile) {
    let mut reason = String::new();
    if let Some(numbers) = column.numbers {
        if !numbers.far_apart() {
            draft.line("first", &numbers.least.to_string(), "");
            draft.line("classes", &numbers.span().to_string(), "");
            return;
        }
        let span = numbers.span().separate_with_commas();
        reason = format!("few of the {span} from least to greatest; amounts are `kind = \"regression\"`");
    }
    let mut texts: Vec<&String> = column.counts.keys().collect();
    texts.sort_unstable();
    let texts: Vec<String> = texts.into_iter().map(|text| quoted(text)).collect();
    draft.line("classes", &format!("[{}]", texts.join(", ")), &reason);
}

/// What a column is to become, and the endings of the names of fields that it becomes.
enum Becomes {
    Times,
    Kind(Kind),
}

impl Becomes {
    fn of(purpose: &Purpose) -> Option<Self> {
        match purpose {
            Purpose::Field(kind) => Some(Self::Kind(kind.clone())),
            Purpose::Role(Role::User | Role::Item) => Some(Self::Kind(Kind::Categorical)),
            Purpose::Role(Role::Time(_)) => Some(Self::Times),
            Purpose::Role(Role::Row | Role::Request | Role::Weight)
            | Purpose::Label(_)
            | Purpose::Scene
            | Purpose::Part
            | Purpose::Nothing(_) => None,
        }
    }

    fn endings(&self) -> &'static [&'static str] {
        match self {
            Self::Times => &["_hour", "_weekday"],
            Self::Kind(Kind::Numeric { .. }) => &["_missing"],
            Self::Kind(_) => &[],
        }
    }
}

fn fields(draft: &mut Draft, columns: &[(&Profile, &Purpose)]) {
    // Every data set has a field of its scene.
    let mut unique = Unique::besides(&["scene"]);
    let named = |(column, purpose): &(&Profile, &Purpose)| {
        Becomes::of(purpose).map(|becomes| (unique.name(&column.name, becomes.endings()), becomes))
    };
    let named: Vec<Option<(String, Becomes)>> = columns.iter().map(named).collect();
    let item = columns.iter().position(|(_, purpose)| **purpose == Purpose::Role(Role::Item));
    let item = item.and_then(|at| named[at].as_ref()).map(|(name, _)| name.as_str());
    for ((column, _), named) in columns.iter().zip(&named) {
        let Some((name, becomes)) = named else { continue };
        let kind = match becomes {
            Becomes::Kind(kind) => kind,
            Becomes::Times => {
                time(draft, column, name);
                continue;
            }
        };
        draft.table(&format!("fields.{}", key(name)));
        let reason = format!("{}{}", reason(column, kind), missing(column));
        let line = |draft: &mut Draft, kind: &str| draft.line("kind", &quoted(kind), &reason);
        let column_line = |draft: &mut Draft| {
            if *name != column.name {
                draft.line("column", &quoted(&column.name), "");
            }
        };
        match kind {
            Kind::Categorical => {
                line(draft, "categorical");
                column_line(draft);
                let once = column.counts.values().filter(|count| **count == 1).count();
                if once * 5 > column.distinct() && column.distinct() > 100 {
                    draft.line("min_count", "2", &format!("{} are there once", percent(once, column.distinct())));
                }
            }
            Kind::Numeric { log } => {
                line(draft, "numeric");
                column_line(draft);
                if *log {
                    draft.line("transform", "\"log1p\"", "its tail is long");
                }
                if column.missing > 0 {
                    draft.line("missing", "\"mean\"", "");
                    draft.line("indicator", "true", "");
                }
            }
            Kind::Text => {
                line(draft, "text");
                column_line(draft);
            }
            Kind::Multi | Kind::Sequence { .. } => {
                line(draft, if *kind == Kind::Multi { "multi" } else { "sequence" });
                column_line(draft);
                let list = column.list.as_ref();
                if let Some(separator) = list.and_then(|list| list.separator) {
                    draft.line("separator", &quoted(separator), "");
                }
                let longest = list.map_or(1, |list| list.longest);
                draft.line("max", &longest.min(50).to_string(), &format!("the longest has {longest}"));
                if let (Kind::Sequence { items: true }, Some(item)) = (kind, item) {
                    draft.line("shares", &quoted(item), "its elements are items");
                }
            }
        }
    }
}

fn time(draft: &mut Draft, column: &Profile, name: &str) {
    draft.table(&format!("fields.{}", key(name)));
    draft.line("kind", "\"time\"", &range(column));
    if name != column.name {
        draft.line("column", &quoted(&column.name), "");
    }
    draft.line("parts", "[\"hour\", \"weekday\"]", "");
}

fn left_out(draft: &mut Draft, sample: &Sample, columns: &[(&Profile, &Purpose)]) {
    let nothing = columns.iter().filter_map(|(column, purpose)| match purpose {
        Purpose::Nothing(why) => Some((column.name.as_str(), why.clone())),
        _ => None,
    });
    let unusable = sample.unusable.iter().map(|(name, got)| (name.as_str(), format!("it holds {got}")));
    let left: Vec<(&str, String)> = nothing.chain(unusable).collect();
    if !left.is_empty() {
        draft.text.push_str("\n# Left out:\n");
        for (name, why) in left {
            draft.note(&format!("{}: {}", plain(name), plain(&why)));
        }
    }
}

/// Why a column is a field of a kind.
fn reason(column: &Profile, kind: &Kind) -> String {
    match kind {
        Kind::Categorical => shares(column),
        Kind::Numeric { .. } if says(&column.name, TIME) => format!("{}; no time since 1970", range(column)),
        Kind::Numeric { .. } => range(column),
        Kind::Text => format!("{:.1} words on average", column.words),
        Kind::Multi | Kind::Sequence { .. } => {
            let elements = column.list.as_ref().map_or(0, |list| list.elements.len());
            format!("lists of {} different elements", elements.separate_with_commas())
        }
    }
}

fn missing(column: &Profile) -> String {
    if column.missing == 0 {
        return String::new();
    }
    format!("; {} missing", percent(column.missing, column.values.len()))
}

fn many(column: &Profile) -> String {
    format!("{} different values", column.distinct().separate_with_commas())
}

/// The most frequent values.
fn shares(column: &Profile) -> String {
    let top: Vec<String> = column
        .top
        .iter()
        .map(|(value, count)| format!("{} {}", plain(value), percent(*count, column.known())))
        .collect();
    let more = if column.distinct() > top.len() { ", …" } else { "" };
    format!("{}: {}{more}", many(column), top.join(", "))
}

fn range(column: &Profile) -> String {
    match column.numbers {
        Some(numbers) if numbers.whole => {
            format!("whole numbers from {} to {}, mean {:.2}", numbers.least, numbers.greatest, numbers.mean)
        }
        Some(numbers) => {
            format!("numbers from {:.4} to {:.4}, mean {:.4}", numbers.least, numbers.greatest, numbers.mean)
        }
        None => many(column),
    }
}

fn percent(part: usize, of: usize) -> String {
    format!("{:.1} %", 100.0 * part as f64 / of.max(1) as f64)
}

/// A text that fits into a comment.
pub(super) fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= 3 * SHOWN {
        return line;
    }
    line.chars().take(3 * SHOWN - 1).chain(['…']).collect()
}

/// A key as TOML.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { quoted(name) }
}
