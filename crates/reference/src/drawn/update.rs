//! Updates of every kind.

use mmtl_plan::{Decay, Optimiser, Update};

/// The rules, each with its name.
pub const RULES: [(&str, Optimiser); 8] = [
    ("adam", Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }),
    ("adamw", Optimiser::AdamW { beta1: 0.8, beta2: 0.99, eps: 1e-6 }),
    ("sgd", Optimiser::Sgd { momentum: 0.0 }),
    ("momentum", Optimiser::Sgd { momentum: 0.9 }),
    ("adagrad", Optimiser::Adagrad { eps: 1e-10 }),
    ("row-wise adagrad", Optimiser::RowWiseAdagrad { eps: 1e-10 }),
    ("rmsprop", Optimiser::RmsProp { alpha: 0.99, eps: 1e-8 }),
    ("lion", Optimiser::Lion { beta1: 0.9, beta2: 0.99 }),
];

/// Every rule, with and without decay and with and without clipping (to `clip`), as update `step`.
pub fn updates(step: u64, clip: f32) -> Vec<(String, Update)> {
    let decays = [("", Decay::default()), (", decay", Decay { dense: 0.125, tables: 0.0625 })];
    let clips = [("", None), (", clip", Some(clip))];
    let mut all = vec![];
    for (rule, optimiser) in RULES {
        for (decayed, decay) in decays {
            for (clipped, clip) in clips {
                all.push((format!("{rule}{decayed}{clipped}"), Update { optimiser, lr: 0.05, step, clip, decay }));
            }
        }
    }
    all
}
