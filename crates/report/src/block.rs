//! As many columns of a table as fit on a line of a terminal.

use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, LineStyle, Table as Lines, TableStyle, Width};
use unicode_width::UnicodeWidthStr;

use crate::layout::{Emphasis, Layout, Shape, label, lined_up};
use crate::report::Report;
use crate::text::Terminal;
use crate::words::one_line;

/// Spaces between columns.
const GAP: usize = 2;
/// A label wider than this, and than a third of the line, is wrapped.
const LABEL: usize = 16;
/// A column's name wider than this, and than the numbers below it, is wrapped.
const NAME: usize = 24;

const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// Some columns of a table, with the candidates before them.
pub(crate) struct Block<'a> {
    grid: &'a Grid,
    columns: Vec<usize>,
}

/// All texts of a table.
pub(crate) struct Grid {
    labels: Column,
    columns: Vec<Column>,
}

/// The texts of a column, numbers lined up.
struct Column {
    head: String,
    texts: Vec<(String, Emphasis)>,
    width: usize,
}

impl Grid {
    /// The texts of a table, for lines of `limit` columns.
    pub(crate) fn new(report: &Report, layout: &Layout, limit: Option<u16>) -> Self {
        let widest = limit.map_or(usize::MAX, |limit| LABEL.max(usize::from(limit) / 3));
        let labels = report.candidates.iter().map(|candidate| (one_line(&label(candidate)), Emphasis::Plain)).collect();
        let columns = layout.heads.iter().enumerate().map(|(place, [name, below])| {
            let head = format!("{}\n{below}", one_line(name));
            let shapes: Vec<&Shape> = layout.rows.iter().map(|row| &row[place]).collect();
            Column::new(head, lined_up(&shapes), |body, head| body.max(head.min(NAME)))
        });
        Self { labels: Column::new("\n".into(), labels, |body, _| body.min(widest)), columns: columns.collect() }
    }

    /// Splits the columns into blocks that fit into `limit` columns of a terminal, or hold but one column besides the
    /// first. Each block has the first column.
    pub(crate) fn blocks(&self, limit: Option<u16>) -> Vec<Block<'_>> {
        let limit = limit.map_or(usize::MAX, usize::from);
        let mut blocks: Vec<Vec<usize>> = vec![];
        let mut used = 0;
        for (place, column) in self.columns.iter().enumerate() {
            match blocks.last_mut() {
                Some(block) if block.len() < 2 || used + GAP + column.width <= limit => {
                    block.push(place);
                    used += GAP + column.width;
                }
                Some(_) => {
                    blocks.push(vec![0, place]);
                    used = self.labels.width + 2 * GAP + self.columns[0].width + column.width;
                }
                None => {
                    blocks.push(vec![place]);
                    used = self.labels.width + GAP + column.width;
                }
            }
        }
        blocks.into_iter().map(|columns| Block { grid: self, columns }).collect()
    }
}

impl Block<'_> {
    /// Its lines, each ended.
    pub(crate) fn lines(&self, terminal: Terminal) -> String {
        let mut lines = Lines::new();
        lines.load_style(STYLE).force_no_tty().style_text_only();
        if terminal.styled {
            lines.enforce_styling();
        }
        let columns: Vec<&Column> = [&self.grid.labels]
            .into_iter()
            .chain(self.columns.iter().map(|place| &self.grid.columns[*place]))
            .collect();
        lines.set_header(columns.iter().map(|column| Cell::new(&column.head)).collect::<Vec<_>>());
        for row in 0..self.grid.labels.texts.len() {
            let cells = columns.iter().map(|column| styled(&column.texts[row]));
            lines.add_row(cells.collect::<Vec<_>>());
        }
        for (place, column) in columns.iter().enumerate() {
            let Some(line) = lines.column_mut(place) else { continue };
            let (gap, side) = if place == 0 { (0, CellAlignment::Left) } else { (GAP as u16, CellAlignment::Right) };
            let width = u16::try_from(column.width).unwrap_or(u16::MAX - gap) + gap;
            line.set_padding((gap, 0)).set_cell_alignment(side);
            line.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
        lines.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}

impl Column {
    fn new(head: String, texts: Vec<(String, Emphasis)>, width: impl Fn(usize, usize) -> usize) -> Self {
        let body = texts.iter().map(|(text, _)| text.width()).max().unwrap_or(0);
        let width = width(body, head.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)).max(1);
        Self { head, texts, width }
    }
}

fn styled((text, emphasis): &(String, Emphasis)) -> Cell {
    let cell = Cell::new(text);
    match emphasis {
        Emphasis::Plain => cell,
        Emphasis::Marked => cell.add_attribute(Attribute::Bold),
        Emphasis::Dim => cell.add_attribute(Attribute::Dim),
    }
}
