use mmtl_bench::{Axis, GemmPeak, Growth, Machine, Measured, Peaks, Point, Report, SHAPES, Size, Spread, json, text};

fn spread(median: f64) -> Spread {
    Spread { p10: median * 0.5, median, p90: median * 2.0, rounds: 3 }
}

fn report() -> Report {
    let machine = Machine { cpu: Some("some".into()), cores: 2, threads: 2, numerics: "cpu f32 wide".into() };
    let gemm = [(1, 60.0), (1, 90.0), (2, 100.0), (2, 50.0)];
    let peak = |(threads, rate)| GemmPeak { shape: SHAPES[0], threads, gflops: spread(rate) };
    let size = Size {
        dense_parameters: 1000,
        table_parameters: 500,
        forward_flops_per_row: 2_000_000,
        flops_per_row: 6_000_000,
    };
    let cases = vec![
        Measured { case: "step".into(), rows: 1000, seconds: spread(0.1), size: Some(size), memory: Some(3 << 20) },
        Measured { case: "auc".into(), rows: 1000, seconds: spread(0.0005), size: None, memory: None },
    ];
    let points = [1, 10].map(|count| Point { count, seconds: spread(count as f64), flops: count * 1_000_000 });
    let growth = Growth { axis: Axis::Scenes, points: points.to_vec(), slope: Some(1.0), flops_slope: None };
    let peaks = Peaks { gemm: gemm.map(peak).to_vec(), fma: vec![] };
    Report { peaks, cases, growth: vec![growth], ..Report::of(machine) }
}

#[test]
fn rates_follow_from_medians() {
    let report = report();
    let step = &report.cases[0];
    assert!((step.rows_per_second() - 10_000.0).abs() < 1e-6);
    assert!((step.gflops().expect("it has a model") - 60.0).abs() < 1e-9);
    // Of the best shape on as many threads.
    assert!((report.share(step).expect("the peak is known") - 0.6).abs() < 1e-12);
    assert_eq!(report.share(&report.cases[1]), None);
}

#[test]
fn the_better_peak_counts_and_an_unmeasured_one_is_none() {
    let peaks = report().peaks;
    let mut later = peaks.clone();
    later.gemm[0].gflops = spread(95.0);
    later.gemm[2].gflops = spread(80.0);
    let both = peaks.better(&later);
    assert_eq!((both.gemm(1), both.gemm(2), both.gemm(3)), (Some(95.0), Some(100.0), None));
}

#[test]
fn text_has_every_number() {
    let text = text(&report());
    for part in [
        "some, 2 cores; 2 threads; cpu f32 wide",
        "matrix product 4096 × 2048 × 256",
        "100.00", // ms
        "50.00 to 200.00",
        "10,000",
        "60.0",
        "60 %",
        "1,500",
        "6,000,000",
        "3 MiB",
        "0.500",
        "time grows as scenes^1.00, FLOPs as scenes^—",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn json_has_what_a_driver_reads() {
    let json = serde_json::to_value(json(&report())).expect("a report is JSON");
    assert_eq!((json["version"].as_u64(), json["gemm_peak"].as_f64()), (Some(3), Some(100.0)));
    let (step, auc) = (&json["cases"][0], &json["cases"][1]);
    assert_eq!(step["case"], "step");
    assert_eq!(step["seconds"]["median"].as_f64(), Some(0.1));
    assert_eq!(step["size"]["forward_flops_per_row"].as_u64(), Some(2_000_000));
    assert!((step["share"].as_f64().expect("it has a model") - 0.6).abs() < 1e-12);
    assert!(auc["gflops"].is_null() && auc["size"].is_null());
    assert_eq!(json["growth"][0]["axis"], "scenes");
}
