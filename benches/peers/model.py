"""A trial's settings made a model."""

import torch

from embedding import Embedding
from export import Export
from mmoe import Mmoe
from settings import Settings
from shared_bottom import SharedBottom

ARCHITECTURES = {"shared-bottom": SharedBottom, "mmoe": Mmoe}
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


def build(architecture: str, settings: Settings, export: Export, seed: int) -> torch.nn.Module:
    """A fresh model, drawn from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    train = export.parts["train"]
    inputs = Embedding(
        export.table_rows,
        train.ids.shape[1],
        train.numeric.shape[1],
        settings.take("model.embedding_dim"),
        settings.take("model.embedding_deviation"),
        generator,
    )
    settings.take("model.pool")  # of tokens, of which there are none
    activation = ACTIVATIONS[settings.require("model.activation", *ACTIVATIONS)]
    dropout = settings.take("model.dropout")
    settings.require("model.embedding_dropout", 0)

    def own(knob, *implemented):
        key = f"{architecture}.{knob}"
        return settings.require(key, *implemented) if implemented else settings.take(key)

    return ARCHITECTURES[architecture](inputs, len(export.tasks), own, activation, dropout, generator)
