"""Multi-gate mixture-of-experts (Ma et al., KDD 2018, eq. 5-7). Gates have no bias."""

import torch
from torch import nn

from dense import Dense, identity, stack
from towers import Towers


class Mmoe(nn.Module):
    def __init__(self, inputs, tasks, own, activation, dropout, generator):
        """`inputs`: the input layer. `own`: takes a setting of the architecture's own section."""
        super().__init__()
        self.inputs = inputs
        experts = own("experts")
        self.experts, width = stack(experts, inputs.width, own("expert_widths"), activation, dropout, generator)
        learned = {"softmax": True, "uniform": False}[own("gate")]
        self.temperature = own("temperature")
        self.gates = Dense(tasks, inputs.width, experts, identity, 0.0, generator, bias=False) if learned else None
        if learned:
            nn.init.zeros_(self.gates.weight)  # mmtl's gates start even
        self.towers = Towers(tasks, width, own("tower_widths"), activation, dropout, generator)

    def forward(self, ids, numeric):
        x = self.inputs(ids, numeric)
        experts = self.experts(x)
        if self.gates is None:
            return self.towers(experts.mean(dim=1, keepdim=True))
        weights = torch.softmax(self.gates(x) / self.temperature, dim=2)  # [rows, tasks, experts]
        return self.towers(torch.bmm(weights, experts))
