//! Which runs are listed, in which order, kept until something changes.

use std::cmp::Ordering;

use mmtl_grid::Row;
use mmtl_grid::events::{RunState, RunStatus};
use mmtl_plan::Value;
use unicode_width::UnicodeWidthStr;

use crate::filter::{Column, Filter, RunText, short};
use crate::state::State;
use crate::views::runs::columns::{Head, left, text};

/// By what runs are sorted; without a column in the grid's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub by: Option<Head>,
    /// The other way round.
    pub reversed: bool,
}

/// The list.
#[derive(Debug, Default)]
pub struct List {
    /// What it was made from.
    made: Option<(u64, String, Order)>,
    planned: Option<(u64, usize)>,
    texts: Vec<RunText>,
    /// What differs from the baseline, by the run's place in the grid.
    pub differs: Vec<String>,
    values: Vec<String>,
    /// Places in the grid of the runs that are listed.
    pub places: Vec<usize>,
    /// What is wrong with the filter; no run is listed then, so that none is met by a key that was meant for others.
    pub mistake: Option<String>,
    /// The widest text of each column, in the order of [`Head::ALL`].
    pub widths: [usize; Head::ALL.len()],
}

impl List {
    /// Makes it fit a state, a filter and an order.
    pub fn refresh(&mut self, state: &State, filter: &str, order: Order) {
        let is_made = self
            .made
            .as_ref()
            .is_some_and(|(revision, of, by)| (*revision, of.as_str(), *by) == (state.revision(), filter, order));
        if is_made {
            return;
        }
        let runs: Vec<&RunState> = state.grid().runs().collect();
        let planned = Some((state.grid().opened_at, runs.len()));
        if self.planned != planned {
            self.plan(&runs);
            self.planned = planned;
        }
        let parsed = Filter::parse(filter, &self.values);
        self.mistake = parsed.as_ref().err().map(ToString::to_string);
        let fits = |place: &usize| parsed.as_ref().is_ok_and(|filter| filter.has(runs[*place], &self.texts[*place]));
        self.places = (0..runs.len()).filter(fits).collect();
        self.sort(&runs, order);
        self.widths[Head::Step as usize] = self.width(&runs, Head::Step);
        self.made = Some((state.revision(), filter.to_owned(), order));
    }

    /// What never changes of runs that are planned.
    fn plan(&mut self, runs: &[&RunState]) {
        self.texts = runs.iter().map(|run| RunText::of(run)).collect();
        let mut baselines: Vec<&Row> = vec![];
        let mut values: Vec<&str> = vec![];
        for row in runs.iter().flat_map(|run| &run.rows) {
            if row.baseline && !baselines.contains(&row) {
                baselines.push(row);
            }
            for (key, _) in &row.values {
                for name in [short(key), key] {
                    if !values.contains(&name) && Column::named(name).is_none() {
                        values.push(name);
                    }
                }
            }
        }
        self.values = values.into_iter().map(str::to_owned).collect();
        let baselines: Vec<(usize, &Row)> = baselines.into_iter().enumerate().collect();
        self.differs = runs.iter().map(|run| differs(run, &baselines)).collect();
        self.widths = Head::ALL.map(|head| self.width(runs, head));
    }

    fn sort(&mut self, runs: &[&RunState], order: Order) {
        if let Some(head) = order.by {
            let key = |place: &usize| key(runs[*place], head, &self.differs[*place]);
            let mut keyed: Vec<(SortKey, usize)> = self.places.iter().map(|place| (key(place), *place)).collect();
            let turned = order.reversed != head.is_largest_first();
            // Stable: those that are equal keep the grid's order.
            keyed.sort_by(|(one, _), (other, _)| one.compare(other, turned));
            self.places = keyed.into_iter().map(|(_, place)| place).collect();
        } else if order.reversed {
            self.places.reverse();
        }
    }

