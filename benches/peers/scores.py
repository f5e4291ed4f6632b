"""Scores of one part of the split. They are scikit-learn's, so that they are nobody's twin."""

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from export import Export, Part, Task
from mmtl_table import ALL_ROWS

Scopes = dict[str, dict]  # scores of all known rows pooled, and of each scene's


def task_scores(export: Export, part: Part, outputs: np.ndarray) -> dict[str, Scopes]:
    """Per task. `outputs`: [rows, tasks], logits or standardised values."""
    scores = {}
    for column, task in enumerate(export.tasks):
        known = np.isfinite(part.labels[:, column])
        of = {ALL_ROWS: known} | {name: known & (part.scenes == scene) for scene, name in enumerate(export.scenes)}
        mean = export.train_means[column]
        scores[task.name] = {
            scope: _scores(task, part.labels[rows, column], outputs[rows, column].astype(np.float64), mean)
            for scope, rows in of.items()
        }
    return scores


def _scores(task: Task, labels: np.ndarray, output: np.ndarray, train_mean: float) -> dict:
    if task.kind == "binary":
        positives = int(labels.sum())
        counts = {"positives": positives, "negatives": len(labels) - positives}
        rows = {"rows": len(labels)}
        # Of the logits: the sigmoid keeps their order.
        auc = float(roc_auc_score(labels, output)) if all(counts.values()) else None
        probabilities = 1 / (1 + np.exp(-output))
        loss = float(log_loss(labels, probabilities, labels=[0, 1])) if len(labels) else None
        return {"auc": auc, "logloss": loss, **counts, **rows}
    if len(labels) == 0:
        return {"mse": None, "mse_of_train_mean": None, "rows": 0}
    squared = (task.mean + task.deviation * output - labels) ** 2
    # Skill is against the train mean, on the rows that are scored.
    of_mean = np.mean((train_mean - labels) ** 2)
    return {"mse": float(squared.mean()), "mse_of_train_mean": float(of_mean), "rows": len(labels)}


def skill(scores: dict[str, Scopes]) -> float:
    """Mean over tasks of 2·AUC − 1 and 1 − MSE / MSE of the train mean, of all rows pooled."""
    pooled = [scopes[ALL_ROWS] for scopes in scores.values()]
    parts = [2 * s["auc"] - 1 if "auc" in s else 1 - s["mse"] / s["mse_of_train_mean"] for s in pooled]
    return float(np.mean(parts))
