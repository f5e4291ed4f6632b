//! A table of a report as ranked rows of words: all that is derived from scores, none of what is drawn.

use mmtl_grid::TrialKey;
use mmtl_metrics::Metric;
use mmtl_report::{
    ALL_ROWS, Absence, Cell, Emphasis, Layout, Metrics, Outcome, Report, Scores, Selection, Shape, Shown, Split, Table,
    label, lined_up, notes, one_line, title,
};
use unicode_width::UnicodeWidthStr;

use crate::theme::Role;

/// What of the scores is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Number of the table among those of all tasks and spaces; it wraps.
    pub page: usize,
    /// By what, if not by what the task is compared by.
    pub metric: Option<Metric>,
    /// On which rows.
    pub split: Split,
    /// Differences to the baseline instead of scores.
    pub relative: bool,
}

/// A table in the order of its ranks.
#[derive(Debug)]
pub struct Ranked {
    /// The report with this table alone, rows in the grid's order.
    pub report: Report,
    /// Task, space and metric in words.
    pub title: String,
    /// Whose scores these are, and how far the grid has come.
    pub headline: String,
    /// The table's number, and how many there are.
    pub page: (usize, usize),
    /// The metrics of the task.
    pub metrics: Vec<Metric>,
    /// The metric that is shown.
    pub metric: Metric,
    /// Its columns; the first one is what rows are ranked by.
    pub columns: Vec<Column>,
    /// Its rows, the best first.
    pub rows: Vec<Row>,
    /// What stands below it.
    pub notes: Vec<String>,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name, and what stands below that.
    pub head: [String; 2],
    /// A text for each row, numbers lined up.
    pub texts: Vec<(String, Role)>,
    /// How wide it is.
    pub width: usize,
}

/// A row.
#[derive(Debug)]
pub struct Row {
    /// Its place, if it has a mean; candidates with the same mean share one.
    pub rank: Option<usize>,
    /// The candidate.
    pub label: String,
    /// Its first run.
    pub run: Option<TrialKey>,
}

/// A column's name wider than this, and than the numbers below it, is cut.
const NAME: usize = 24;

impl Ranked {
    /// The wanted table; `None` while nothing has been scored on those rows, `Err` for scores that contradict themselves.
    pub fn new(scores: &Scores, wanted: &Wanted) -> Result<Option<Self>, String> {
        let selection = |task, metrics| Selection { task, metrics, split: wanted.split, slice: ALL_ROWS.to_owned() };
        let pages = Report::contents(scores, &selection(None, Metrics::Compared)).map_err(|error| error.to_string())?;
        let page = wanted.page % pages.len().max(1);
        let Some((task, space)) = pages.get(page) else { return Ok(None) };
        // Of a task that rows have as several kinds, each of which has tables.
        let kind = pages[..page].iter().filter(|before| **before == pages[page]).count();
        let metrics = wanted.metric.map_or(Metrics::Compared, Metrics::Only);
        let selection = selection(Some(task.clone()), metrics);
        let mut report = Report::new(scores, &selection).map_err(|error| error.to_string())?;
        report.tables.retain(|table| table.space == *space);
        // A metric may be defined for one of its kinds alone.
        let table = report.tables.drain(..).take(kind + 1).next_back();
        report.tables.extend(table);
        let Some(table) = report.tables.first() else { return Ok(None) };
        let layout = wanted.relative.then(|| Layout::of_differences(&report, table)).flatten();
        let layout = layout.unwrap_or_else(|| Layout::new(&report, table));
        let order = order(table);
        Ok(Some(Self {
            title: title(&report, table),
            headline: report.headline(),
            page: (page, pages.len()),
            metrics: metrics_of(scores, task, kind),
            metric: table.metric,
            columns: (0..layout.columns.len()).map(|place| column(table, &layout, place, &order)).collect(),
            rows: rows(&report, table, &order),
            notes: [notes::of_table(table, &layout), notes::of_report(&report, "*")].concat(),
            report,
        }))
    }

