"""Generated rows: uniform ids, a fifth of the labels positive, scenes in equal shares."""

from dataclasses import dataclass

import torch

from timed.cases import Case


@dataclass(frozen=True)
class Batch:
    ids: torch.Tensor  # [rows, fields], counted within each field
    scenes: torch.Tensor  # [rows]
    labels: torch.Tensor  # [rows, tasks]


def batches(case: Case) -> list[Batch]:
    generator = torch.Generator().manual_seed(7)
    scenes = torch.arange(case.rows) * case.scenes // case.rows

    def batch() -> Batch:
        ids = torch.randint(case.ids, (case.rows, case.fields), generator=generator)
        labels = torch.rand(case.rows, case.tasks, generator=generator) < 0.2
        return Batch(ids, scenes, labels.float())

    return [batch() for _ in range(case.batches)]
