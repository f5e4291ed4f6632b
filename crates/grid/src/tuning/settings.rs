//! The settings that an architecture tries: all that there are, or as many as its budget, drawn.

use std::collections::HashSet;

use mmtl_plan::{Purpose, Stream, Value, log_between};

use crate::experiment::tune::{Space, Tune, rounded};
use crate::key_name::Key;

/// One value for each knob that an architecture tunes, in the order of the file.
pub(crate) type Values = Vec<(Key, Value)>;

/// After so many draws in a row that were there before, there is nothing new to be found.
const MOST_DRAWS: u64 = 10_000;

/// The knobs that an architecture tunes: the shared ones and its own.
fn knobs_of<'a>(tune: &'a Tune, architecture: &str) -> Vec<&'a (Key, Space)> {
    let is_of = |(key, _): &&(Key, Space)| key.architecture().is_none_or(|owner| owner == architecture);
    tune.knobs.iter().filter(is_of).collect()
}

/// How many settings there are of knobs; `None` where there is no end of them.
fn all_of(knobs: &[&(Key, Space)]) -> Option<u128> {
    knobs.iter().try_fold(1u128, |product, (_, space)| Some(product.saturating_mul(space.len()?)))
}

/// The most settings that an architecture may try.
pub(crate) fn most(tune: &Tune, architecture: &str) -> usize {
    let all =
        all_of(&knobs_of(tune, architecture)).map_or(usize::MAX, |all| usize::try_from(all).unwrap_or(usize::MAX));
    all.min(tune.trials.unwrap_or(usize::MAX))
}

/// The settings of an architecture, at least one, all different: every combination, the last knob running fastest, where
/// the budget has room for all; else as many as it has, drawn.
///
/// A draw is a function of the experiment's name, the first tuning seed, the knob's name and the setting's number. So
/// architectures try the same values of the knobs that they share, and neither has the luckier draws; and one that is
/// added moves no other's.
pub(crate) fn settings(tune: &Tune, experiment: &str, architecture: &str) -> Vec<Values> {
    let knobs = knobs_of(tune, architecture);
    let most = most(tune, architecture);
    if all_of(&knobs).is_some_and(|all| all <= most as u128) {
        return (0..most).map(|number| combination(&knobs, number)).collect();
    }
    let seed = tune.seeds.first().copied().unwrap_or(0);
    let stream = |(key, space): &&'_ (Key, Space)| {
        (*key, space.clone(), Stream::new(seed, Purpose::Order, &format!("tune {experiment} {key}")))
    };
    let streams: Vec<(Key, Space, Stream)> = knobs.iter().map(stream).collect();
    let (mut settings, mut seen): (Vec<Values>, HashSet<String>) = (vec![], HashSet::new());
    for number in 0..most as u64 {
        let draw = |attempt: u64| -> Values {
            streams.iter().map(|(key, space, stream)| (*key, drawn(space, stream.uniform(number, attempt)))).collect()
        };
        match (0..MOST_DRAWS).map(draw).find(|drawn| seen.insert(format!("{drawn:?}"))) {
            Some(new) => settings.push(new),
            None => break,
        }
    }
    settings
}

/// Of knobs whose values all can be counted.
fn combination(knobs: &[&(Key, Space)], mut number: usize) -> Values {
    let mut values: Values = vec![];
    for (key, space) in knobs.iter().rev() {
        let len = space.len().and_then(|len| usize::try_from(len).ok()).unwrap_or(1).max(1);
        let place = number % len;
        number /= len;
        let value = match space {
            Space::Listed(values) => values[place].clone(),
            Space::Whole { min, .. } => Value::Int(min.saturating_add_unsigned(place as u64)),
            Space::Real { min, .. } => Value::Float(*min),
        };
        values.push((*key, value));
    }
    values.reverse();
    values
}

/// The value at `share`, in (0, 1), of a space.
fn drawn(space: &Space, share: f64) -> Value {
    match space {
        Space::Listed(values) => values[((share * values.len() as f64) as usize).min(values.len() - 1)].clone(),
        Space::Whole { min, max, log } => {
            // A whole number owns what lies from it to the next.
            let (low, high) = (*min as f64, *max as f64 + 1.0);
            let point = if *log { log_between(low, high, share) } else { low + share * (high - low) };
            Value::Int((point.floor() as i64).clamp(*min, *max))
        }
        Space::Real { min, max, log } => {
            let point = if *log {
                rounded(log_between(*min, *max, share), 4)
            } else {
                to_place(min + share * (max - min), max - min)
            };
            Value::Float(point.clamp(*min, *max))
        }
    }
}

