use mmtl_bench::Spread;

/// As `numpy.quantile` gives them.
#[test]
fn quartiles_lie_between_measurements() {
    let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]);
    assert_eq!((spread.q1, spread.median, spread.q3, spread.rounds), (1.75, 2.5, 3.25, 4));
    let one = Spread::of(&[7.0]);
    assert_eq!((one.q1, one.median, one.q3), (7.0, 7.0, 7.0));
}

#[test]
fn a_rate_has_its_quartiles_the_other_way_round() {
    let rate = Spread::of(&[1.0, 2.0, 4.0]).map(|seconds| 12.0 / seconds);
    assert_eq!((rate.q1, rate.median, rate.q3), (4.0, 6.0, 8.0));
}
