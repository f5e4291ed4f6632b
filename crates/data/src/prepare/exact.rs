//! Floating-point numbers that come back from JSON bit for bit: a text stands for those that JSON has no number for.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What holds floating-point numbers. Written by `#[serde(with = "exact")]`.
pub(crate) trait Exact: Sized {
    /// What is written in its place.
    type Written: Serialize + DeserializeOwned;

    fn written(&self) -> Self::Written;

    fn read(written: Self::Written) -> Self;
}

pub(crate) fn serialize<T: Exact, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.written().serialize(to)
}

pub(crate) fn deserialize<'de, T: Exact, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::Written::deserialize(from).map(T::read)
}

/// One number.
#[derive(Clone, Copy)]
pub(crate) struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { to.serialize_f64(self.0) } else { to.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or `inf`, `-inf` or `NaN`")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
        Ok(Number(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Number, E> {
        value.parse().map(Number).map_err(E::custom)
    }
}

impl Exact for f64 {
    type Written = Number;

    fn written(&self) -> Number {
        Number(*self)
    }

    fn read(written: Number) -> Self {
        written.0
    }
}

impl<T: Exact> Exact for Option<T> {
    type Written = Option<T::Written>;

    fn written(&self) -> Self::Written {
        self.as_ref().map(T::written)
    }

    fn read(written: Self::Written) -> Self {
        written.map(T::read)
    }
}

impl<T: Exact> Exact for Vec<T> {
    type Written = Vec<T::Written>;

    fn written(&self) -> Self::Written {
        self.iter().map(T::written).collect()
    }

    fn read(written: Self::Written) -> Self {
        written.into_iter().map(T::read).collect()
    }
}

impl<A: Exact, B: Exact> Exact for (A, B) {
    type Written = (A::Written, B::Written);

    fn written(&self) -> Self::Written {
        (self.0.written(), self.1.written())
    }

    fn read(written: Self::Written) -> Self {
        (A::read(written.0), B::read(written.1))
    }
}

/// By rising key, so that equal maps have equal bytes.
impl<T: Exact> Exact for HashMap<u64, T> {
    type Written = BTreeMap<u64, T::Written>;

    fn written(&self) -> Self::Written {
        self.iter().map(|(key, value)| (*key, value.written())).collect()
    }

    fn read(written: Self::Written) -> Self {
        written.into_iter().map(|(key, value)| (key, T::read(value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        values: Vec<(f64, Option<f64>)>,
        #[serde(with = "super")]
        by_key: HashMap<u64, f64>,
    }

    proptest! {
        #[test]
        fn every_number_comes_back(values in proptest::collection::vec((any::<f64>(), any::<Option<f64>>()), 0..9)) {
            let by_key = values.iter().enumerate().map(|(at, value)| (u64::MAX - at as u64, value.0)).collect();
            let text = serde_json::to_string(&Holder { values: values.clone(), by_key }).unwrap();
            let back: Holder = serde_json::from_str(&text).unwrap();
            // One NaN is as good as another.
            let bits = |v: f64| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() };
            let all = |values: &[(f64, Option<f64>)]| {
                values.iter().map(|(a, b)| (bits(*a), b.map(bits))).collect::<Vec<_>>()
            };
            prop_assert_eq!(all(&back.values), all(&values));
            for (at, value) in values.iter().enumerate() {
                prop_assert_eq!(bits(back.by_key[&(u64::MAX - at as u64)]), bits(value.0));
            }
        }
    }
}
