use mmtl_bench::{AUC_ROWS, BenchError, Model, Work, case, cases, time_auc};
use mmtl_plan::Cost;
use mmtl_reference::ReferenceEngine;

fn model(name: &str) -> Model {
    match case(name).expect("the case exists").work {
        Work::Step { model, .. } | Work::Predict { model, .. } => model,
        Work::Auc { .. } => panic!("{name} has no model"),
    }
}

fn cost(name: &str) -> Cost {
    model(name).plan().expect("the case has a plan").cost()
}

/// By hand: 8 experts 256-256-128, 2 gates of 256 × 8 and mixes of 8 × 128, 2 towers 128-64-32-1.
#[test]
fn large_is_as_large_as_it_claims() {
    let cost = cost("large");
    let experts = 8 * (256 * 256 + 256 + 256 * 128 + 128);
    let towers = 2 * (128 * 64 + 64 + 64 * 32 + 32 + 32 + 1);
    assert_eq!(cost.dense_parameters, experts + 2 * 256 * 8 + towers);
    assert_eq!(cost.table_parameters, 16 * 10_000 * 16);
    let products = 8 * (256 * 256 + 256 * 128) + 2 * 256 * 8 + 2 * 8 * 128 + 2 * (128 * 64 + 64 * 32 + 32);
    assert_eq!(cost.forward_flops_per_row, 2 * products);
    assert_eq!(model("large").rows, 4096);
}

#[test]
fn cases_differ_where_they_should_and_nowhere_else() {
    let (large, wide) = (cost("large"), cost("wide-exact"));
    assert_eq!(large.dense_parameters, wide.dense_parameters);
    assert_eq!(wide.table_parameters, 10 * large.table_parameters);
    assert_eq!(model("wide-exact"), model("wide-sparse"));
    assert_eq!(model("large"), model("evaluation"));
    assert_eq!([512, 1024, 2048].map(|rows| model(&format!("small-{rows}")).rows), [512, 1024, 2048]);
    // A row passes through its own scene's matrices only.
    let flops = ["star-1", "star-5", "star-10"].map(|name| cost(name).forward_flops_per_row);
    assert_eq!(flops, [2 * (224 * 256 + 256 * 128 + 128 * 64 + 64); 3]);
    assert_eq!(case("auc").expect("the case exists").work, Work::Auc { rows: AUC_ROWS });
}

/// By hand: 16 experts 624-512-256, 2 gates of 624 × 16 and mixes of 16 × 256, 2 heads of 256.
#[test]
fn experts_wide_is_little_but_its_experts() {
    let experts = 16 * (624 * 512 + 512 * 256);
    assert_eq!(cost("experts-wide").forward_flops_per_row, 2 * (experts + 2 * 624 * 16 + 2 * 16 * 256 + 2 * 256));
    assert_eq!(model("experts-wide").rows, 65_536);
    assert_eq!(cost("norm-wide").forward_flops_per_row, 2 * (624 * 64 + 64));
    let named: Vec<&str> = cases().iter().filter(|case| case.only_by_name).map(|case| case.name).collect();
    assert_eq!(named, ["experts-wide", "norm-wide"]);
}

#[test]
fn a_case_can_have_other_rows() {
    let rows = |name: &str| match case(name).expect("the case exists").of_rows(7).work {
        Work::Step { model, .. } | Work::Predict { model, .. } => model.rows,
        Work::Auc { rows } => rows,
    };
    assert_eq!(["large", "evaluation", "auc"].map(rows), [7; 3]);
}

#[test]
fn names_are_unique_and_found() {
    for expected in cases() {
        assert_eq!(case(expected.name).expect("a listed case is found"), expected);
    }
    let error = case("lrge").expect_err("there is no such case");
    assert!(matches!(&error, BenchError::Case { nearest: Some(near), .. } if near == "large"), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("`lrge`") && said.contains("wide-exact") && said.ends_with("did you mean `large`?"),
        "{said}"
    );
}

/// The oracle is slow, so it gets the smallest model.
#[test]
fn any_engine_can_be_timed() {
    let measured = case("small-512").expect("the case exists").time(&ReferenceEngine::default(), 0.0);
    let measured = measured.expect("the oracle trains it");
    assert!(measured.seconds.p10 > 0.0 && measured.seconds.p90 >= measured.seconds.p10, "{measured:?}");
    let size = measured.size.expect("a step has a model");
    assert_eq!(size.flops_per_row, 3 * size.forward_flops_per_row);
}

#[test]
fn an_auc_is_timed_and_one_of_a_single_class_refused() {
    let measured = time_auc("auc", 1000, 0.0).expect("it has both classes");
    assert!(measured.rows == 1000 && measured.rows_per_second() > 0.0 && measured.size.is_none(), "{measured:?}");
    assert!(matches!(time_auc("auc", 1, 0.0), Err(BenchError::Undefined)));
}
