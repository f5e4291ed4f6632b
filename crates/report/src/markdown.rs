//! Tables in Markdown, as GitHub renders it.

use crate::layout::{Emphasis, Layout, Shape, label, title};
use crate::notes;
use crate::report::Report;
use crate::words::one_line;

/// Writes a report in Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut parts = vec![format!("# {}\n", escaped(&report.headline()))];
    for table in &report.tables {
        let layout = Layout::new(report, table);
        parts.push(format!("\n## {}\n\n", escaped(&title(report, table))));
        let heads = layout.heads.iter().map(|[name, below]| match below.as_str() {
            "" => escaped(name),
            below => format!("{}<br>{below}", escaped(name)),
        });
        parts.push(line(["candidate".to_owned()].into_iter().chain(heads)));
        parts.push(line(["---".to_owned()].into_iter().chain(layout.heads.iter().map(|_| "---:".to_owned()))));
        for (candidate, shapes) in report.candidates.iter().zip(&layout.rows) {
            parts.push(line([escaped(&label(candidate))].into_iter().chain(shapes.iter().map(cell))));
        }
        parts.extend(notes::of_table(table, &layout).iter().map(|note| paragraph(note)));
    }
    parts.extend(notes::of_report(report, "Bold").iter().map(|note| paragraph(note)));
    parts.concat()
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {} |\n", cells.join(" | "))
}

fn cell(shape: &Shape) -> String {
    let body = &shape.body;
    let body = match shape.emphasis {
        Emphasis::Plain => body.clone(),
        Emphasis::Marked => format!("**{body}**"),
        Emphasis::Dim => format!("({body})"),
    };
    body + &shape.remarks()
}

fn paragraph(note: &str) -> String {
    format!("\n{}\n", escaped(note))
}

/// Text that Markdown shows as it is. Brackets stay: nothing that a report writes defines a link.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if matches!(c, '\\' | '|' | '*' | '`' | '<' | '_') {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_what_they_are() {
        assert_eq!(escaped("a|b *c* `d` <e> \\ f_g"), "a\\|b \\*c\\* \\`d\\` \\<e> \\\\ f\\_g");
        assert_eq!(escaped("two\nlines"), "two lines");
    }
}
