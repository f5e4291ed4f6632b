//! Every key of `[train]` and `[select]`, described once.

use mmtl_plan::{Kind, Knob, Value};

/// Knobs of [`crate::knobs`] that move no number, so that a trial's key can leave them out.
pub const PACING: [&str; 1] = ["checkpoint_every"];

/// The keys of `[train]`.
pub fn knobs() -> Vec<Knob> {
    let mut knobs = loop_knobs();
    knobs.extend(optimiser_knobs());
    knobs.extend(rate_knobs());
    knobs
}

/// The keys of `[select]`.
pub fn select_knobs() -> Vec<Knob> {
    vec![
        Knob {
            name: "score",
            kind: Kind::Text,
            default: Value::Text("skill".into()),
            doc: "What the best weights are chosen by, on validation rows: `skill`, or TASK.METRIC as in `click.auc` or `click.ndcg@5` (a fit without that task goes by its skill).",
        },
        Knob::choice(
            "per",
            &["run", "task", "scene"],
            "One best checkpoint for the whole run, or one for each task or scene.",
        ),
    ]
}

fn loop_knobs() -> Vec<Knob> {
    vec![
        Knob::whole("epochs", 1, 100_000, 20, "The most epochs a fit takes; patience may end it earlier."),
        Knob::whole("batch_size", 1, 1 << 20, 512, "Rows of a step; the last step of an epoch has what is left."),
        Knob::real(
            "eval_every",
            1e-6,
            1e6,
            1.0,
            "Epochs between evaluations, also a fraction; the last step is always evaluated.",
        ),
        Knob::whole(
            "patience",
            0,
            1_000_000,
            3,
            "Evaluations in a row without a better score of the run that end the fit; 0 never does.",
        ),
        Knob {
            name: "task_weights",
            kind: Kind::Floats { min: 0.0, max: 1e6 },
            default: Value::List(vec![]),
            doc: "What each task's loss is multiplied by, in the order of the tasks; empty for 1 each.",
        },
        Knob {
            name: "task_weight_decay",
            kind: Kind::Floats { min: 0.0, max: 10.0 },
            default: Value::List(vec![]),
            doc: "What each task's weight is multiplied by after each epoch (PLE's γ); empty for 1 each.",
        },
        Knob::real(
            "label_smoothing",
            0.0,
            1.0,
            0.0,
            "Share ε of binary and class labels that is spread evenly over all K classes in training: (1 - ε)·y + ε/K.",
        ),
        Knob::real(
            "ema",
            0.0,
            0.999_999_9,
            0.0,
            "Decay a step of the weights' moving average that is evaluated and kept in their place; 0 for none.",
        ),
        Knob::whole("ema_every", 1, 1_000_000, 16, "Steps from one averaging to the next; each copies all tables."),
        Knob::choice(
            "table_updates",
            &["exact", "sparse"],
            "Whether embedding rows that a batch did not touch move as under a dense optimiser, or not at all.",
        ),
        Knob::real("checkpoint_every", 0.0, 1e9, 30.0, "Seconds between checkpoints; moves no number."),
    ]
}

fn optimiser_knobs() -> Vec<Knob> {
    vec![
        Knob::choice(
            "optimiser",
            &["adam", "adamw", "sgd", "adagrad", "row-wise-adagrad", "rmsprop", "lion"],
            "The rule by which gradients become steps.",
        ),
        Knob::real(
            "beta1",
            0.0,
            0.999_999,
            0.9,
            "Decay of Adam's first moment, and in the mean whose sign is Lion's step.",
        ),
        Knob::real(
            "beta2",
            0.0,
            0.999_999,
            0.999,
            "Decay of Adam's second moment, and of Lion's mean (0.99 in its paper).",
        ),
        Knob::real("alpha", 0.0, 0.999_999, 0.99, "Decay of RMSProp's mean of squares."),
        Knob::real("eps", 1e-12, 1.0, 1e-8, "Added to the denominator of adam, adagrad and rmsprop."),
        Knob::real("momentum", 0.0, 0.999_999, 0.0, "Momentum of SGD."),
        Knob::real(
            "decay_dense",
            0.0,
            1e3,
            0.0,
            "Weight decay of dense parameters: decoupled under adamw and lion, L2 under the others.",
        ),
        Knob::real("decay_tables", 0.0, 1e3, 0.0, "The same for embedding tables."),
        Knob::real(
            "clip",
            0.0,
            1e9,
            0.0,
            "The gradient is scaled down to this norm, taken before decay; 0 never does.",
        ),
    ]
}

fn rate_knobs() -> Vec<Knob> {
    vec![
        Knob::real("lr", 0.0, 1e3, 1e-3, "The highest learning rate."),
        Knob::choice(
            "schedule",
            &["constant", "cosine", "linear", "step", "plateau"],
            "How the rate falls from `lr` to `final_lr` of it.",
        ),
        Knob::real("drop", 0.0, 1.0, 0.1, "What each drop of a step or plateau schedule multiplies the rate by."),
        Knob::real(
            "drop_every",
            1e-6,
            1e5,
            1.0,
            "Epochs, also a fraction, from a drop of a step schedule to the next.",
        ),
        Knob::whole(
            "drop_patience",
            1,
            1_000_000,
            1,
            "Evaluations in a row, after the warm-up, without a better score of the run that make a plateau schedule drop.",
        ),
        Knob::real(
            "final_lr",
            0.0,
            1.0,
            0.0,
            "Where a falling schedule ends after the last epoch, as a share of `lr`.",
        ),
        Knob::real("warmup", 0.0, 1e5, 0.0, "Epochs, also a fraction, over which the rate first rises from 0."),
    ]
}
