"""Reads `mmtl table --format json`: the one place that knows that format."""

import json
from pathlib import Path

VERSION = 1
METRICS = ("auc", "mse")


def read_table(path: Path) -> dict[tuple[str, str, str], dict[int, dict]]:
    """For each (architecture, task, metric): each seed's score over all test rows pooled, with its counts."""
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
        pooled = [(head["scope"], head["name"]) for head in task["columns"]].index(("overall", "pooled"))
        for label, row in zip(labels, task["rows"], strict=True):
            scores[label, task["task"], task["metric"]] = {seed["seed"]: seed for seed in row[pooled]["seeds"]}
    return scores
