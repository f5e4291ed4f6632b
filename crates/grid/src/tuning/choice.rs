//! The choice of a setting: a pure function of what its runs came to.

use std::cmp::Ordering;

use mmtl_metrics::{Better, Metric, Score};
use mmtl_plan::{Kind, Value};

use crate::run::SKILL;
use crate::store::Selected;
use crate::tuning::{Choice, Edge, LeftOut, Outcome, Setting, TuningGroup};

/// What a run of the first round came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ended {
    /// It has a record.
    Scored(Selected),
    /// It has none, for this reason in a word.
    Without(&'static str),
}

/// A setting's scores.
struct Scored {
    setting: usize,
    by: String,
    values: Vec<f64>,
}

impl Scored {
    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// On a scale on which more is better.
    fn merit(&self) -> f64 {
        better(&self.by).merit(self.mean())
    }

    /// A setting with a score on more seeds goes before: a mean over those that survived flatters.
    fn compare(&self, other: &Self) -> Ordering {
        self.values.len().cmp(&other.values.len()).then(self.merit().total_cmp(&other.merit()))
    }
}

/// Chooses the setting of a group whose runs all have ended: the best mean over the tuning seeds, of equals the first.
/// `ended`: of each setting, what each of its runs came to. `kind`: what a knob takes.
pub(crate) fn choose(group: &TuningGroup, ended: &[Vec<Ended>], kind: impl Fn(&str) -> Option<Kind>) -> Outcome {
    let mut left_out = vec![];
    let mut best: Option<Scored> = None;
    for (setting, (of, ended)) in group.settings.iter().zip(ended).enumerate() {
        let mut scored = Scored { setting, by: group.score.clone(), values: vec![] };
        for ((seed, key), ended) in of.runs.iter().zip(ended) {
            let why = match ended {
                Ended::Scored(Selected { by, score: Score::Value(value) }) => {
                    scored.by.clone_from(by);
                    scored.values.push(*value);
                    continue;
                }
                Ended::Scored(Selected { score: Score::Undefined(reason), .. }) => format!("undefined: {reason}"),
                Ended::Without(why) => (*why).to_owned(),
            };
            left_out.push(LeftOut { key: key.clone(), setting, seed: *seed, why });
        }
        let is_better = best.as_ref().is_none_or(|best| scored.compare(best) == Ordering::Greater);
        if !scored.values.is_empty() && is_better {
            best = Some(scored);
        }
    }
    let choice = best.map(|best| Choice {
        setting: best.setting,
        mean: best.mean(),
        seeds: best.values.len(),
        edges: edges(group, best.setting, kind),
        by: best.by,
    });
    Outcome { choice, left_out }
}

fn better(by: &str) -> Better {
    let metric = by.rsplit_once('.').filter(|_| by != SKILL).and_then(|(_, metric)| metric.parse::<Metric>().ok());
    metric.map_or(Better::Higher, Metric::better)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Bool(_) | Value::Text(_) | Value::List(_) => None,
    }
}

