//! Small parts of sentences.

use std::borrow::Cow;

use mmtl_metrics::{Better, Metric};
use thousands::Separable;

/// A number with its noun, as in `1 row` and `10,468 rows`.
pub fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", n.separate_with_commas(), if n == 1 { "" } else { "s" })
}

/// Seeds in ascending order, neighbours joined, as in `1-5, 101`.
pub(crate) fn seeds(ascending: &[u64]) -> String {
    let mut parts: Vec<String> = vec![];
    let mut rest = ascending;
    while let Some(first) = rest.first() {
        let run = 1 + rest.windows(2).take_while(|pair| pair[0].checked_add(1) == Some(pair[1])).count();
        let last = rest[run - 1];
        match run {
            1 => parts.push(first.to_string()),
            2 => parts.extend([first.to_string(), last.to_string()]),
            _ => parts.push(format!("{first}-{last}")),
        }
        rest = &rest[run..];
    }
    parts.join(", ")
}

/// Names as in `a, b and c`; beyond the eighth they are counted.
pub(crate) fn listed(names: &[&str]) -> String {
    const MOST: usize = 8;
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [rest @ .., last] if names.len() <= MOST => format!("{} and {last}", rest.join(", ")),
        _ => format!("{} and {} more", names[..MOST].join(", "), names.len() - MOST),
    }
}

/// A metric's name as papers write it.
pub fn metric_name(metric: Metric) -> Cow<'static, str> {
    Cow::Borrowed(match metric {
        Metric::Auc => "AUC",
        Metric::Gauc => "GAUC",
        Metric::PrAuc => "PR-AUC",
        Metric::LogLoss => "log loss",
        Metric::Ne => "normalised entropy",
        Metric::Mse => "MSE",
        Metric::Rmse => "RMSE",
        Metric::Mae => "MAE",
        Metric::R2 => "R²",
        Metric::Spearman => "Spearman correlation",
        Metric::Accuracy => "accuracy",
        Metric::Precision => "precision",
        Metric::Recall => "recall",
        Metric::F1 => "F1",
        Metric::MacroF1 => "macro F1",
        Metric::Ece => "expected calibration error",
        Metric::Ratio => "predicted / observed",
        Metric::Ndcg(cutoff) => return Cow::Owned(format!("NDCG@{}", cutoff.rows())),
        Metric::HitRate(cutoff) => return Cow::Owned(format!("hit rate@{}", cutoff.rows())),
        Metric::Mrr => "MRR",
    })
}

/// Which way a metric points, as in `higher is better`.
pub fn direction(metric: Metric) -> &'static str {
    match metric.better() {
        Better::Higher => "higher is better",
        Better::Lower => "lower is better",
        Better::NearOne => "closer to 1 is better",
    }
}

/// One line of a text from elsewhere: names come from data and reasons from failures, and neither may move a terminal's
/// cursor or end a line of a table.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_agrees_with_its_noun() {
        assert_eq!([0, 1, 10_468].map(|n| count(n, "row")), ["0 rows", "1 row", "10,468 rows"]);
    }

    #[test]
    fn neighbouring_seeds_are_joined() {
        assert_eq!(seeds(&[]), "");
        assert_eq!(seeds(&[7]), "7");
        assert_eq!(seeds(&[1, 2]), "1, 2");
        assert_eq!(seeds(&[1, 2, 3, 5, 8, 9, 10, 11]), "1-3, 5, 8-11");
        assert_eq!(seeds(&[u64::MAX - 1, u64::MAX]), format!("{}, {}", u64::MAX - 1, u64::MAX));
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(listed(&["a"; 8]), "a, a, a, a, a, a, a and a");
        assert_eq!(listed(&["a"; 10]), "a, a, a, a, a, a, a, a and 2 more");
    }

    #[test]
    fn text_from_elsewhere_stays_on_its_line() {
        assert_eq!(one_line("a\n  b\tc"), "a b c");
        assert_eq!(one_line("\u{1b}[31mred"), "\u{fffd}[31mred");
    }
}
