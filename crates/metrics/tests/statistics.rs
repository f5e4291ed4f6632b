//! Summaries and intervals at the edges; their values are held by the golden vectors.

use mmtl_metrics::{Interval, Reason, Score, SeedScores, Summary, paired_interval, student_interval};

#[test]
fn a_summary_needs_a_value_and_a_spread_needs_two() {
    assert_eq!(Summary::of(&[]), None);
    assert_eq!(Summary::of(&[0.5]), Some(Summary { n: 1, mean: 0.5, sd: None }));
    assert_eq!(Summary::of(&[1.0, 3.0]), Some(Summary { n: 2, mean: 2.0, sd: Some(2.0_f64.sqrt()) }));
    assert_eq!(Summary::of(&[0.1; 10]), Some(Summary { n: 10, mean: 0.1, sd: Some(0.0) }));
    assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
    assert_eq!(Summary::of(&[f64::MAX, f64::MAX]), None);
}

#[test]
fn a_spread_is_exact_far_from_zero() {
    // Σx² − n·x̄² gives 0 or worse here.
    let sd = Summary::of(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]).unwrap().sd;
    assert_eq!(sd, Some(1.0));
}

#[test]
fn undefined_scores_over_seeds() {
    let (data, model) = (Score::Undefined(Reason::SingleClass), Score::Undefined(Reason::Overflow));
    let value = Score::Value(0.5);
    assert_eq!(Summary::of_scores([value, data]), Ok(Summary { n: 1, mean: 0.5, sd: None }));
    assert_eq!(Summary::of_scores([value, data, model]), Err(Reason::Overflow));
    assert_eq!(Summary::of_scores([data, data]), Err(Reason::Empty));
    assert_eq!(Summary::of_scores([]), Err(Reason::Empty));
}

#[test]
fn an_interval_needs_two_values() {
    assert_eq!(student_interval(&[]), None);
    assert_eq!(student_interval(&[1.0]), None);
    assert_eq!(student_interval(&[1.0, f64::INFINITY]), None);
    assert!(student_interval(&[1.0, 2.0]).is_some());
}

#[test]
fn without_spread_only_an_exact_tie_contains_zero() {
    let tie = student_interval(&[0.0; 5]).unwrap();
    assert_eq!(tie, Interval { n: 5, mean: 0.0, low: 0.0, high: 0.0 });
    assert!(tie.contains(0.0));
    assert!(!student_interval(&[1e-9; 5]).unwrap().contains(0.0));
}

#[test]
fn pairs_are_made_by_seed() {
    let a: SeedScores = [(3, 0.5), (1, 0.75), (9, 0.0)].map(|(seed, x)| (seed, Score::Value(x))).into();
    let mut b: SeedScores = [(1, 0.5), (3, 0.25), (4, 9.0)].map(|(seed, x)| (seed, Score::Value(x))).into();
    let interval = paired_interval(&a, &b).unwrap();
    assert_eq!((interval.n, interval.mean, interval.low), (2, 0.25, 0.25));
    b.insert(3, Score::Undefined(Reason::Empty));
    assert_eq!(paired_interval(&a, &b), None);
}
