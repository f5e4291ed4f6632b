//! What a table shows wherever people read it, before it is lined up or marked up.

use mmtl_metrics::{Blame, Interval, Overall, Reason, Summary};
use mmtl_plan::Space;
use thousands::Separable;
use unicode_width::UnicodeWidthStr;

use crate::cell::{Cell, Outcome};
use crate::column::Column;
use crate::digits::Digits;
use crate::report::Report;
use crate::scores::Candidate;
use crate::table::{Head, Table};
use crate::words::{count, direction, metric_name};

/// The cells of a table as words, and the footnotes that they point to.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// What each column is about.
    pub columns: Vec<Shown>,
    /// Name of each column, and what stands below it.
    pub heads: Vec<[String; 2]>,
    /// `[candidates, columns]`
    pub rows: Vec<Vec<Shape>>,
    /// Why cells have no value, in the order in which a reader meets them.
    pub footnotes: Vec<String>,
}

/// What a column of a layout is about, by the place of a column in [`Table::heads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Its scores.
    Scores(usize),
    /// Their differences to the baseline.
    Differences(usize),
}

/// A cell as words.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The number with its spread, or the word that stands for it.
    pub body: String,
    /// The number of seeds, where it is not the one that the row's label tells.
    pub n: Option<u64>,
    /// Number of the footnote, from 1.
    pub footnote: Option<usize>,
    /// How it stands out.
    pub emphasis: Emphasis,
}

/// How a cell stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
    /// Not at all.
    Plain,
    /// The best, or not to be told from it.
    Marked,
    /// Too few rows of a class.
    Dim,
}

/// What stands below the name of a column of differences.
const VS_BASELINE: &str = "vs baseline";

impl Layout {
    /// Of the differences of every column to the baseline; `None` where no cell of the table has one.
    #[must_use]
    pub fn of_differences(report: &Report, table: &Table) -> Option<Self> {
        let shown = table.shown();
        let any = |place: &usize| table.cells.iter().any(|row| row[*place].difference.is_some());
        if !shown.iter().any(any) {
            return None;
        }
        let digits = digits(table, &shown);
        let row = |(index, cells): (usize, &Vec<Cell>)| {
            shown.iter().map(|place| Shape::plain(difference(report, index, &cells[*place], digits))).collect()
        };
        Some(Self {
            columns: shown.iter().map(|place| Shown::Differences(*place)).collect(),
            heads: shown.iter().map(|place| [table.heads[*place].name.clone(), VS_BASELINE.to_owned()]).collect(),
            rows: table.cells.iter().enumerate().map(row).collect(),
            footnotes: vec![],
        })
    }

    /// Of the scores of every column, and of the first one's differences to the baseline. `table` is one of the report's.
    #[must_use]
    pub fn new(report: &Report, table: &Table) -> Self {
        let shown = table.shown();
        let digits = digits(table, &shown);
        let compared = table.has_differences();
        let rows = table.cells.iter().map(|_| vec![]).collect();
        let mut layout = Self { columns: vec![], heads: vec![], rows, footnotes: vec![] };
        for (position, place) in shown.iter().enumerate() {
            let head = &table.heads[*place];
            layout.columns.push(Shown::Scores(*place));
            layout.heads.push([head.name.clone(), rows_of(head)]);
            if position == 0 && compared {
                layout.columns.push(Shown::Differences(*place));
                layout.heads.push([head.name.clone(), VS_BASELINE.to_owned()]);
            }
        }
        // Row by row, so that footnotes are numbered as they are read.
        for (index, cells) in table.cells.iter().enumerate() {
            let usual = report.candidates[index].finished() as u64;
            for (position, place) in shown.iter().enumerate() {
                let cell = &cells[*place];
                let footnote = footnote(cell, table.heads[*place].column).map(|text| layout.number(text));
                layout.rows[index].push(Shape {
                    body: body(cell, digits),
                    n: cell.summary().map(|summary| summary.n).filter(|n| *n != usual),
                    footnote,
                    emphasis: emphasis(cell),
                });
                if position == 0 && compared {
                    layout.rows[index].push(Shape::plain(difference(report, index, cell, digits)));
                }
            }
        }
        layout
    }

    /// The number of a footnote, new or known.
    fn number(&mut self, text: String) -> usize {
        let known = self.footnotes.iter().position(|other| *other == text);
        known.unwrap_or_else(|| {
            self.footnotes.push(text);
            self.footnotes.len() - 1
        }) + 1
    }
}

impl Shape {
    fn plain(body: String) -> Self {
        Self { body, n: None, footnote: None, emphasis: Emphasis::Plain }
    }

