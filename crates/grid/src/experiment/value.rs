//! TOML values as values of knobs.

use mmtl_plan::Value;
use toml::de::DeValue;

/// A TOML value as a knob's value.
///
/// # Errors
/// What the value is, for messages, where no knob has values like it: a date, a table, a number that fits no type.
pub(super) fn value(item: &DeValue<'_>) -> Result<Value, String> {
    match item {
        DeValue::String(text) => Ok(Value::Text(text.to_string())),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map(Value::Int)
            .map_err(|_| format!("{digits}, which does not fit 64 bits")),
        DeValue::Float(digits) => {
            digits.as_str().parse().map(Value::Float).map_err(|_| format!("{digits}, which is no number"))
        }
        DeValue::Boolean(flag) => Ok(Value::Bool(*flag)),
        DeValue::Datetime(date) => Err(format!("the date {date}")),
        DeValue::Array(items) => {
            items.iter().map(|item| value(item.get_ref())).collect::<Result<_, _>>().map(Value::List)
        }
        DeValue::Table(_) => Err("a table".to_owned()),
    }
}
