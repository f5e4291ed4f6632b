//! Which candidates are marked.

use mmtl_metrics::{Better, Reason, Score, SeedScores, marks};

fn seeds(values: &[f64]) -> SeedScores {
    (1..).zip(values.iter().map(|value| Score::Value(*value))).collect()
}

#[test]
fn the_best_and_what_cannot_be_told_from_it() {
    let best = seeds(&[0.80, 0.82, 0.81, 0.83]);
    let close = seeds(&[0.81, 0.80, 0.82, 0.82]); // differences .01, −.02, .01, −.01
    let worse = seeds(&[0.79, 0.811, 0.80, 0.819]); // differences near −.01
    let candidates = [worse, close, best];
    assert_eq!(marks(&candidates, Better::Higher), [false, true, true]);
    // Where lower is better, the worse one wins, and the close one's interval of .0075 ± .021 contains 0.
    assert_eq!(marks(&candidates, Better::Lower), [true, true, false]);
}

#[test]
fn pairing_tells_apart_what_the_spread_hides() {
    // Means .5 and .495 with standard deviations of .3, but one is ahead by nearly .005 with every seed.
    let ahead = seeds(&[0.1, 0.3, 0.7, 0.9]);
    let behind = seeds(&[0.0951, 0.2949, 0.6951, 0.8949]);
    assert_eq!(marks(&[behind.clone(), ahead.clone()], Better::Higher), [false, true]);
    // The same scores under other seeds: no longer paired, no longer apart.
    let reseeded: SeedScores = (1..).zip(behind.into_values().rev()).collect();
    assert_eq!(marks(&[reseeded, ahead], Better::Higher), [true, true]);
}

#[test]
fn near_one_is_near_from_either_side() {
    // 1 on average, and never close.
    let swings = seeds(&[0.5, 1.5, 0.5, 1.5]);
    let low = seeds(&[0.9, 0.88, 0.91, 0.9]);
    let high = seeds(&[1.1, 1.11, 1.1, 1.09]);
    let candidates = [swings, low, high];
    assert_eq!(marks(&candidates, Better::NearOne), [false, true, true]);
    assert_eq!(marks(&candidates[..1], Better::NearOne), [true]);
}

#[test]
fn fewer_than_three_seeds_mark_nothing() {
    assert_eq!(marks(&[seeds(&[0.9, 0.8]), seeds(&[0.1, 0.2])], Better::Higher), [false, false]);
    assert_eq!(marks(&[seeds(&[0.9, 0.8, 0.7]), seeds(&[0.1, 0.2, 0.1])], Better::Higher), [true, false]);
    // The best mean rests on two seeds: there is no best to mark, nor one to compare with.
    assert_eq!(marks(&[seeds(&[0.9, 0.8]), seeds(&[0.1, 0.2, 0.1])], Better::Higher), [false, false]);
    // Two seeds in common with the best are too few.
    let mut other: SeedScores = [(1, 0.9), (2, 0.8), (7, 0.1)].map(|(seed, x)| (seed, Score::Value(x))).into();
    let best = seeds(&[0.9, 0.8, 0.7]);
    assert_eq!(marks(&[best.clone(), other.clone()], Better::Higher), [true, false]);
    other.insert(3, Score::Value(0.7));
    assert_eq!(marks(&[best, other], Better::Higher), [true, true]);
    assert!(marks(&[], Better::Higher).is_empty());
}

#[test]
fn an_exact_tie_is_marked_and_a_constant_lag_is_not() {
    let best = [0.5, 0.75, 0.25];
    let lag = best.map(|x| x - 0.125);
    assert_eq!(marks(&[seeds(&best), seeds(&best), seeds(&lag)], Better::Higher), [true, true, false]);
}

#[test]
fn a_candidate_without_a_mean_is_never_marked() {
    // Level with the sound one on three seeds.
    let mut diverged = seeds(&[0.5, 0.6, 0.7, 0.9]);
    diverged.insert(4, Score::Undefined(Reason::PredictionNotFinite));
    let unscored: SeedScores = (1..5).map(|seed| (seed, Score::Undefined(Reason::SingleClass))).collect();
    let sound = seeds(&[0.5, 0.6, 0.7, 0.6]);
    assert_eq!(
        marks(&[diverged.clone(), sound, unscored.clone(), SeedScores::new()], Better::Higher),
        [false, true, false, false]
    );
    assert_eq!(marks(&[diverged, unscored], Better::Higher), [false, false]);
}

#[test]
fn a_seed_without_a_score_leaves_the_comparison() {
    let mut patchy = seeds(&[0.5, 0.6, 0.7, 0.6]);
    patchy.insert(2, Score::Undefined(Reason::SingleClass));
    let other = seeds(&[0.4, 0.5, 0.6, 0.5]);
    assert_eq!(marks(&[patchy, other], Better::Higher), [true, false]);
}
