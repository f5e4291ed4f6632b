//! The keys of `[data]` for synthetic data.

use mmtl_plan::{Kind, Knob, Value};

use crate::knobs::split_knobs;

fn list(name: &'static str, kind: Kind, doc: &'static str) -> Knob {
    Knob { name, kind, default: Value::List(vec![]), doc }
}

pub(super) fn knobs() -> Vec<Knob> {
    let mut knobs = vec![
        // Row indices are u32.
        Knob::whole("rows", 1, 1 << 31, 20_000, "Number of rows of all parts."),
        Knob::whole("dim", 1, 65_536, 100, "d, the number of numeric fields."),
        Knob::whole("tasks", 1, 64, 2, "Number of tasks."),
        Knob::real("correlation", -1.0, 1.0, 0.5, "p, the cosine between the weight vectors of any two tasks."),
        list(
            "gram",
            Kind::Matrix,
            "Inner products of the tasks' weight vectors in units of c², instead of `correlation`.",
        ),
        list("kinds", Kind::Texts, "`regression` or `binary` for each task; empty: all regression."),
        Knob::choice(
            "binary",
            &["threshold", "logistic"],
            "How a binary label follows from y: 1 above the threshold, or 1 with probability σ(y − threshold).",
        ),
        Knob::real("threshold", f64::MIN, f64::MAX, 0.0, "The threshold of binary labels."),
        Knob {
            name: "funnel",
            kind: Kind::Bool,
            default: Value::Bool(false),
            doc: "Two binary tasks, click and conversion given click, and their product ctcvr.",
        },
        Knob::whole("terms", 0, 10_000, 10, "m, the number of sine terms (10 in PLE's paper; MMoE's does not say)."),
        Knob::real("c", 0.0, 1e6, 1.0, "Length of the weight vectors (1 in PLE's paper; MMoE's does not say)."),
        Knob::real("noise", 0.0, 1e6, 0.01, "Size of the noise ε."),
        Knob::choice(
            "noise_is",
            &["variance", "deviation"],
            "Whether `noise` is ε's variance or its standard deviation: N(0, 0.01) in the paper can be read both ways.",
        ),
        Knob::whole("scenes", 1, 4096, 1, "Number of scenes."),
        list("shares", Kind::Floats { min: 1e-9, max: 1.0 }, "Share of rows of each scene; empty: equal shares."),
        Knob::real(
            "relatedness",
            0.0,
            1.0,
            1.0,
            "Cosine between a scene's weight vectors and the common ones; 1: all scenes share their weights.",
        ),
        list(
            "label_shift",
            Kind::Floats { min: f64::MIN, max: f64::MAX },
            "Added to every y of each scene, before any threshold; empty: nothing.",
        ),
        Knob::whole("categories", 0, 1024, 0, "Number of categorical fields."),
        Knob::whole("cardinality", 1, 10_000_000, 100, "Number of values of each categorical field."),
        list(
            "cardinalities",
            Kind::Ints { min: 1, max: 10_000_000 },
            "Number of values of each categorical field on its own, instead of `categories` and `cardinality`.",
        ),
        Knob::real("popularity", 0.0, 10.0, 1.0, "Exponent s of the values' frequencies 1 / rank^s; 0: all alike."),
        Knob::real("effect", 0.0, 1e6, 0.5, "Standard deviation of a value's effect on y."),
        Knob::whole("min_count", 0, 1 << 31, 1, "Values seen fewer times in train share the id of unseen ones."),
    ];
    knobs.extend(split_knobs(0.1, 0.1));
    knobs
}
