"""Reads `mmtl table --format json`: the one place that knows that format."""

import json
from pathlib import Path

VERSION = 1
METRICS = ("auc", "logloss", "mse")


ALL_ROWS = "all"


def read_table(path: Path) -> dict[tuple[str, str, str, str], dict[int, dict]]:
    """For each (architecture, task, metric, scope): each seed's score on test rows, with its counts.

    Scopes are all rows pooled, called `all`, and each scene.
    """
    table = json.loads(path.read_text())
    if table["version"] != VERSION:
        raise SystemExit(f"{path} has version {table['version']}, expected {VERSION}")
    if (table["split"], table["slice"]) != ("test", "all"):
        raise SystemExit(f"{path} is about {table['split']} rows of slice {table['slice']}, expected test rows of all")
    labels = [candidate["label"] for candidate in table["candidates"]]
    scores = {}
    for task in table["tables"]:
        if task["metric"] not in METRICS or task["space"] != "all":
            continue
        for column, head in enumerate(task["columns"]):
            if (scope := _scope(head)) is None:
                continue
            for label, row in zip(labels, task["rows"], strict=True):
                scores[label, task["task"], task["metric"], scope] = {seed["seed"]: seed for seed in row[column]["seeds"]}
    return scores


def _scope(head: dict) -> str | None:
    if head["scope"] == "scene":
        return head["name"]
    return ALL_ROWS if (head["scope"], head["name"]) == ("overall", "pooled") else None
