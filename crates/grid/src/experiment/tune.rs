//! `[tune]`: values that are chosen on validation rows before the grid is run.
//!
//! ```toml
//! [tune]
//! "train.lr" = { min = 1e-4, max = 1e-1, log = true }     # drawn
//! "model.dropout" = { min = 0.0, max = 0.4, steps = 3 }   # 0, 0.2, 0.4
//! trials = 20                                             # settings for each row of the tables
//! seeds = [101, 102]
//! [tune.mmoe]                                             # tried by this architecture alone
//! experts = [4, 8]
//! ```

use std::ops::Range;

use mmtl_plan::{Kind, Purpose, Value, listed, log_between, nearest, suggestion};
use toml::de::{DeTable, DeValue};

use crate::experiment::ablation::Ablation;
use crate::experiment::reader::{Item, Reader, shown};
use crate::experiment::value::value;
use crate::experiment::vocabulary::FOLLOWS_TRIAL;
use crate::experiment::{Axis, Experiment, Faults, MOST_TRIALS};
use crate::key_name::{Key, Section};

/// What is tuned, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Tune {
    /// The knobs in the order of the file, at least one, with what is tried of each.
    pub(crate) knobs: Vec<(Key, Space)>,
    /// Settings that each row of the tables may try; `None`: all that there are.
    pub trials: Option<usize>,
    /// The seeds of the runs that try them, at least one; no final run has any of them.
    pub seeds: Vec<u64>,
}

/// What is tried of a knob.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Space {
    /// These values, at least one, all different.
    Listed(Vec<Value>),
    /// Whole numbers in `min..=max`; on a logarithmic scale `min` is at least 1.
    Whole { min: i64, max: i64, log: bool },
    /// Numbers in `min..=max`; on a logarithmic scale `min` is above 0.
    Real { min: f64, max: f64, log: bool },
}

impl Space {
    /// How many values there are; `None` where there is no end of them.
    pub(crate) fn len(&self) -> Option<u128> {
        match self {
            Self::Listed(values) => Some(values.len() as u128),
            Self::Whole { min, max, .. } => u128::try_from(i128::from(*max) - i128::from(*min) + 1).ok(),
            Self::Real { .. } => None,
        }
    }
}

/// What is wrong was reported.
struct Reported;

/// Keys of `[tune]` that are no knob.
const OWN: [&str; 2] = ["trials", "seeds"];

/// Keys of a range.
const OF_RANGE: [&str; 4] = ["min", "max", "log", "steps"];