    /// The width of a column; of all but that of steps it never changes.
    fn width(&self, runs: &[&RunState], head: Head) -> usize {
        let widest = |of: &dyn Fn(usize) -> usize| (0..runs.len()).map(of).max().unwrap_or(0);
        let content = match head {
            // Only a sign stands before the longest word.
            Head::State => "cancelled".len() + 2,
            Head::Architecture => widest(&|place| runs[place].architecture.width()).min(24),
            Head::Protocol => widest(&|place| runs[place].protocol.width()).min(12),
            Head::Differs => match widest(&|place| self.differs[place].width()) {
                // No value tells these runs apart.
                0 => return 0,
                width => width.min(48),
            },
            Head::Seed => widest(&|place| digits(runs[place].seed)),
            Head::Progress => 12,
            Head::Step => widest(&|place| {
                runs[place].fits.get(runs[place].fit).map_or(0, |fit| digits(fit.step) + 1 + digits(fit.steps))
            }),
            Head::Rate => 10,
            Head::Left => 11,
            Head::Score => 7,
            Head::Key => 8,
            Head::Epoch | Head::Attempt | Head::Priority => 0,
        };
        content.max(head.name().len())
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

/// What differs from the baseline, but for architecture and protocol, which have columns of their own. Without a baseline
/// all values that tell rows apart.
fn differs(run: &RunState, baselines: &[(usize, &Row)]) -> String {
    let mut parts: Vec<String> = vec![];
    for row in &run.rows {
        let baseline = row.nearest_baseline(baselines).map(|place| baselines[place].1);
        let part = if baseline == Some(row) { "baseline".to_owned() } else { of_row(row, baseline) };
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join("; ")
}

fn of_row(row: &Row, baseline: Option<&Row>) -> String {
    let differs = |value: &&(String, Value)| {
        value.0 != "protocol" && baseline.is_none_or(|baseline| !baseline.values.contains(value))
    };
    let values = row.values.iter().filter(differs).map(|(key, value)| match value {
        Value::Text(word) => format!("{}={word}", short(key)),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => format!("{}={value}", short(key)),
    });
    let ablation = row.ablation.iter().map(|name| format!("({name})"));
    let tuning = row.tuning.then(|| "(tuning)".to_owned());
    values.chain(ablation).chain(tuning).collect::<Vec<_>>().join(" ")
}

#[derive(Debug)]
enum SortKey {
    Number(f64),
    Word(String),
    Nothing,
}

impl SortKey {
    /// What has nothing comes last either way.
    fn compare(&self, other: &Self, turned: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Word(one), Self::Word(other)) => one.cmp(other),
            (Self::Nothing, Self::Nothing) => return Ordering::Equal,
            (Self::Nothing, _) => return Ordering::Greater,
            (_, Self::Nothing) => return Ordering::Less,
            (Self::Number(_), Self::Word(_)) => Ordering::Less,
            (Self::Word(_), Self::Number(_)) => Ordering::Greater,
        };
        if turned { order.reverse() } else { order }
    }
}

fn key(run: &RunState, head: Head, differs: &str) -> SortKey {
    let number = |number: Option<f64>| number.map_or(SortKey::Nothing, SortKey::Number);
    match head {
        Head::State => SortKey::Number(urgency(run)),
        Head::Architecture | Head::Protocol | Head::Differs | Head::Key => match text(run, head, differs) {
            word if word.is_empty() => SortKey::Nothing,
            word => SortKey::Word(word),
        },
        Head::Seed => SortKey::Number(run.seed as f64),
        Head::Progress => number(Column::Progress.number(run)),
        Head::Epoch => number(Column::Epoch.number(run)),
        Head::Step => number(Column::Step.number(run)),
        Head::Rate => number(Column::Rate.number(run)),
        Head::Left => number(left(run).map(|left| left as f64)),
        Head::Score => number(Column::Score.number(run)),
        Head::Attempt => number(Column::Attempt.number(run)),
        Head::Priority => number(Column::Priority.number(run)),
    }
}

/// What somebody looks at first comes first.
fn urgency(run: &RunState) -> f64 {
    f64::from(match run.status {
        RunStatus::Failed { .. } => 0u8,
        RunStatus::Running { .. } if run.abandoned => 1,
        RunStatus::Running { .. } => 2,
        RunStatus::Paused => 3,
        RunStatus::Queued => 4,
        RunStatus::Finished => 5,
        RunStatus::Pruned => 6,
        RunStatus::Cancelled => 7,
        RunStatus::NotApplicable { .. } => 8,
    })
}
