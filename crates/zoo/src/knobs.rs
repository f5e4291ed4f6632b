//! Knobs that several architectures have.

use mmtl_plan::Knob;

/// Widest layer and longest embedding that may be asked for.
const WIDEST: i64 = 16_384;

/// A list of layer widths, first layer first.
pub(crate) fn widths(name: &'static str, default: &[i64], doc: &'static str) -> Knob {
    Knob::wholes(name, 1, WIDEST, default, doc)
}
