"""Reads what `mmtl data export` writes: the encoded rows, their split, and the resolved trials."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet
import torch

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Task:
    """What is predicted. `mean` and `deviation` standardise a regression target: z = (y - mean) / deviation."""

    name: str
    kind: str
    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class Part:
    """The rows of one part of the split."""

    ids: torch.Tensor  # int64 [rows, categorical fields], row numbers of the stacked tables
    numeric: torch.Tensor  # float32 [rows, numeric fields]
    targets: torch.Tensor  # float32 [rows, tasks], standardised; 0 where unknown
    known: torch.Tensor  # float32 [rows, tasks], 1 or 0
    labels: np.ndarray  # float64 [rows, tasks], original units; NaN where unknown
    scenes: np.ndarray  # [rows], places in `Export.scenes`

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Export:
    """Everything that a twin needs to train on the very same rows."""

    tasks: list[Task]
    table_rows: int  # rows of all tables together
    parts: dict[str, Part]
    train_means: list[float]  # of each task's known train labels, original units
    scenes: list[str]


def read_trials(folder: Path) -> list[dict]:
    return json.loads((folder / "trials.json").read_text())


def read_export(folder: Path, scene_feature: bool) -> Export:
    """`scene_feature`: whether the row's scene is one more categorical input."""
    schema = json.loads((folder / "schema.json").read_text())
    table = parquet.read_table(folder / "rows.parquet")
    tasks = [_task(task) for task in schema["tasks"]]
    inputs = [f for index, f in enumerate(schema["fields"]) if scene_feature or index != schema["scene_field"]]
    offsets, table_rows = _stacked(schema["vocabularies"], inputs)

    ids, numeric = [], []
    for field in inputs:
        column = table[f"field/{field['name']}"]
        kind = field["kind"]
        if kind == "Numeric":
            numeric.append(column.to_numpy().astype(np.float32))
        else:
            ((shape, of),) = kind.items()
            if shape == "Tokens":
                column = _only_tokens(field["name"], column)
            ids.append(column.to_numpy().astype(np.int64) + offsets[of["vocabulary"]])

    labels = np.column_stack([_floats(table[f"label/{task.name}"]) for task in tasks])
    means = np.array([task.mean for task in tasks])
    deviations = np.array([task.deviation for task in tasks])
    known = np.isfinite(labels)
    targets = np.where(known, (labels - means) / deviations, 0.0).astype(np.float32)
    ids = np.column_stack(ids)
    numeric = np.column_stack(numeric) if numeric else np.empty((len(labels), 0), np.float32)

    scenes = table["scene"].to_numpy()
    part_of = table["part"].to_numpy(zero_copy_only=False)
    parts = {}
    for name in PARTS:
        rows = np.flatnonzero(part_of == name)
        tensors = (torch.from_numpy(a[rows]) for a in (ids, numeric, targets, known.astype(np.float32)))
        parts[name] = Part(*tensors, labels=labels[rows], scenes=scenes[rows])
    train_means = np.nanmean(parts["train"].labels, axis=0).tolist()
    return Export(tasks, table_rows, parts, train_means, schema["scenes"])


def _stacked(vocabularies: list[dict], fields: list[dict]) -> tuple[dict[int, int], int]:
    """Where each vocabulary that `fields` read begins, and how many rows they have together.

    One table per vocabulary, stacked: dense Adam on the stack is dense Adam on each.
    """
    read = {next(iter(field["kind"].values()))["vocabulary"] for field in fields if field["kind"] != "Numeric"}
    offsets, rows = {}, 0
    for vocabulary in sorted(read):
        offsets[vocabulary] = rows
        rows += vocabularies[vocabulary]["size"]
    return offsets, rows


def _only_tokens(name: str, lists) -> pyarrow.ChunkedArray:
    """The tokens of a field that has exactly one in each row."""
    if compute.any(compute.not_equal(compute.list_value_length(lists), 1)).as_py():
        raise SystemExit(f"field `{name}` has none or several tokens in a row; expected one, or another kind of field")
    return compute.list_flatten(lists)


def _floats(column) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False).astype(np.float64)  # null becomes NaN


def _task(task: dict) -> Task:
    kind = task["kind"]
    if kind == "Binary":
        return Task(task["name"], "binary")
    if isinstance(kind, dict) and "Regression" in kind:
        scale = kind["Regression"]["scale"]
        return Task(task["name"], "regression", scale["mean"], scale["deviation"])
    raise SystemExit(f"task `{task['name']}` is {kind}; expected binary or regression")