/// The numbers that are the lowest or highest of those tried, where the knob would take what lies beyond.
fn edges(group: &TuningGroup, chosen: usize, kind: impl Fn(&str) -> Option<Kind>) -> Vec<Edge> {
    let of = |setting: &Setting, place: usize| setting.values.get(place).and_then(|(_, value)| number(value));
    let mut edges = vec![];
    for (place, (key, value)) in group.settings[chosen].values.iter().enumerate() {
        let Some(value) = number(value) else { continue };
        let tried = || group.settings.iter().filter_map(|setting| of(setting, place));
        let lowest = tried().fold(f64::INFINITY, f64::min);
        let highest = tried().fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = match kind(key) {
            Some(Kind::Int { min, max }) => (min as f64, max as f64),
            Some(Kind::Float { min, max }) => (min, max),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        if lowest < highest && (value <= lowest && value > least || value >= highest && value < most) {
            edges.push(Edge { key: key.clone(), highest: value >= highest });
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use mmtl_metrics::Reason;

    use super::*;
    use crate::trial::Row;

    const FAILED: Ended = Ended::Without("failed");

    fn scored(by: &str, value: f64) -> Ended {
        Ended::Scored(Selected { by: by.into(), score: Score::Value(value) })
    }

    fn skills(values: &[f64]) -> Vec<Ended> {
        values.iter().map(|value| scored("skill", *value)).collect()
    }

    /// A group that tries these rates, each on two seeds.
    fn group(rates: &[f64]) -> TuningGroup {
        let key = |number: usize| format!("{number:016x}").parse().unwrap();
        let setting = |(place, rate): (usize, &f64)| Setting {
            values: vec![("train.lr".into(), Value::Float(*rate)), ("mmoe.gate".into(), Value::Text("softmax".into()))],
            runs: vec![(101, key(2 * place)), (102, key(2 * place + 1))],
        };
        let row = Row { architecture: "mmoe".into(), values: vec![], ablation: None, baseline: false, tuning: false };
        let settings = rates.iter().enumerate().map(setting).collect();
        TuningGroup { row, score: "skill".into(), settings, outcome: None }
    }

    fn lr(key: &str) -> Option<Kind> {
        (key == "train.lr").then_some(Kind::Float { min: 0.0, max: 10.0 })
    }

    fn chosen(rates: &[f64], ended: &[Vec<Ended>]) -> Option<usize> {
        choose(&group(rates), ended, lr).choice.map(|choice| choice.setting)
    }

    #[test]
    fn the_best_mean_is_chosen_and_of_equals_the_first() {
        let rates = [0.1, 0.2, 0.3];
        assert_eq!(chosen(&rates, &[skills(&[0.1, 0.5]), skills(&[0.4, 0.4]), skills(&[0.9, -0.9])]), Some(1));
        assert_eq!(chosen(&rates, &[skills(&[0.1, 0.1]), skills(&[0.25, 0.75]), skills(&[0.5, 0.5])]), Some(1));
        let outcome = choose(&group(&rates), &[skills(&[0.1; 2]), skills(&[0.25, 0.75]), skills(&[0.0; 2])], lr);
        let choice = outcome.choice.unwrap();
        assert_eq!((choice.mean, choice.seeds, choice.by.as_str()), (0.5, 2, "skill"));
        assert!(choice.edges.is_empty() && outcome.left_out.is_empty());
    }

    #[test]
    fn a_lower_error_is_better() {
        let mse = |value| vec![scored("amount.mse", value), scored("amount.mse", value)];
        assert_eq!(chosen(&[0.1, 0.2, 0.3], &[mse(2.0), mse(1.0), mse(3.0)]), Some(1));
        let auc = |value| vec![scored("click.auc", value), scored("click.auc", value)];
        assert_eq!(chosen(&[0.1, 0.2, 0.3], &[auc(0.5), auc(0.6), auc(0.4)]), Some(1));
        // A task's name may have a dot.
        let dotted = |value| vec![scored("a.b.mse", value), scored("a.b.mse", value)];
        assert_eq!(chosen(&[0.1, 0.2], &[dotted(2.0), dotted(1.0)]), Some(1));
    }

    #[test]
    fn settings_without_a_score_on_every_seed_lose_and_are_told() {
        let undefined =
            Ended::Scored(Selected { by: "skill".into(), score: Score::Undefined(Reason::PredictionNotFinite) });
        let survivor = vec![FAILED, scored("skill", 0.9)];
        let broken = vec![scored("skill", 0.8), undefined];
        let outcome = choose(&group(&[0.1, 0.2, 0.3]), &[survivor.clone(), broken.clone(), skills(&[0.1, 0.1])], lr);
        assert_eq!(outcome.choice.unwrap().setting, 2);
        let told: Vec<_> = outcome.left_out.iter().map(|out| (out.setting, out.seed, out.why.as_str())).collect();
        assert_eq!(told[0], (0, 101, "failed"));
        assert!(told[1].0 == 1 && told[1].1 == 102 && told[1].2.starts_with("undefined: "), "{told:?}");
        // Where none has all, those with the most are compared.
        let none = vec![Ended::Without("cancelled"), Ended::Without("pruned")];
        assert_eq!(chosen(&[0.1, 0.2, 0.3], &[none.clone(), broken, survivor]), Some(2));
        let nothing = choose(&group(&[0.1, 0.2]), &[none.clone(), none], lr);
        assert_eq!((nothing.choice, nothing.left_out.len()), (None, 4));
    }

    #[test]
    fn numbers_at_the_end_of_what_was_tried_are_edges_unless_the_knob_ends_there() {
        let edges = |rates: &[f64], best: usize| {
            let mut ended = vec![skills(&[0.0, 0.0]); rates.len()];
            ended[best] = skills(&[1.0, 1.0]);
            let choice = choose(&group(rates), &ended, lr).choice.unwrap();
            choice.edges.iter().map(|edge| (edge.key.clone(), edge.highest)).collect::<Vec<_>>()
        };
        assert_eq!(edges(&[0.1, 0.3, 0.2], 0), [("train.lr".to_owned(), false)]);
        assert_eq!(edges(&[0.1, 0.3, 0.2], 1), [("train.lr".to_owned(), true)]);
        assert_eq!(edges(&[0.1, 0.3, 0.2], 2), []);
        assert_eq!(edges(&[0.0, 0.3, 10.0], 0), [], "a rate below 0 is none");
        assert_eq!(edges(&[0.0, 0.3, 10.0], 2), []);
        assert_eq!(edges(&[0.1, 0.1], 0), [], "nothing else was tried");
    }
}