impl Reader<'_> {
    /// `[tune]`, if the file has it.
    pub(super) fn tune(&mut self, top: &DeTable<'_>, fixed: &[(Key, Value)], axes: &[Axis]) -> Option<Tune> {
        let (name, _) = top.get_key_value("tune")?;
        let table = self.table(top, "tune")?;
        let mut knobs: Vec<(Key, Space)> = vec![];
        let mut complete = true;
        let of_knobs = table.iter().filter(|(key, _)| !OWN.contains(&key.get_ref().as_ref()));
        for (text, at, item) in self.leaves(of_knobs) {
            let is_known = |key: Key| knobs.iter().any(|(other, _)| *other == key);
            let known = self.tunable(&text).and_then(|key| {
                if is_known(key) {
                    return Err(format!("`{key}` is tuned twice"));
                }
                self.only_tuned(key, fixed, axes).map(|()| key)
            });
            let space = self.checker.keep(&at, known).and_then(|key| {
                self.lines.insert(key.to_string(), self.checker.line(&at));
                Some((key, self.space(key, item)?))
            });
            complete &= space.is_some();
            knobs.extend(space);
        }
        if knobs.is_empty() && complete {
            let message = "[tune] names no knob, expected at least one, as in `\"train.lr\" = [1e-3, 1e-2]`";
            self.checker.report(&name.span(), message);
        }
        let drawn = knobs.iter().find(|(_, space)| !matches!(space, Space::Listed(_))).map(|(key, _)| *key);
        let trials = self.trials(table, drawn, &name.span());
        let seeds = self.tuning_seeds(table, axes, &name.span())?;
        Some(Tune { knobs, trials: trials.ok()?, seeds })
    }

    /// The knob that is written `text`, if validation scores can choose its value.
    fn tunable(&self, text: &str) -> Result<Key, String> {
        let key = self.words.key(text).map_err(|message| {
            let near = nearest(text, OWN);
            if near.is_none() { message } else { format!("unknown key `tune.{text}`{}", suggestion(near.as_deref())) }
        })?;
        let why = match key {
            Key::Architecture | Key::Protocol => "is what tables compare, expected it in [grid]",
            Key::Seed => "is no setting, expected seeds in `tune.seeds` and [grid]",
            Key::Stream(_) => "is a seed: the best of several would be luck",
            Key::Knob(Section::Data, _) => "changes the rows that scores are over, so that they do not compare",
            Key::Knob(Section::Select, _) => {
                "changes the score that settings are chosen by, so that they do not compare"
            }
            Key::Knob(..) if self.words.catalogue.pacing.contains(&key.to_string()) => "moves no number",
            Key::Knob(Section::Model | Section::Train | Section::Architecture(_), _) => return Ok(key),
        };
        Err(format!("`{key}` cannot be tuned: it {why}"))
    }

    /// That the file says nothing else of a key.
    fn only_tuned(&self, key: Key, fixed: &[(Key, Value)], axes: &[Axis]) -> Result<(), String> {
        let elsewhere = || self.lines.get(&key.to_string()).copied().unwrap_or(1);
        if axes.iter().any(|axis| axis.key == key) {
            return Err(format!("`{key}` is tuned but also an axis in line {}, expected one of the two", elsewhere()));
        }
        if fixed.iter().any(|(other, _)| *other == key) {
            return Err(format!("`{key}` is tuned but also fixed in line {}, expected one of the two", elsewhere()));
        }
        let has_owner = |owner: &str| {
            let of_grid = axes.iter().find(|axis| axis.key == Key::Architecture);
            of_grid.is_none_or(|axis| axis.values.contains(&Value::Text(owner.to_owned())))
        };
        match key.architecture().filter(|owner| !has_owner(owner)) {
            Some(owner) => Err(format!("`{key}` is tuned, but `{owner}` is not among the architectures of [grid]")),
            None => Ok(()),
        }
    }

    fn space(&mut self, key: Key, item: &Item<'_>) -> Option<Space> {
        match item.get_ref() {
            DeValue::Table(table) => self.range(key, &item.span(), table),
            _ => self.listed_values(&format!("`{key}` in [tune]"), key, item).map(Space::Listed),
        }
    }

    /// `{ min = 1e-4, max = 1e-1, log = true, steps = 4 }`.
    fn range(&mut self, key: Key, at: &Range<usize>, table: &DeTable<'_>) -> Option<Space> {
        let kind = self.words.described(key).map(|knob| knob.kind);
        if !matches!(kind, Some(Kind::Int { .. } | Kind::Float { .. })) {
            let expected = self.words.expected(key);
            self.checker.report(at, format!("`{key}` has no range, expected a list of values, each {expected}"));
            return None;
        }
        self.only(&format!("tune.{key}"), table, &OF_RANGE);
        let (min, max) = (self.end(key, "min", at, table), self.end(key, "max", at, table));
        let log = self.is_log(key, table);
        let steps = self.steps(key, table);
        let (min, max, log, steps) = (min?, max?, log?, steps.ok()?);
        if min.partial_cmp(&max) != Some(std::cmp::Ordering::Less) {
            self.checker
                .report(at, format!("the range of `{key}` ends at {max}, expected a `max` above its `min`, {min}"));
            return None;
        }
        let is_positive = match min {
            Value::Int(min) => min > 0,
            Value::Float(min) => min > 0.0,
            Value::Bool(_) | Value::Text(_) | Value::List(_) => false,
        };
        if log && !is_positive {
            let message = format!("the logarithmic range of `{key}` begins at {min}, expected a `min` above 0");
            self.checker.report(at, message);
            return None;
        }
        match (&min, &max, steps) {
            (Value::Int(min), Value::Int(max), None) => Some(Space::Whole { min: *min, max: *max, log }),
            (Value::Float(min), Value::Float(max), None) => Some(Space::Real { min: *min, max: *max, log }),
            (Value::Int(_) | Value::Float(_), _, Some(steps)) => Some(Space::Listed(stepped(&min, &max, log, steps))),
            (Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Int(_) | Value::Float(_), _, _) => None,
        }
    }

    fn end(&mut self, key: Key, name: &str, at: &Range<usize>, table: &DeTable<'_>) -> Option<Value> {
        let Some(item) = table.get(name) else {
            let message = format!("the range of `{key}` has no `{name}`, expected {{ min = …, max = … }}");
            self.checker.report(at, message);
            return None;
        };
        self.value_of(key, item)
    }

    fn is_log(&mut self, key: Key, table: &DeTable<'_>) -> Option<bool> {
        let Some(item) = table.get("log") else { return Some(false) };
        let given = item.get_ref().as_bool();
        if given.is_none() {
            let got = shown(item.get_ref());
            self.checker
                .report(&item.span(), format!("`log` of the range of `{key}` is {got}, expected true or false"));
        }
        given
    }

    /// `None` where a range has none.
    fn steps(&mut self, key: Key, table: &DeTable<'_>) -> Result<Option<usize>, Reported> {
        let Some(item) = table.get("steps") else { return Ok(None) };
        self.whole(&format!("steps of the range of `{key}`"), item, 2).map(Some)
    }

    /// `None` where no number is given, and none is needed.
    fn trials(
        &mut self,
        table: &DeTable<'_>,
        drawn: Option<Key>,
        at: &Range<usize>,
    ) -> Result<Option<usize>, Reported> {
        match (table.get_key_value("trials"), drawn) {
            (Some((key, item)), _) => {
                self.lines.insert("tune.trials".to_owned(), self.checker.line(&key.span()));
                self.whole("`tune.trials`", item, 1).map(Some)
            }
            (None, None) => Ok(None),
            (None, Some(key)) => {
                let message = format!(
                    "`tune.trials` is missing, expected how many settings to draw, as in `trials = 20`: `{key}` is a range without `steps`"
                );
                self.checker.report(at, message);
                Err(Reported)
            }
        }
    }

    fn whole(&mut self, what: &str, item: &Item<'_>, least: usize) -> Result<usize, Reported> {
        let given = value(item.get_ref());
        if let Ok(Value::Int(number)) = given
            && let Ok(number) = usize::try_from(number)
            && (least..=MOST_TRIALS).contains(&number)
        {
            return Ok(number);
        }
        let got = shown(item.get_ref());
        let near = match given {
            Ok(Value::Int(number)) if usize::try_from(number).is_ok_and(|number| number > least) => {
                format!("; did you mean `{MOST_TRIALS}`?")
            }
            Ok(Value::Int(_)) => format!("; did you mean `{least}`?"),
            Ok(Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_)) | Err(_) => String::new(),
        };
        let message = format!("{what} is {got}, expected a whole number from {least} to {MOST_TRIALS}{near}");
        self.checker.report(&item.span(), message);
        Err(Reported)
    }

    /// Seeds that no final run has: a choice made on a seed flatters that seed's test score.
    fn tuning_seeds(&mut self, table: &DeTable<'_>, axes: &[Axis], at: &Range<usize>) -> Option<Vec<u64>> {
        let Some((key, item)) = table.get_key_value("seeds") else {
            let message =
                "`tune.seeds` is missing, expected seeds that are not in `grid.seed`, as in `seeds = [101, 102]`";
            self.checker.report(at, message);
            return None;
        };
        self.lines.insert("tune.seeds".to_owned(), self.checker.line(&key.span()));
        let seeds = match item.get_ref() {
            DeValue::Table(range) => self.seed_range("tune.seeds", &key.span(), range),
            _ => self.listed_values("`tune.seeds`", Key::Seed, item),
        }?;
        let of_grid = axes.iter().find(|axis| axis.key == Key::Seed).map(|axis| axis.values.clone());
        let of_grid = of_grid.unwrap_or_else(|| vec![Value::Int(1)]);
        let both: Vec<String> = seeds.iter().filter(|seed| of_grid.contains(seed)).map(ToString::to_string).collect();
        if !both.is_empty() {
            let message = format!(
                "`tune.seeds` and `grid.seed` both have {}, expected other seeds for tuning: a choice made on a seed flatters its test score",
                both.join(", ")
            );
            self.checker.report(&item.span(), message);
            return None;
        }
        let number = |seed: &Value| match seed {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => None,
        };
        seeds.iter().map(number).collect()
    }
}