    /// How wide the widest label is.
    pub fn label_width(&self) -> usize {
        self.rows.iter().map(|row| row.label.width()).max().unwrap_or(0)
    }
}

fn metrics_of(scores: &Scores, task: &str, kind: usize) -> Vec<Metric> {
    let mut tasks = (0..scores.tasks.len()).filter(|other| scores.tasks[*other].name == task);
    let task = tasks.nth(kind);
    task.map_or_else(Vec::new, |task| scores.metrics_of(task))
}

/// Candidates by the mean of the first column, the best first; those without one after them, in the grid's order.
fn order(table: &Table) -> Vec<usize> {
    let mut order: Vec<usize> = (0..table.cells.len()).collect();
    let key = |candidate: &usize| key(table, *candidate);
    order.sort_by(|a, b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
    order
}

/// Whether there is no mean, and the mean with the sign that puts the best first.
fn key(table: &Table, candidate: usize) -> (bool, f64) {
    let first = table.shown().first().copied();
    let merit = first.and_then(|place| table.cells[candidate][place].merit(table.metric.better()));
    merit.map_or((true, 0.0), |merit| (false, -merit))
}

fn rows(report: &Report, table: &Table, order: &[usize]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(order.len());
    let mut before = None;
    for (number, candidate) in order.iter().enumerate() {
        let (missing, mean) = key(table, *candidate);
        let same = before == Some(mean) && !missing;
        let rank = if same { rows.last().and_then(|row| row.rank) } else { Some(number + 1) };
        before = Some(mean).filter(|_| !missing);
        let candidate = &report.candidates[*candidate];
        let run = candidate.planned().first().and_then(|run| run.key.parse().ok());
        rows.push(Row { rank: rank.filter(|_| !missing), label: one_line(&label(candidate)), run });
    }
    rows
}

fn column(table: &Table, layout: &Layout, place: usize, order: &[usize]) -> Column {
    let shapes: Vec<&Shape> = order.iter().map(|candidate| &layout.rows[*candidate][place]).collect();
    let roles = order.iter().zip(&shapes).map(|(candidate, shape)| match layout.columns[place] {
        Shown::Scores(column) => of_score(&table.cells[*candidate][column], shape.emphasis),
        Shown::Differences(column) => of_difference(&table.cells[*candidate][column], table.metric),
    });
    let texts: Vec<(String, Role)> = lined_up(&shapes).into_iter().map(|(text, _)| text).zip(roles).collect();
    let head = layout.heads[place].clone();
    let body = texts.iter().map(|(text, _)| text.width()).max().unwrap_or(0);
    let heads = head.iter().map(|text| text.width()).max().unwrap_or(0);
    Column { width: body.max(heads.min(NAME)).max(1), head, texts }
}

fn of_score(cell: &Cell, emphasis: Emphasis) -> Role {
    match &cell.outcome {
        Outcome::Mean(_) => match emphasis {
            Emphasis::Plain => Role::Text,
            Emphasis::Marked => Role::Strong,
            Emphasis::Dim => Role::Dim,
        },
        Outcome::Undefined(_) => Role::Undefined,
        Outcome::Absent(Absence::Failed) => Role::Failed,
        Outcome::Absent(
            Absence::NotApplicable | Absence::Unfinished | Absence::Pruned | Absence::Cancelled | Absence::NotScored,
        ) => Role::Dim,
    }
}

/// Only a difference whose interval lies on one side of zero has a colour.
fn of_difference(cell: &Cell, metric: Metric) -> Role {
    match cell.difference {
        Some(interval) if !interval.contains(0.0) => {
            if (interval.mean > 0.0) == metric.better().is_higher() {
                Role::Better
            } else {
                Role::Worse
            }
        }
        Some(_) => Role::Text,
        None => Role::Dim,
    }
}