    /// The number of seeds and the footnote, each with a space before it.
    #[must_use]
    pub fn remarks(&self) -> String {
        let n = self.n.map_or_else(String::new, |n| format!(" (n={n})"));
        let footnote = self.footnote.map_or_else(String::new, |number| format!(" [{number}]"));
        n + &footnote
    }
}

/// The title of a table: task, space, slice and metric.
#[must_use]
pub fn title(report: &Report, table: &Table) -> String {
    let space = match &table.space {
        Space::All => "all",
        Space::Given(task) => task,
    };
    let slice = report.slice_words();
    format!("{} | {space}{slice}: {}, {}", table.task, metric_name(table.metric), direction(table.metric))
}

/// The label of a row, with how many of its runs have finished if not all have.
#[must_use]
pub fn label(candidate: &Candidate) -> String {
    let (finished, planned) = (candidate.finished(), candidate.planned().len());
    if finished == planned {
        candidate.label.clone()
    } else {
        format!("{} ({finished} of {})", candidate.label, count(planned as u64, "seed"))
    }
}

/// A mean and its spread.
pub(crate) fn mean_and_spread(summary: Summary, digits: Digits) -> String {
    let mean = digits.number(summary.mean);
    summary.sd.map_or_else(|| mean.clone(), |sd| format!("{mean} ± {}", digits.number(sd)))
}

/// The digits of a table, by the cells that are shown.
pub(crate) fn digits(table: &Table, shown: &[usize]) -> Digits {
    let cells = table.cells.iter().flat_map(|row| shown.iter().map(|place| &row[*place]));
    Digits::of(table.metric, &cells.filter_map(Cell::summary).collect::<Vec<_>>())
}

/// The texts of a column's cells, with the same width after each number, so that numbers stand below each other when
/// all is moved to the right.
#[must_use]
pub fn lined_up(shapes: &[&Shape]) -> Vec<(String, Emphasis)> {
    let parts = shapes.iter().map(|shape| {
        let (before, after) = match shape.emphasis {
            Emphasis::Plain => ("", ""),
            Emphasis::Marked => ("", "*"),
            Emphasis::Dim => ("(", ")"),
        };
        (format!("{before}{}", shape.body), format!("{after}{}", shape.remarks()), shape.emphasis)
    });
    let parts: Vec<(String, String, Emphasis)> = parts.collect();
    let widest = parts.iter().map(|(_, after, _)| after.width()).max().unwrap_or(0);
    let padded = |after: &str| " ".repeat(widest - after.width());
    parts.iter().map(|(text, after, emphasis)| (format!("{text}{after}{}", padded(after)), *emphasis)).collect()
}

fn rows_of(head: &Head) -> String {
    match head.rows {
        None => String::new(),
        Some((fewest, most)) if fewest == most => count(most, "row"),
        Some((fewest, most)) => format!("{}-{}", fewest.separate_with_commas(), count(most, "row")),
    }
}

fn body(cell: &Cell, digits: Digits) -> String {
    match cell.outcome {
        Outcome::Mean(summary) => mean_and_spread(summary, digits),
        Outcome::Undefined(_) => "—".to_owned(),
        Outcome::Absent(absence) => absence.word().to_owned(),
    }
}

fn emphasis(cell: &Cell) -> Emphasis {
    match (cell.outcome, cell.dim, cell.marked) {
        (Outcome::Mean(_), true, _) => Emphasis::Dim,
        (Outcome::Mean(_), false, true) => Emphasis::Marked,
        (Outcome::Mean(_), false, false) | (Outcome::Undefined(_) | Outcome::Absent(_), _, _) => Emphasis::Plain,
    }
}

fn difference(report: &Report, candidate: usize, cell: &Cell, digits: Digits) -> String {
    match cell.difference {
        Some(Interval { mean, low, high, .. }) => {
            let [mean, low, high] = [mean, low, high].map(|value| digits.difference(value));
            format!("{mean} [{low}, {high}]")
        }
        None if report.is_baseline(candidate) => "baseline".to_owned(),
        None => String::new(),
    }
}

/// Why seeds of a cell have no value, and what follows from that.
fn footnote(cell: &Cell, column: Column) -> Option<String> {
    let (reason, seeds) = cell.fault()?;
    let overall = matches!(column, Column::Overall(Overall::Rows | Overall::Macro));
    // Nobody can see the scenes that have left a mean; "no rows" would be wrong.
    let why =
        if overall && reason == Reason::Empty { "no scene is left in the mean".to_owned() } else { reason.to_string() };
    let some = if seeds < cell.scored.len() {
        format!(" with {seeds} of {}", count(cell.scored.len() as u64, "seed"))
    } else {
        String::new()
    };
    let consequence = match reason.blame() {
        Blame::Data => "the data's doing: left out of means",
        Blame::Model => "the model's doing: leaves a mean undefined",
    };
    Some(format!("{why}{some} ({consequence})"))
}
