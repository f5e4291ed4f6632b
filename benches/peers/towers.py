"""A tower and a head per task."""

from torch import nn

from dense import Dense, identity, stack


class Towers(nn.Module):
    """[rows, tasks, width], or [rows, 1, width] read by all, to logits or standardised values [rows, tasks]."""

    def __init__(self, tasks, fan_in, widths, activation, dropout, generator):
        super().__init__()
        self.hidden, fan_in = stack(tasks, fan_in, widths, activation, dropout, generator)
        self.head = Dense(tasks, fan_in, 1, identity, 0.0, generator)

    def forward(self, x):
        return self.head(self.hidden(x)).squeeze(2)
