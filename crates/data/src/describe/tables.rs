//! A description as text.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};
use thousands::Separable;
use unicode_width::UnicodeWidthStr;

use crate::base::TaskBase;
use crate::describe::{Description, FieldDescription, Histogram, TaskDescription};
use crate::part::Part;

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = Part::ALL
            .iter()
            .zip(self.rows)
            .map(|(part, rows)| format!("{} {}", rows.separate_with_commas(), part.name()));
        let total = self.rows.iter().sum::<u64>().separate_with_commas();
        writeln!(f, "{}: {total} rows ({})", self.name, parts.collect::<Vec<_>>().join(", "))?;
        writeln!(f, "fingerprint {}\n", self.fingerprint)?;
        writeln!(f, "Tasks\n{}\n", self.task_table())?;
        writeln!(f, "Labels by scene, all parts: rate of positives or classes, or mean ± deviation")?;
        writeln!(f, "{}\n", self.scene_table())?;
        self.draw_rates(f)?;
        writeln!(f, "Fields: shares of train / valid / test\n{}", self.field_table())?;
        if !self.correlations.is_empty() {
            writeln!(f, "\nPearson correlation of labels\n{}", self.correlation_table())?;
        }
        if !self.slices.is_empty() {
            writeln!(f, "\nSlices\n{}", self.slice_table())?;
        }
        Ok(())
    }
}

impl Description {
    fn task_table(&self) -> Table {
        let mut table = table(&["task", "kind", "space", "known rows", "labels", "distribution"], &[3]);
        for task in &self.tasks {
            let kind = match task.product_of.as_slice() {
                [] => task.kind.to_owned(),
                factors => format!("{}: {}", task.kind, factors.join(" and ")),
            };
            table.add_row([
                &task.name,
                &kind,
                &task.space,
                &task.all.rows.separate_with_commas(),
                &told(task, &task.all),
                &task.histogram.as_ref().map_or_else(dash, drawn),
            ]);
        }
        table
    }

    fn scene_table(&self) -> Table {
        let mut header = vec!["scene", "train", "valid", "test", "share"];
        header.extend(self.tasks.iter().map(|task| task.name.as_str()));
        let mut table = table(&header, &(1..header.len()).collect::<Vec<_>>());
        for scene in &self.scenes {
            let mut row = vec![scene.name.clone()];
            row.extend(scene.rows.map(|number| number.separate_with_commas()));
            row.push(percent(scene.share));
            row.extend(self.tasks.iter().zip(&scene.tasks).map(|(task, base)| told(task, base)));
            table.add_row(row);
        }
        table
    }

