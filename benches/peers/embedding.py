"""The input layer: embedded ids and numeric columns side by side."""

import torch
from torch import nn


class Embedding(nn.Module):
    """[rows, 1, fields · dim + numeric]. Tables are stacked into one parameter."""

    def __init__(self, table_rows, fields, numeric, dim, deviation, generator):
        super().__init__()
        self.table = nn.Parameter(torch.randn(table_rows, dim, generator=generator) * deviation)
        self.width = fields * dim + numeric

    def forward(self, ids, numeric):
        embedded = nn.functional.embedding(ids, self.table).flatten(1)
        return torch.cat([embedded, numeric], dim=1).unsqueeze(1)
