"""Embedded fields side by side, [rows, fields * dim], in two usual forms."""

import torch
from torch import nn

from timed.cases import DIM, Case


class Tables(nn.Module):
    """An `nn.Embedding` for each field."""

    def __init__(self, case: Case):
        super().__init__()
        tables = (nn.Embedding(case.ids, DIM, sparse=case.sparse) for _ in range(case.fields))
        self.tables = nn.ModuleList(tables)
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.01)

    def forward(self, ids):
        return torch.cat([table(ids[:, field]) for field, table in enumerate(self.tables)], dim=1)


class Joined(nn.Module):
    """One `nn.Embedding` for all fields, each at an offset of its own."""

    def __init__(self, case: Case):
        super().__init__()
        self.table = nn.Embedding(case.fields * case.ids, DIM, sparse=case.sparse)
        nn.init.normal_(self.table.weight, std=0.01)
        self.register_buffer("offsets", torch.arange(case.fields) * case.ids)

    def forward(self, ids):
        return self.table(ids + self.offsets).flatten(1)


INPUTS = {"tables": Tables, "joined": Joined}