    /// Positives of binary tasks by scene, as bars: a longer one is a higher rate.
    fn draw_rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = self.tasks.iter().enumerate().filter(|(_, task)| task.kind == "binary");
        for (t, task) in binary.filter(|_| self.scenes.len() > 1) {
            let rate = |base: &TaskBase| base.rates.get(1).copied().unwrap_or(0.0);
            let most = self.scenes.iter().map(|scene| rate(&scene.tasks[t])).fold(0.0, f64::max);
            let wide = self.scenes.iter().map(|scene| scene.name.width()).max().unwrap_or(0);
            writeln!(f, "Rate of {} by scene", task.name)?;
            for scene in &self.scenes {
                let base = &scene.tasks[t];
                let length = if most > 0.0 { (rate(base) / most * BAR as f64).round() as usize } else { 0 };
                let told = if base.rows == 0 { dash() } else { percent(rate(base)) };
                let gap = wide - scene.name.width();
                writeln!(f, "  {}{:gap$} {told:>7} {}", scene.name, "", "█".repeat(length))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    /// Numeric fields in a row that differ in nothing but their name share a line.
    fn field_table(&self) -> Table {
        let mut table =
            table(&["field", "kind", "values", "tokens a row", "missing", "unseen", "distribution"], &[2, 3, 4, 5]);
        let alike = |a: &FieldDescription, b: &FieldDescription| {
            a.values.is_none() && b.values.is_none() && a.missing == b.missing
        };
        for run in self.fields.chunk_by(alike) {
            let (first, last) = (&run[0], &run[run.len() - 1]);
            let name = match run.len() {
                1 => first.name.clone(),
                n => format!("{} … {} ({n})", first.name, last.name),
            };
            table.add_row([
                name,
                first.kind.to_owned(),
                first.values.map_or_else(dash, |values| values.separate_with_commas()),
                first.tokens.map_or_else(dash, |tokens| format!("{tokens:.1}")),
                shares(first.missing),
                first.unseen.map_or_else(dash, shares),
                first.histogram.as_ref().filter(|_| run.len() == 1).map_or_else(dash, drawn),
            ]);
        }
        table
    }

    fn correlation_table(&self) -> Table {
        let mut table = table(&["tasks", "rows", "Pearson"], &[1, 2]);
        for pair in &self.correlations {
            let pearson = pair.pearson.map_or_else(dash, |r| format!("{r:.4}"));
            table.add_row([pair.tasks.join(" × "), pair.rows.separate_with_commas(), pearson]);
        }
        table
    }

    fn slice_table(&self) -> Table {
        let mut table = table(&["slice", "train", "valid", "test", "share"], &[1, 2, 3, 4]);
        for slice in &self.slices {
            let [train, valid, test] = slice.rows.map(|number| number.separate_with_commas());
            table.add_row([slice.name.clone(), train, valid, test, percent(slice.share)]);
        }
        table
    }
}

/// Characters of the longest bar.
const BAR: usize = 40;

/// `18 ▁▃█▅▂ 62`
fn drawn(histogram: &Histogram) -> String {
    format!("{:.3} {} {:.3}", histogram.from, histogram.drawn(), histogram.to)
}

fn table(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn dash() -> String {
    "—".to_owned()
}

fn told(task: &TaskDescription, base: &TaskBase) -> String {
    match (base.rows, base.rates.as_slice()) {
        (0, _) => dash(),
        (_, []) => format!("{:.3} ± {:.3}", base.mean, base.deviation),
        (_, [_, positive]) if task.kind == "binary" => percent(*positive),
        (_, rates) => rates.iter().map(|rate| format!("{:.1}", 100.0 * rate)).collect::<Vec<_>>().join(" / ") + " %",
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// One number where all parts have none.
fn shares(shares: [f64; 3]) -> String {
    if shares == [0.0; 3] {
        return "0 %".to_owned();
    }
    shares.map(|share| format!("{:.1}", 100.0 * share)).join(" / ") + " %"
}

#[cfg(test)]
mod tests {
    use crate::describe::SceneDescription;

    use super::*;

    #[test]
    fn bars_begin_below_each_other_however_wide_names_are() {
        let scene = |name: &str, positives: f64| {
            let base = TaskBase { rows: 10, mean: 0.0, deviation: 0.0, rates: vec![1.0 - positives, positives] };
            SceneDescription { name: name.into(), rows: [10, 0, 0], share: 0.5, tasks: vec![base] }
        };
        let all = TaskBase { rows: 20, mean: 0.0, deviation: 0.0, rates: vec![0.6, 0.4] };
        let click = TaskDescription {
            name: "click".into(),
            kind: "binary",
            space: "all".into(),
            product_of: vec![],
            all,
            histogram: None,
        };
        let described = Description {
            name: "toy".into(),
            fingerprint: "0".into(),
            rows: [20, 0, 0],
            fields: vec![],
            scenes: vec![scene("日本", 0.4), scene("search", 0.2)],
            tasks: vec![click],
            correlations: vec![],
            slices: vec![],
        };
        let text = described.to_string();
        let drawn: Vec<&str> =
            text.lines().skip_while(|line| !line.starts_with("Rate of click")).skip(1).take(2).collect();
        let expected =
            [format!("  日本    40.0 % {}", "█".repeat(BAR)), format!("  search  20.0 % {}", "█".repeat(BAR / 2))];
        assert_eq!(drawn, expected);
    }
}
