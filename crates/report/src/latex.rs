//! Tables in LaTeX, as papers print them: rules of booktabs, no vertical lines.

use crate::layout::{Emphasis, Layout, Shape, label, title};
use crate::notes;
use crate::report::Report;
use crate::table::Table;
use crate::words::one_line;

/// Writes a report in LaTeX: a `table` for each table, to be `\input` where `\usepackage{booktabs}` holds. What is bold
/// and what the notes say is the same as in Markdown.
#[must_use]
pub fn latex(report: &Report) -> String {
    let mut parts = vec![format!("% {}\n% Needs \\usepackage{{booktabs}}.\n", one_line(&report.headline()))];
    let common: Vec<String> = notes::of_report(report, "Bold").iter().map(|note| escaped(note)).collect();
    for (number, table) in (1..).zip(&report.tables) {
        parts.push(format!("\n\\begin{{table}}\n\\centering\n\\caption{{{}}}\n", escaped(&title(report, table))));
        parts.push(format!("\\label{{tab:scores-{number}}}\n"));
        let layout = Layout::new(report, table);
        parts.push(tabular(report, &layout));
        // Below every table, since floats drift apart.
        parts.push(below(table, &layout, &common));
        parts.push("\\end{table}\n".to_owned());
    }
    if report.tables.is_empty() {
        parts.push(paragraphs(&common));
    }
    parts.concat()
}

fn tabular(report: &Report, layout: &Layout) -> String {
    let mut parts = vec![format!("\\begin{{tabular}}{{l{}}}\n\\toprule\n", "r".repeat(layout.heads.len()))];
    for (first, part) in [("candidate", 0), ("", 1)] {
        let heads = layout.heads.iter().map(|head| escaped(&head[part]));
        parts.push(line([first.to_owned()].into_iter().chain(heads)));
    }
    parts.push("\\midrule\n".to_owned());
    for (candidate, shapes) in report.candidates.iter().zip(&layout.rows) {
        parts.push(line([escaped(&label(candidate))].into_iter().chain(shapes.iter().map(cell))));
    }
    parts.push("\\bottomrule\n\\end{tabular}\n".to_owned());
    parts.concat()
}

fn below(table: &Table, layout: &Layout, common: &[String]) -> String {
    let own: Vec<String> = notes::of_table(table, layout).iter().map(|note| escaped(note)).collect();
    paragraphs(&[&own, common].concat())
}

fn paragraphs(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    format!("\n\\smallskip\n{{\\footnotesize\\raggedright\n{}\\par}}\n", notes.join("\\\\\n"))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("{} \\\\\n", cells.join(" & "))
}

fn cell(shape: &Shape) -> String {
    let body = number(&shape.body);
    let body = match shape.emphasis {
        Emphasis::Plain => body,
        Emphasis::Marked => format!("\\textbf{{{body}}}"),
        Emphasis::Dim => format!("({body})"),
    };
    body + &number(&shape.remarks())
}

/// A number, a difference with its interval, the word for none, or a remark: a hyphen before a digit is a minus.
fn number(body: &str) -> String {
    let mut written = String::new();
    let mut rest = body.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '-' if rest.peek().is_some_and(char::is_ascii_digit) => written.push_str("$-$"),
            c => written.push_str(&of_char(c)),
        }
    }
    written
}

/// Text that LaTeX prints as it is, in any of its font encodings.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut before = ' ';
    for c in one_line(text).chars() {
        // Two hyphens would become a dash.
        if (before, c) == ('-', '-') {
            written.push_str("{}");
        }
        written.push_str(&of_char(c));
        before = c;
    }
    written
}

fn of_char(c: char) -> String {
    match c {
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{c}"),
        '\\' => "\\textbackslash{}".to_owned(),
        '~' => "\\textasciitilde{}".to_owned(),
        '^' => "\\textasciicircum{}".to_owned(),
        '`' => "\\textasciigrave{}".to_owned(),
        '"' => "''".to_owned(),
        // Other letters in the fonts that LaTeX begins with.
        '<' | '>' | '|' => format!("${c}$"),
        // After the end of a line both would be arguments of it.
        '[' | ']' | '*' => format!("{{{c}}}"),
        '±' => "$\\pm$".to_owned(),
        '×' => "$\\times$".to_owned(),
        '·' => "$\\cdot$".to_owned(),
        '−' => "$-$".to_owned(),
        '–' => "--".to_owned(),
        '—' => "---".to_owned(),
        '…' => "\\ldots{}".to_owned(),
        '\u{fffd}' => "?".to_owned(),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_character_is_escaped() {
        assert_eq!(escaped("50 % of a_b & #1 {x} $"), "50 \\% of a\\_b \\& \\#1 \\{x\\} \\$");
        assert_eq!(escaped("\\~^`"), "\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\textasciigrave{}");
        assert_eq!(escaped("a|b <c> \"d\""), "a$|$b $<$c$>$ ''d''");
        assert_eq!(escaped("[1] *x*"), "{[}1{]} {*}x{*}");
        assert_eq!(escaped("--lr---x ± … –"), "-{}-lr-{}-{}-x $\\pm$ \\ldots{} --");
        assert_eq!(escaped("日本\n語 é"), "日本 語 é");
    }

    #[test]
    fn minus_is_no_hyphen() {
        assert_eq!(number("-0.0012 [-0.0030, +0.0006]"), "$-$0.0012 {[}$-$0.0030, +0.0006{]}");
        assert_eq!(number("1.2e-5 ± 3.0e-7"), "1.2e$-$5 $\\pm$ 3.0e$-$7");
        assert_eq!(number("—"), "---");
    }
}
