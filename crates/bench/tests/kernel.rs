use mmtl_bench::{
    Beside, Composed, DevicePeaks, Kernel, LaunchCount, Launched, Machine, MatrixPeak, Measured, Report, Spread, Step,
    UnderRoof, json, text,
};

fn exactly(median: f64) -> Spread {
    Spread { p10: median, median, p90: median, rounds: 1 }
}

/// 1,000 GFLOP/s of multiply-adds, 8,000 of matrix units, 100 GB/s, 5 µs a launch.
fn peaks(precision: &str) -> DevicePeaks {
    DevicePeaks {
        precision: precision.to_owned(),
        copy: exactly(100.0),
        multiply_add: exactly(1000.0),
        matrix: vec![MatrixPeak { precision: "bf16".to_owned(), gflops: exactly(8000.0) }],
        launch: exactly(5e-6),
    }
}

fn launched<'a>(kernel: &'a str, rounds: &'a [f64], flops: u64, bytes: u64) -> Launched<'a> {
    Launched { kernel, number: None, rounds, flops, bytes, sessions: 3, uncached: true }
}

#[test]
fn a_kernel_is_held_to_the_slower_of_its_products_and_its_bytes() {
    let rounds: Vec<f64> = (0..=10).map(|round| 0.01 * f64::from(round)).collect();
    // 10 GFLOP take 10 ms at the peak, 1 GB as long.
    let kernel =
        |flops, bytes, precision| Kernel::new("case", &launched("k", &rounds, flops, bytes), &peaks(precision));
    let products = kernel(20_000_000_000, 1_000_000_000, "f32");
    let Spread { p10, median, p90, .. } = products.seconds;
    assert_eq!([p10, median, p90].map(|seconds| (seconds * 1e3).round()), [10.0, 50.0, 90.0]);
    assert!(
        (products.under_roof.share - 0.4).abs() < 1e-9 && (products.under_roof.gflops - 400.0).abs() < 1e-6,
        "{products:?}"
    );
    assert_eq!(products.under_roof.intensity, Some(20.0));
    let bytes = kernel(1_000_000_000, 3_000_000_000, "f32");
    assert!(
        (bytes.under_roof.share - 0.6).abs() < 1e-9 && (bytes.under_roof.gigabytes - 60.0).abs() < 1e-9,
        "{bytes:?}"
    );
    // Matrix units of that precision have no share in it: 2.5 ms of 50, less than the bytes' 10.
    assert!((kernel(20_000_000_000, 1_000_000_000, "bf16").under_roof.share - 0.2).abs() < 1e-9);
    assert_eq!(kernel(0, 1_000_000_000, "f32").under_roof.intensity, None);
}

#[test]
fn products_are_held_to_the_precision_in_use() {
    assert_eq!(["f32", "tf32", "bf16"].map(|precision| peaks(precision).in_use()), [1000.0, 1000.0, 8000.0]);
}

fn report() -> Report {
    let machine = Machine { cpu: None, cores: 2, threads: 2, numerics: "wgpu f32 some".into() };
    let case =
        |seconds| Measured { case: "step".into(), rows: 1000, seconds: exactly(seconds), size: None, memory: None };
    let peaks = peaks("f32");
    let numbered = |number, kernel| Launched { number: Some(number), sessions: 1, uncached: false, ..kernel };
    let kernels = vec![
        // At the roof's corner, 10 operations a byte.
        Kernel::new("step", &numbered(1, launched("linear", &[0.01], 10_000_000_000, 1_000_000_000)), &peaks),
        Kernel::new("step", &numbered(2, launched("linear", &[0.01], 10_000_000_000, 1_000_000_000)), &peaks),
        Kernel::new("step", &launched("embed", &[0.02], 0, 1_000_000_000), &peaks),
    ];
    let counts = [("embed", 1), ("linear", 2)];
    let launches = counts.map(|(kernel, launches)| LaunchCount { kernel: kernel.to_owned(), launches }).to_vec();
    let composed = Some(Composed { seconds: exactly(0.075), launches: 17 });
    let under_roof = UnderRoof::of(5_000_000_000, 2_000_000_000, 0.05, &peaks);
    let steps =
        vec![Step { case: "step".into(), launches, bytes: 2_000_000_000, under_roof, kernels: Some(0.04), composed }];
    let beside = Some(Beside { numerics: "cpu f32".into(), cases: vec![case(0.5)] });
    Report { device: Some(peaks), cases: vec![case(0.05)], kernels, steps, beside, ..Report::of(machine) }
}

