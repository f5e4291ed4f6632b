use mmtl_bench::slope;

#[test]
fn power_laws_are_found() {
    let law = |s: f64| [1.0, 2.0, 5.0, 10.0].map(|x: f64| (x, 3.0 * x.powf(s)));
    for s in [0.0, 0.5, 1.0, 2.0] {
        let found = slope(&law(s)).expect("four points have a slope");
        assert!((found - s).abs() < 1e-12, "{found} for {s}");
    }
}

#[test]
fn without_two_places_or_with_nothing_to_take_a_logarithm_of_there_is_none() {
    assert_eq!(slope(&[]), None);
    assert_eq!(slope(&[(1.0, 2.0)]), None);
    assert_eq!(slope(&[(2.0, 2.0), (2.0, 3.0)]), None);
    assert_eq!(slope(&[(1.0, 2.0), (2.0, 0.0)]), None);
}
