"""Shared-bottom: one trunk, a tower per task (R. Caruana, Machine Learning 28, 1997)."""

from torch import nn

from dense import stack
from towers import Towers


class SharedBottom(nn.Module):
    def __init__(self, inputs, tasks, own, activation, dropout, generator):
        """`inputs`: the input layer. `own`: takes a setting of the architecture's own section."""
        super().__init__()
        own("towers", "shared")
        self.inputs = inputs
        self.bottom, width = stack(1, inputs.width, own("bottom_widths"), activation, dropout, generator)
        self.towers = Towers(tasks, width, own("tower_widths"), activation, dropout, generator)

    def forward(self, ids, numeric):
        return self.towers(self.bottom(self.inputs(ids, numeric)))
