//! Tables and screens as files.

use jiff::Timestamp;
use mmtl_report::{ALL_ROWS, Metrics, Report, Selection, csv, latex, markdown};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::effect::ExportFormat;
use crate::screen::draw;
use crate::state::{State, Tables};
use crate::svg::svg;
use crate::ui::Ui;

/// A file's name and text: the tables of all tasks on the rows, and by the metric, that the Table view shows, or a
/// picture of the screen on `area`, drawn anew, since the last one has the menu on it that asked for the picture. Names begin with the experiment's and end with the time, so that no file is written over.
///
/// # Errors
/// A sentence, while there are no tables.
pub fn export(state: &State, ui: &mut Ui, area: Rect, format: ExportFormat) -> Result<(String, String), String> {
    let (what, text, ending) = match format {
        ExportFormat::Svg => (ui.tab().name().to_lowercase(), picture(state, ui, area), "svg"),
        ExportFormat::Markdown => table(state, ui, markdown, "md")?,
        ExportFormat::Csv => table(state, ui, csv, "csv")?,
        ExportFormat::Latex => table(state, ui, latex, "tex")?,
    };
    Ok((name(state, &what, ending), text))
}

fn picture(state: &State, ui: &mut Ui, area: Rect) -> String {
    let mut screen = Buffer::empty(area);
    draw(&mut screen, state, ui);
    svg(&screen, &ui.theme)
}

fn table<'a>(
    state: &State,
    ui: &Ui,
    write: fn(&Report) -> String,
    ending: &'a str,
) -> Result<(String, String, &'a str), String> {
    let scores = match state.tables() {
        Tables::Read(scores) => scores,
        Tables::Unread => return Err("the records are not read yet; the Table view (5) reads them".to_owned()),
        Tables::Unreadable(reason) => return Err(format!("the records cannot be read: {reason}")),
    };
    let (split, metric) = (ui.table().split(state), ui.table().metric());
    let metrics = metric.map_or(Metrics::Compared, Metrics::Only);
    let selection = Selection { task: None, metrics, split, slice: ALL_ROWS.to_owned() };
    let report = Report::new(scores, &selection).map_err(|error| error.to_string())?;
    if report.tables.is_empty() {
        return Err(format!("no run has {} scores yet", split.name()));
    }
    Ok((split.name().to_owned(), write(&report), ending))
}

/// As in `departments-test-20261122-001503.md`.
fn name(state: &State, what: &str, ending: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let experiment: String = state.grid().experiment.chars().map(plain).collect();
    let experiment = if experiment.is_empty() { "mmtl" } else { &experiment };
    let at = i64::try_from(state.now()).ok().and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
    format!("{experiment}-{what}-{}.{ending}", at.strftime("%Y%m%d-%H%M%S"))
}
