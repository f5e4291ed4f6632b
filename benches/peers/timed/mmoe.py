"""MMoE (Ma et al., KDD 2018, eq. 5-7); gates have no bias."""

import torch
from torch import nn

from timed.cases import DIM, Case
from timed.inputs import INPUTS
from timed.layers import EXPERTS, perceptron


class Mmoe(nn.Module):
    def __init__(self, case: Case, inputs: str, experts: str):
        super().__init__()
        width = case.fields * DIM
        self.inputs = INPUTS[inputs](case)
        self.experts = EXPERTS[experts](case.experts, width, case.widths)
        self.gates = nn.ModuleList(nn.Linear(width, case.experts, bias=False) for _ in range(case.tasks))
        self.towers = nn.ModuleList(perceptron(case.widths[-1], case.towers) for _ in range(case.tasks))
        last = (*case.widths, *case.towers)[-1]
        self.heads = nn.ModuleList(nn.Linear(last, 1) for _ in range(case.tasks))

    def forward(self, batch):
        x = self.inputs(batch.ids)
        experts = self.experts(x)  # [rows, experts, width]
        gates = torch.stack([torch.softmax(gate(x), dim=1) for gate in self.gates], dim=1)
        mixed = torch.bmm(gates, experts)  # [rows, tasks, width]
        logits = [head(tower(mixed[:, k])) for k, (tower, head) in enumerate(zip(self.towers, self.heads))]
        return torch.cat(logits, dim=1)