#[test]
fn a_step_stands_beside_its_kernels_its_launches_and_another_engine() {
    let text = text(&report());
    let words = |part: &str| {
        let line = text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(words("launch of nothing")[3..5], ["5.0", "µs"]);
    let steps: Vec<&str> = text.lines().filter(|line| line.starts_with(" step ")).collect();
    let of_step: Vec<&str> = steps.iter().find(|line| line.contains('×')).expect(&text).split_whitespace().collect();
    assert_eq!(
        of_step,
        ["step", "50.00", "40.0", "40", "%", "75.00", "40.00", "3", "17", "0.015", "500.00", "10.0", "×"],
        "{text}"
    );
    assert!(text.contains("\nstep, 3 launches: 2 × linear; 1 × embed\n"), "{text}");
    let first: Vec<String> = words(" A  linear");
    assert_eq!(first[1..3], ["linear", "(1)"], "{text}");
    assert!(first.ends_with(&["1", "cached", "100", "%", &"█".repeat(20)].map(str::to_owned)), "{text}");
    let embed: Vec<String> = words(" C  embed");
    assert!(embed.ends_with(&["3", "50", "%", &"█".repeat(10)].map(str::to_owned)), "{text}");
}

#[test]
fn kernels_lie_where_they_should_under_the_roof() {
    let text = text(&report());
    let drawn: Vec<&str> = text.lines().skip_while(|line| *line != "GFLOP/s").collect();
    let roof = drawn.iter().find(|line| line.contains('─') && line.contains("1,000")).expect(&text);
    // Two kernels at the corner, side by side.
    assert!(roof.contains("AB─"), "{text}");
    // 50 GB/s at a tenth of an operation a byte are 5 GFLOP/s, below the roof's 10 at the left edge.
    let column = |line: &str, letter: char| line.chars().position(|c| c == letter);
    let embed = drawn.iter().position(|line| column(line, 'C') == Some(13)).expect(&text);
    let slope = drawn.iter().position(|line| column(line, '╱') == Some(13)).expect(&text);
    assert!(slope < embed, "{text}");
    assert!(text.contains("╱ 100 GB/s, ─ 1,000 GFLOP/s"), "{text}");
}

#[test]
fn json_has_kernels_steps_and_the_other_engine() {
    let json = serde_json::to_value(json(&report())).expect("a report is JSON");
    assert_eq!(
        (json["kernels"][1]["number"].as_u64(), json["kernels"][1]["uncached"].as_bool()),
        (Some(2), Some(false))
    );
    assert!(json["kernels"][2]["number"].is_null() && json["kernels"][2]["intensity"].is_null(), "{json}");
    assert_eq!(json["steps"][0]["launches"][1]["launches"].as_u64(), Some(2));
    assert_eq!(json["steps"][0]["share"].as_f64().map(|share| (share * 100.0).round()), Some(40.0), "{json}");
    assert_eq!(json["steps"][0]["composed"]["launches"].as_u64(), Some(17));
    assert_eq!(json["beside"]["cases"][0]["seconds"]["median"].as_f64(), Some(0.5));
    assert_eq!(json["device"]["matrix"][0]["precision"], "bf16");
    assert_eq!(json["device"]["launch"]["median"].as_f64(), Some(5e-6));
}
