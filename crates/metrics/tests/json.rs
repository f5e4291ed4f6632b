//! The JSON of scores: what files hold, read back to the same bits.

use mmtl_metrics::{Mean, Metric, Overall, Reason, Score, Scored};
use proptest::prelude::*;

const REASONS: [(Reason, &str); 19] = [
    (Reason::Empty, "empty"),
    (Reason::SingleClass, "single_class"),
    (Reason::ZeroWeight, "zero_weight"),
    (Reason::InvalidWeight, "invalid_weight"),
    (Reason::LabelNotFinite, "label_not_finite"),
    (Reason::InvalidLabel, "invalid_label"),
    (Reason::ConstantTarget, "constant_target"),
    (Reason::PredictionNotFinite, "prediction_not_finite"),
    (Reason::NotProbability, "not_probability"),
    (Reason::Overflow, "overflow"),
    (Reason::NoPositive, "no_positive"),
    (Reason::NothingObserved, "nothing_observed"),
    (Reason::NegativeGain, "negative_gain"),
    (Reason::NoGroups, "no_groups"),
    (Reason::NoValidationRows, "no_validation_rows"),
    (Reason::NoPositiveValidationRow, "no_positive_validation_row"),
    (Reason::SingleClassGroups, "single_class_groups"),
    (Reason::ConstantPrediction, "constant_prediction"),
    (Reason::NothingPredicted, "nothing_predicted"),
];

#[test]
fn a_value_is_a_number_and_a_reason_is_named() {
    let text = |score: Score| serde_json::to_string(&score).unwrap();
    assert_eq!(text(Score::Value(0.75)), "0.75");
    for (reason, name) in REASONS {
        let json = format!(r#"{{"undefined":"{name}"}}"#);
        assert_eq!(text(Score::Undefined(reason)), json);
        assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), Score::Undefined(reason));
    }
}

#[test]
fn what_a_record_holds() {
    let scored = Scored { positives: Some(1), negatives: Some(2), ..Scored::over(Score::Value(0.5), 3) };
    let json = r#"{"score":0.5,"rows":3,"weight":3.0,"positives":1,"negatives":2}"#;
    assert_eq!(serde_json::to_string(&scored).unwrap(), json);
    assert_eq!(serde_json::from_str::<Scored>(json).unwrap(), scored);
    let scored = Scored { covered: Some(0.75), threshold: Some(0.5), ..Scored::over(Score::Value(0.5), 3) };
    let more =
        r#"{"score":0.5,"rows":3,"weight":3.0,"positives":null,"negatives":null,"covered":0.75,"threshold":0.5}"#;
    assert_eq!(serde_json::to_string(&scored).unwrap(), more);
    assert_eq!(serde_json::from_str::<Scored>(more).unwrap(), scored);

    let mean = Mean { score: Score::Undefined(Reason::Empty), used: 0, undefined: 2, dim: 1 };
    let json = r#"{"score":{"undefined":"empty"},"used":0,"undefined":2,"dim":1}"#;
    assert_eq!(serde_json::to_string(&mean).unwrap(), json);
    assert_eq!(serde_json::from_str::<Mean>(json).unwrap(), mean);

    assert_eq!(serde_json::to_string(&(Metric::LogLoss, Overall::Macro)).unwrap(), r#"["logloss","macro"]"#);
    assert!(serde_json::from_str::<Metric>(r#""acu""#).unwrap_err().to_string().contains("did you mean `auc`?"));
}

#[test]
fn mistakes_are_named() {
    let error = |json: &str| serde_json::from_str::<Score>(json).unwrap_err().to_string();
    assert!(error("null").contains(r#"expected a finite number or {"undefined": reason}"#), "{}", error("null"));
    assert!(error(r#"{"undefined":"who_knows"}"#).contains("unknown variant `who_knows`"));
    assert!(error(r#"{"value":1.0}"#).contains("unknown field `value`, expected `undefined`"));
    assert!(error(r#"{"undefined":"empty","more":1}"#).contains("unknown field `more`"));
    assert!(error("{}").contains("missing field `undefined`"));
    assert_eq!(serde_json::from_str::<Score>("2").unwrap(), Score::Value(2.0));
    assert_eq!(serde_json::from_str::<Score>("-2").unwrap(), Score::Value(-2.0));
    for value in [f64::NAN, f64::INFINITY] {
        assert!(serde_json::to_string(&Score::Value(value)).unwrap_err().to_string().contains("is not finite"));
    }
}

proptest! {
    #[test]
    fn values_come_back_to_the_bit(value in prop_oneof![any::<f64>(), 0.0..1.0]) {
        prop_assume!(value.is_finite());
        let text = serde_json::to_string(&Score::Value(value)).unwrap();
        let Score::Value(back) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        prop_assert_eq!(back.to_bits(), value.to_bits());
    }
}