/// Rounded to a decimal place that leaves a few thousand numbers in a range of this width.
fn to_place(number: f64, width: f64) -> f64 {
    let place = 3.0 - width.log10().floor();
    if place > 0.0 {
        format!("{number:.*}", place.min(17.0) as usize).parse().unwrap_or(number)
    } else {
        number.round()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::key_name::Section;

    fn floats(values: &[f64]) -> Space {
        Space::Listed(values.iter().map(|value| Value::Float(*value)).collect())
    }

    const LR: Key = Key::Knob(Section::Train, "lr");
    const DROPOUT: Key = Key::Knob(Section::Model, "dropout");
    const EXPERTS: Key = Key::Knob(Section::Architecture("mmoe"), "experts");

    fn tune(knobs: Vec<(Key, Space)>, trials: Option<usize>) -> Tune {
        Tune { knobs, trials, seeds: vec![101] }
    }

    fn number(value: &Value) -> f64 {
        match value {
            Value::Int(value) => *value as f64,
            Value::Float(value) => *value,
            other => panic!("{other} is no number"),
        }
    }

    #[test]
    fn lists_without_a_budget_are_tried_whole() {
        let lists = vec![(LR, floats(&[0.1, 0.2])), (EXPERTS, Space::Listed(vec![Value::Int(4), Value::Int(8)]))];
        let tune = tune(lists, None);
        let mmoe = settings(&tune, "e", "mmoe");
        let expected = [(0.1, 4), (0.1, 8), (0.2, 4), (0.2, 8)];
        let expected = expected.map(|(lr, experts)| vec![(LR, Value::Float(lr)), (EXPERTS, Value::Int(experts))]);
        assert_eq!(mmoe, expected);
        // Experts are nothing to another architecture.
        assert_eq!(settings(&tune, "e", "star"), [vec![(LR, Value::Float(0.1))], vec![(LR, Value::Float(0.2))]]);
    }

    #[test]
    fn a_whole_range_that_the_budget_has_room_for_is_tried_whole() {
        let whole = |trials| tune(vec![(EXPERTS, Space::Whole { min: 2, max: 5, log: false })], Some(trials));
        let values =
            |trials| settings(&whole(trials), "e", "mmoe").iter().map(|of| number(&of[0].1)).collect::<Vec<_>>();
        assert_eq!(values(4), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!(values(9), [2.0, 3.0, 4.0, 5.0]);
        let three: BTreeSet<u64> = values(3).iter().map(|value| *value as u64).collect();
        assert_eq!(three.len(), 3, "drawn without a repetition");
    }

    #[test]
    fn draws_fill_their_range_evenly_on_its_scale() {
        for (space, low, high) in [
            (Space::Real { min: 1e-5, max: 1e-1, log: true }, 1e-5, 1e-1),
            (Space::Real { min: 0.0, max: 0.4, log: false }, 0.0, 0.4),
            (Space::Whole { min: 1, max: 1 << 40, log: true }, 1.0, (1u64 << 40) as f64),
        ] {
            let log = matches!(space, Space::Real { log: true, .. } | Space::Whole { log: true, .. });
            let settings = settings(&tune(vec![(EXPERTS, space)], Some(400)), "e", "mmoe");
            let values: Vec<f64> = settings.iter().map(|of| number(&of[0].1)).collect();
            assert!(values.len() == 400 && values.iter().all(|value| (low..=high).contains(value)));
            let middle = if log { (low * high).sqrt() } else { f64::midpoint(low, high) };
            let below = values.iter().filter(|value| **value < middle).count();
            // Five standard deviations of a fair coin.
            assert!((150..=250).contains(&below), "{below} of 400 below {middle}");
        }
    }

    #[test]
    fn shared_knobs_have_the_same_draws_whatever_else_is_tuned() {
        let lr = (LR, Space::Real { min: 1e-5, max: 1e-1, log: true });
        let experts = (EXPERTS, Space::Listed(vec![Value::Int(4), Value::Int(8)]));
        let of = |architecture, name: &str, knobs| settings(&tune(knobs, Some(9)), name, architecture);
        let rates = |settings: Vec<Values>| settings.into_iter().map(|mut of| of.remove(0)).collect::<Vec<_>>();
        let alone = rates(of("star", "e", vec![lr.clone()]));
        assert_eq!(rates(of("mmoe", "e", vec![lr.clone(), experts.clone()])), alone);
        assert_eq!(rates(of("star", "e", vec![lr.clone(), experts])), alone);
        assert_ne!(rates(of("star", "f", vec![lr])), alone, "another experiment draws others");
    }

    #[test]
    fn a_range_that_is_too_narrow_for_its_budget_gives_what_it_has() {
        let narrow = Space::Real { min: 1.0, max: 1.0 + f64::EPSILON, log: true };
        let found = settings(&tune(vec![(LR, narrow)], Some(5)), "e", "star");
        assert!((1..=2).contains(&found.len()), "{found:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Every architecture tries as many settings as every other, up to what its own lists have.
        #[test]
        fn budgets_are_equal(
            rates in 1..6usize, dropouts in 1..4usize, experts in 1..5i64, trials in 1..30usize, drawn in any::<bool>(),
        ) {
            let list = |n: usize| floats(&(1..=n).map(|i| i as f64 / 100.0).collect::<Vec<_>>());
            let rate = if drawn { Space::Real { min: 1e-4, max: 1.0, log: true } } else { list(rates) };
            let own = Space::Listed((1..=experts).map(Value::Int).collect());
            let tune = tune(vec![(LR, rate), (DROPOUT, list(dropouts)), (EXPERTS, own)], Some(trials));
            for architecture in ["star", "mmoe"] {
                let all = if architecture == "mmoe" { rates * dropouts * experts as usize } else { rates * dropouts };
                let expected = if drawn { trials } else { trials.min(all) };
                let settings = settings(&tune, "e", architecture);
                prop_assert_eq!(settings.len(), expected);
                prop_assert_eq!(most(&tune, architecture), expected);
                for (place, one) in settings.iter().enumerate() {
                    prop_assert!(!settings[..place].contains(one));
                    prop_assert_eq!(one.len(), if architecture == "mmoe" { 3 } else { 2 });
                }
            }
        }
    }
}