/// So many values from one end to the other, at even distances or ratios; of whole numbers that fall together, one.
fn stepped(min: &Value, max: &Value, log: bool, steps: usize) -> Vec<Value> {
    let share = |step: usize| step as f64 / (steps - 1) as f64;
    let between =
        |low: f64, high: f64, share: f64| if log { log_between(low, high, share) } else { low + share * (high - low) };
    let mut values: Vec<Value> = vec![];
    for step in 0..steps {
        let value = match (min, max) {
            _ if step == 0 => min.clone(),
            _ if step + 1 == steps => max.clone(),
            (Value::Int(low), Value::Int(high)) => {
                Value::Int(between(*low as f64, *high as f64, share(step)).round() as i64)
            }
            (Value::Float(low), Value::Float(high)) => {
                Value::Float(rounded(between(*low, *high, share(step)), 6).clamp(*low, *high))
            }
            (Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Text(_) | Value::List(_), _) => continue,
        };
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// A number that people can read and copy into a plain grid: so many significant digits.
pub(crate) fn rounded(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

impl Experiment {
    /// That nothing else of the file needs to know a value before it is chosen, and that tuning seeds change something.
    pub(super) fn check_tune(&self, stored: bool) -> Result<(), Faults> {
        let Some(tune) = &self.tune else { return Ok(()) };
        let is_tuned = |wanted: &[(Key, Value)]| {
            wanted.iter().map(|(key, _)| *key).find(|key| tune.knobs.iter().any(|(tuned, _)| tuned == key))
        };
        let sentence = |what: &str, key: Key| {
            format!(
                "{what} has `{key}`, which is tuned: its value is not known before, expected keys that are not in [tune]"
            )
        };
        if let Some(key) = is_tuned(&self.compare.baseline) {
            return Err(self.fault("compare.baseline", sentence("the baseline", key)).into());
        }
        for ablation in &self.ablations {
            if let Some(key) = is_tuned(&ablation.base) {
                let message = sentence(&format!("the base of the ablation `{}`", ablation.name), key);
                return Err(mmtl_plan::Fault { line: ablation.line, ..self.fault("", message) }.into());
            }
        }
        for ablation in self.ablations.iter().filter(|_| !stored) {
            if let Some(key) = self.merged_by(ablation) {
                let what = if ablation.set.iter().any(|(set, _)| *set == key) { "sets" } else { "drops" };
                let message = format!(
                    "the ablation `{}` {what} `{key}`, so that rows of several bases would become one, each with the values \
                     chosen for its own base; expected `{key}` in its `base`",
                    ablation.name
                );
                return Err(mmtl_plan::Fault { line: ablation.line, ..self.fault("", message) }.into());
            }
        }
        let follows = Value::Text(FOLLOWS_TRIAL.to_owned());
        let is_pinned = |purpose: Purpose| {
            let key = Key::Stream(purpose);
            let fixed = self.fixed.iter().rev().find(|(other, _)| *other == key).map(|(_, value)| value);
            let by_default = purpose == Purpose::Split;
            self.axes.iter().any(|axis| axis.key == key) || fixed.map_or(by_default, |value| *value != follows)
        };
        if Purpose::ALL.into_iter().all(is_pinned) {
            let names = listed(Purpose::ALL.map(Purpose::name));
            let message = format!(
                "every one of the streams {names} is pinned, so that `tune.seeds` are the final runs' seeds by another name; leave one of them free"
            );
            return Err(self.fault("tune.seeds", message).into());
        }
        Ok(())
    }

    /// The axis that rows of an ablation do not tell apart: it sets it, or drops it with the architecture that has it.
    fn merged_by(&self, ablation: &Ablation) -> Option<Key> {
        fn value(of: &[(Key, Value)], key: Key) -> Option<&Value> {
            of.iter().find(|(other, _)| *other == key).map(|(_, value)| value)
        }
        let sets = |key| value(&ablation.set, key).is_some();
        // A knob of an architecture fixes that, too.
        let of_one = || ablation.base.iter().any(|(key, _)| key.architecture().is_some());
        let is_open = |key| value(&ablation.base, key).is_none() && !(key == Key::Architecture && of_one());
        if sets(Key::Architecture) && is_open(Key::Architecture) && self.architectures.len() > 1 {
            return Some(Key::Architecture);
        }
        let is_of_base = |owner| match value(&ablation.base, Key::Architecture) {
            Some(base) => *base == Value::Text(owner),
            None if of_one() => ablation.base.iter().any(|(key, _)| key.architecture() == Some(owner.as_str())),
            None => self.architectures.iter().any(|base| *base == owner),
        };
        let drops = |key: Key| {
            let becomes = value(&ablation.set, Key::Architecture);
            key.architecture()
                .map(str::to_owned)
                .is_some_and(|owner| becomes.is_some_and(|new| *new != Value::Text(owner.clone())) && is_of_base(owner))
        };
        let several = self.axes.iter().filter(|axis| axis.values.len() > 1).map(|axis| axis.key);
        several.into_iter().find(|key| (sets(*key) || drops(*key)) && is_open(*key))
    }
}
