"""Fully connected layers, several groups (experts, towers) at once."""

import math

import torch
from torch import nn
from torch.nn import functional


class Dense(nn.Module):
    """act(x·W + b) for `groups` groups, then dropout. x: [rows, groups, in], or [rows, 1, in] read by all groups."""

    def __init__(self, groups, fan_in, fan_out, activation, dropout, generator, bias=True):
        super().__init__()
        # Glorot and Bengio (AISTATS 2010), eq. 16, with the fans of one group.
        bound = math.sqrt(6 / (fan_in + fan_out))
        weight = torch.empty(groups, fan_in, fan_out).uniform_(-bound, bound, generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(groups, fan_out)) if bias else None
        self.activation = activation
        self.dropout = dropout

    def forward(self, x):
        if x.shape[1] == 1:
            x = torch.einsum("ri,gio->rgo", x.squeeze(1), self.weight)
        else:
            x = torch.einsum("rgi,gio->rgo", x, self.weight)
        if self.bias is not None:
            x = x + self.bias
        return functional.dropout(self.activation(x), self.dropout, self.training)


def stack(groups, fan_in, widths, activation, dropout, generator):
    """One layer after the other, and the width that comes out."""
    layers = []
    for width in widths:
        layers.append(Dense(groups, fan_in, width, activation, dropout, generator))
        fan_in = width
    return nn.Sequential(*layers), fan_in


def identity(x):
    return x
