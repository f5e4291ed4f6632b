"""Scores of one part of the split. The AUC is scikit-learn's, so that it is nobody's twin."""

import numpy as np
from sklearn.metrics import roc_auc_score

from export import Export, Part


def task_scores(export: Export, part: Part, outputs: np.ndarray) -> dict[str, dict]:
    """Per task, over all known rows pooled. `outputs`: [rows, tasks], logits or standardised values."""
    scores = {}
    for column, task in enumerate(export.tasks):
        rows = np.isfinite(part.labels[:, column])
        labels, output = part.labels[rows, column], outputs[rows, column].astype(np.float64)
        if task.kind == "binary":
            scores[task.name] = {
                "auc": float(roc_auc_score(labels, output)),  # of the logits: the sigmoid keeps their order
                "positives": int(labels.sum()),
                "negatives": int((1 - labels).sum()),
            }
        else:
            squared = (task.mean + task.deviation * output - labels) ** 2
            # Skill is against the train mean, on the rows that are scored.
            of_mean = np.mean((export.train_means[column] - labels) ** 2)
            scores[task.name] = {"mse": float(squared.mean()), "mse_of_train_mean": float(of_mean), "rows": len(labels)}
    return scores


def skill(scores: dict[str, dict]) -> float:
    """Mean over tasks of 2·AUC − 1 and 1 − MSE / MSE of the train mean."""
    parts = [2 * s["auc"] - 1 if "auc" in s else 1 - s["mse"] / s["mse_of_train_mean"] for s in scores.values()]
    return float(np.mean(parts))
