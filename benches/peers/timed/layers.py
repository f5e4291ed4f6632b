"""Perceptrons: one alone, and several side by side in two usual forms."""

import torch
from torch import nn


def perceptron(fan_in: int, widths: tuple[int, ...]) -> nn.Sequential:
    """`nn.Linear` and ReLU by turns."""
    layers = []
    for width in widths:
        layers += [nn.Linear(fan_in, width), nn.ReLU()]
        fan_in = width
    return nn.Sequential(*layers)


class Listed(nn.Module):
    """Experts as a list of perceptrons. x: [rows, in]; out: [rows, experts, width]."""

    def __init__(self, experts: int, fan_in: int, widths: tuple[int, ...]):
        super().__init__()
        self.experts = nn.ModuleList(perceptron(fan_in, widths) for _ in range(experts))

    def forward(self, x):
        return torch.stack([expert(x) for expert in self.experts], dim=1)


class Stacked(nn.Module):
    """Experts as batched products, [experts, in, out] at once; the first layer, which all read alike, is one product."""

    def __init__(self, experts: int, fan_in: int, widths: tuple[int, ...]):
        super().__init__()
        self.experts = experts
        self.first = nn.Linear(fan_in, experts * widths[0])
        weights, biases = [], []
        for fan_in, width in zip(widths, widths[1:]):
            weights.append(nn.Parameter(nn.init.xavier_uniform_(torch.empty(experts, fan_in, width))))
            biases.append(nn.Parameter(torch.zeros(experts, 1, width)))
        self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)

    def forward(self, x):
        x = torch.relu(self.first(x)).view(len(x), self.experts, -1).transpose(0, 1)
        for weight, bias in zip(self.weights, self.biases):
            x = torch.relu(torch.baddbmm(bias, x, weight))
        return x.transpose(0, 1)


EXPERTS = {"listed": Listed, "stacked": Stacked}
