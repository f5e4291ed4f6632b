//! The knobs that all architectures share.

use mmtl_plan::{Activation, Init, Knob, Pool, Reduction, Settings};

/// The knobs of every architecture: the section `model` of an experiment file.
pub fn model_knobs() -> Vec<Knob> {
    vec![
        Knob::whole("embedding_dim", 1, 4096, 16, "Width of every embedding table's rows."),
        Knob::real(
            "embedding_deviation",
            0.0,
            10.0,
            0.01,
            "Standard deviation of the embeddings' normal initial values.",
        ),
        Knob::choice(
            "pool",
            &["mean", "sum"],
            "How the embeddings of a row's tokens become one; a row without any is zeros.",
        ),
        Knob::flag(
            "scene_feature",
            false,
            "Whether the scene is an input field like any other; of star only with another `norm` than by scene.",
        ),
        Knob::real("dropout", 0.0, 0.95, 0.0, "Share of hidden units dropped in training, in every hidden layer."),
        Knob::real(
            "embedding_dropout",
            0.0,
            0.95,
            0.0,
            "Share of the embeddings' elements dropped in training, before any layer; numeric fields stay.",
        ),
        Knob::choice("activation", &["relu", "tanh", "sigmoid"], "Activation of every hidden layer."),
        Knob::choice(
            "reduction",
            &["own", "batch"],
            "What a task's summed loss is divided by: the weight of its own rows in the batch, or the batch's rows.",
        ),
    ]
}

/// The settings of [`model_knobs`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub embedding_dim: usize,
    pub embedding_init: Init,
    pub pool: Pool,
    pub scene_feature: bool,
    pub dropout: f32,
    pub embedding_dropout: f32,
    pub activation: Activation,
    pub reduction: Reduction,
}

impl Model {
    pub fn of(settings: &Settings) -> Self {
        let activations = [("relu", Activation::Relu), ("tanh", Activation::Tanh), ("sigmoid", Activation::Sigmoid)];
        Self {
            embedding_dim: settings.size("embedding_dim"),
            embedding_init: Init::Normal { deviation: settings.float("embedding_deviation") as f32 },
            pool: settings.chosen("pool", &[("mean", Pool::Mean), ("sum", Pool::Sum)]),
            scene_feature: settings.bool("scene_feature"),
            dropout: settings.float("dropout") as f32,
            embedding_dropout: settings.float("embedding_dropout") as f32,
            activation: settings.chosen("activation", &activations),
            reduction: settings.chosen("reduction", &[("own", Reduction::Own), ("batch", Reduction::Batch)]),
        }
    }
}
