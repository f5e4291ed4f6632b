use mmtl_bench::Spread;

/// As `numpy.quantile` gives them.
#[test]
fn percentiles_lie_between_measurements() {
    let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]);
    assert_eq!([spread.p10, spread.median, spread.p90].map(|value| (value * 10.0).round()), [13.0, 25.0, 37.0]);
    assert_eq!(spread.rounds, 4);
    let one = Spread::of(&[7.0]);
    assert_eq!((one.p10, one.median, one.p90), (7.0, 7.0, 7.0));
}

#[test]
fn a_rate_has_its_percentiles_the_other_way_round() {
    let rate = Spread::of(&(0..=10).map(f64::from).collect::<Vec<_>>()).map(|seconds| 18.0 / seconds);
    assert_eq!((rate.p10, rate.median, rate.p90), (2.0, 3.6, 18.0));
}
