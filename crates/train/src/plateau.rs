//! How often validation has stood still. It follows from the evaluations alone, which a checkpoint has: a resumed fit goes on
//! with the rate that it would have had.

use crate::best::stale_after;
use crate::evaluation::Evaluation;

/// Times that `patience` evaluations in a row did not better the run's score, each evaluation counted once: of those after
/// the `warmup` first steps, whose rates were yet to rise.
pub(crate) fn plateaus(history: &[Evaluation], patience: u64, warmup: u64) -> u64 {
    let (mut plateaus, mut stale) = (0, 0);
    for evaluation in history.iter().filter(|evaluation| evaluation.step > warmup) {
        stale = stale_after(stale, &evaluation.choices[0]);
        if stale == patience {
            plateaus += 1;
            stale = 0;
        }
    }
    plateaus
}

#[cfg(test)]
mod tests {
    use mmtl_metrics::{Reason, Score};

    use super::*;
    use crate::evaluation::{Choice, Key};

    /// `+` for a better score, `-` for one that is none, `?` for one that no model could have.
    fn history(of: &str) -> Vec<Evaluation> {
        let evaluation = |(sign, step): (char, u64)| {
            let score = if sign == '?' { Score::Undefined(Reason::SingleClass) } else { Score::Value(0.5) };
            let choices = vec![Choice { key: Key::Run, score, best: sign == '+' }];
            Evaluation { step, epochs: step as f64, losses: vec![], choices, outputs: vec![] }
        };
        of.chars().zip(1..).map(evaluation).collect()
    }

    #[test]
    fn evaluations_in_a_row_without_a_better_score_count_once() {
        for (of, expected) in [
            ("", 0),
            ("+-", 0),
            ("+--", 1),
            ("+---", 1),
            ("+----", 2),
            ("+-+-+-", 0),
            ("--", 1),
            ("+-?-", 1),
            ("+-?", 0),
        ] {
            assert_eq!(plateaus(&history(of), 2, 0), expected, "{of}");
        }
        assert_eq!(plateaus(&history("+-+--"), 1, 0), 3);
        assert_eq!([1, 2, 4, 5].map(|warmup| plateaus(&history("+-+--"), 1, warmup)), [3, 2, 1, 0]);
    }
}
