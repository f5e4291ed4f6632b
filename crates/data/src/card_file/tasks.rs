//! `[tasks.NAME]`.

use mmtl_plan::{Checker, Space, listed, nearest, suggestion};

use crate::card::{LabelRule, TaskCard, Transform};
use crate::card_file::keys::Keys;
use crate::card_file::roles::Roles;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Binary,
    Regression,
    Multiclass,
}

const KINDS: [(&str, Kind); 3] =
    [("binary", Kind::Binary), ("regression", Kind::Regression), ("multiclass", Kind::Multiclass)];

const KEYS: [&str; 12] = [
    "kind",
    "label",
    "when",
    "derive",
    "given",
    "transform",
    "classes",
    "first",
    "happened",
    "window",
    "until",
    "positive",
];

/// The tasks in the order of the file.
pub(super) fn tasks(top: &Keys, roles: &Roles, checker: &mut Checker) -> Vec<TaskCard> {
    let tables = top.tables(checker, "tasks");
    if tables.is_empty() {
        top.wrong(checker, "tasks", "at least one section like [tasks.click]");
    }
    let mut tasks = vec![];
    for (name, keys) in &tables {
        keys.only(checker, &KEYS);
        let space = keys.text(checker, "given").map_or(Space::All, Space::Given);
        if let Some(label) = label(keys, roles, checker) {
            tasks.push(TaskCard { name: name.clone(), label, space });
        }
    }
    check_names(&tables, &tasks, checker);
    tasks
}

/// Spaces and products name binary tasks.
fn check_names(tables: &[(String, Keys)], tasks: &[TaskCard], checker: &mut Checker) {
    let binary = |task: &TaskCard| {
        !matches!(task.label, LabelRule::Number { .. } | LabelRule::Class { .. } | LabelRule::OneOf { .. })
    };
    let names: Vec<&str> = tasks.iter().filter(|task| binary(task)).map(|task| task.name.as_str()).collect();
    for task in tasks {
        let Some((_, keys)) = tables.iter().find(|(name, _)| *name == task.name) else { continue };
        let mut check = |key: &str, name: &str| {
            if !names.contains(&name) {
                let near = suggestion(nearest(name, names.iter().copied()).as_deref());
                keys.wrong(checker, key, &format!("binary tasks, of which there are {}{near}", listed(&names)));
            }
        };
        if let Space::Given(name) = &task.space {
            check("given", name);
        }
        if let LabelRule::Product(factors) = &task.label {
            for factor in factors {
                check("derive", factor);
            }
        }
    }
}

fn label(keys: &Keys, roles: &Roles, checker: &mut Checker) -> Option<LabelRule> {
    let kind = keys.choice(checker, "kind", &KINDS);
    let sources = ["label", "when", "derive", "happened"];
    let given: Vec<&str> = sources.into_iter().filter(|key| keys.get(key).is_some()).collect();
    let [source] = given[..] else {
        let message = format!(
            "`{}` has {}, expected exactly one of {}",
            keys.name("label").trim_end_matches(".label"),
            match given.len() {
                0 => "no label".to_owned(),
                _ => listed(&given),
            },
            listed(sources)
        );
        checker.report(&keys.span, message);
        return None;
    };
    if source != "label" && kind.is_some_and(|kind| kind != Kind::Binary) {
        keys.wrong(checker, "kind", &format!("`binary` beside `{source}`"));
    }
    refuse_idle(keys, source, kind, checker);
    match source {
        "when" => {
            let condition = keys.text(checker, "when")?;
            checker.keep(&keys.at("when"), condition.parse()).map(LabelRule::When)
        }
        "derive" => {
            let factors: Vec<String> =
                keys.text(checker, "derive")?.split(" and ").map(|factor| factor.trim().to_owned()).collect();
            if factors.len() < 2 {
                keys.wrong(checker, "derive", "tasks joined by `and`, like \"click and conversion\"");
            }
            Some(LabelRule::Product(factors))
        }
        "happened" => within(keys, roles, checker),
        _ => of_column(keys, kind, checker),
    }
}

/// A key that would do nothing is a misunderstanding.
fn refuse_idle(keys: &Keys, source: &str, kind: Option<Kind>, checker: &mut Checker) {
    let own: &[&str] = match (source, kind) {
        ("label", Some(Kind::Binary)) => &["positive"],
        ("label", Some(Kind::Regression)) => &["transform"],
        ("label", Some(Kind::Multiclass)) => &["classes", "first"],
        ("happened", _) => &["window", "until"],
        _ => &[],
    };
    for key in KEYS.iter().filter(|key| !["kind", "given", source].contains(key) && !own.contains(key)) {
        if keys.get(key).is_some() {
            keys.wrong(checker, key, &format!("no such key here, where `{source}` makes the label"));
        }
    }
}

fn of_column(keys: &Keys, kind: Option<Kind>, checker: &mut Checker) -> Option<LabelRule> {
    let column = keys.text(checker, "label")?;
    if keys.get("kind").is_none() {
        keys.wrong(checker, "kind", "`binary`, `regression` or `multiclass`");
    }
    match kind? {
        Kind::Binary => match keys.listed(checker, "positive") {
            Some(values) => Some(LabelRule::When(crate::expression::Expression::test(
                &column,
                crate::expression::Test::OneOf(values),
            ))),
            None => Some(LabelRule::Indicator(column)),
        },
        Kind::Regression => {
            let transform = keys.choice(checker, "transform", super::fields::TRANSFORMS).unwrap_or(Transform::Identity);
            Some(LabelRule::Number { column, transform })
        }
        Kind::Multiclass => match keys.get("classes").map(|item| item.get_ref().is_array()) {
            Some(true) => {
                let classes = keys.listed_once(checker, "classes")?;
                if classes.len() < 2 {
                    keys.wrong(checker, "classes", "at least two classes");
                }
                Some(LabelRule::OneOf { column, classes })
            }
            Some(false) => {
                let classes = keys.count(checker, "classes", 2, 2);
                let first = keys.whole(checker, "first", 0);
                Some(LabelRule::Class { column, first, classes: u32::try_from(classes).unwrap_or(u32::MAX) })
            }
            None => {
                keys.wrong(checker, "classes", "a number of classes, or a list of their texts");
                None
            }
        },
    }
}

fn within(keys: &Keys, roles: &Roles, checker: &mut Checker) -> Option<LabelRule> {
    let column = keys.text(checker, "happened")?;
    if keys.get("window").is_none() {
        keys.wrong(checker, "window", "how long after the row it may happen, like \"7d\"");
    }
    let Some(row) = roles.time.clone() else {
        keys.wrong(checker, "happened", "`time` in [columns], which the window is counted from");
        return None;
    };
    let until = keys.moment(checker, "until", roles.unit);
    Some(LabelRule::Within { column, row, unit: roles.unit, window: keys.duration(checker, "window")?, until })
}
