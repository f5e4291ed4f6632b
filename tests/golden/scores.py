"""Golden vectors for the metrics that are found where they are asked for, from scikit-learn and SciPy.

Run `python tests/golden/scores.py` to rewrite `scores.json` beside this file; `metrics.py` has the usual metrics. Rows
of weight 0 take no part, so that the libraries are not given them. Where a library says 0 or NaN with a warning that
the score is ill-defined, it is undefined here, with the reason.

Hit rate and reciprocal rank are in neither library: equal predictions are put in all orders, in exact fractions, and
rows without equals are held against SciPy's ranks.
"""

import fractions
import itertools
import json
import math
import pathlib
import random
import warnings

import numpy as np
import scipy
import sklearn
from metrics import one_per_line, undefined
from scipy import stats
from sklearn import calibration, metrics

RANKS = ["gauc", "prauc", "ne", "ece", "ratio"]
DECISIONS = ["precision", "recall", "f1"]
LISTS = ["ndcg@1", "ndcg@3", "ndcg@10", "hit_rate@1", "hit_rate@3", "hit_rate@10", "mrr"]
REAL = ["r2", "spearman", "ratio"]


class Rows:
    """The rows that take part."""

    def __init__(self, kind, labels, predictions, weights, groups, threshold, dtype):
        self.kind = kind
        takes_part = np.ones(len(labels), bool) if weights is None else np.asarray(weights) != 0
        pick = lambda values, kind: None if values is None else np.asarray(values, kind)[takes_part]
        self.labels = pick(labels, np.float64)
        self.predictions = pick(predictions, {"f32": np.float32, "f64": np.float64}[dtype])
        self.given_weights = pick(weights, np.float64)
        self.weights = np.ones(len(self.labels)) if weights is None else self.given_weights
        self.groups = pick(groups, np.uint64)
        self.threshold = threshold

    def single_class(self):
        return len(set(self.labels)) < 2

    def no_positive(self):
        return not (self.labels == 1).any()

    def each_group(self):
        for group in np.unique(self.groups):
            yield np.flatnonzero(self.groups == group)


def gauc(rows):
    if rows.groups is None:
        return undefined("no_groups")
    if rows.single_class():
        return undefined("single_class")
    ranked = [group for group in rows.each_group() if len(set(rows.labels[group])) == 2]
    if not ranked:
        return undefined("single_class_groups")
    of_group = lambda g: metrics.roc_auc_score(rows.labels[g], rows.predictions[g], sample_weight=rows.weights[g])
    weights = [rows.weights[group].sum() for group in ranked]
    return np.average([of_group(group) for group in ranked], weights=weights), sum(weights) / rows.weights.sum()


def prauc(rows):
    if rows.no_positive():
        return undefined("no_positive")
    return metrics.average_precision_score(rows.labels, rows.predictions, sample_weight=rows.given_weights)


def ne(rows):
    if rows.single_class():
        return undefined("single_class")
    rate = np.full(len(rows.labels), np.average(rows.labels, weights=rows.weights))
    loss = lambda p: metrics.log_loss(rows.labels, p, sample_weight=rows.given_weights)
    return loss(rows.predictions) / loss(rate)


def decisions(score):
    def of(rows):
        if rows.no_positive():
            return undefined("no_positive")
        decided = rows.predictions >= rows.threshold
        if score is metrics.precision_score and not decided.any():
            return undefined("nothing_predicted")
        return score(rows.labels, decided, sample_weight=rows.given_weights)

    return of


def ece(rows):
    bins = np.searchsorted(np.linspace(0, 1, 16)[1:-1], rows.predictions)
    total = lambda values: np.bincount(bins, weights=rows.weights * values, minlength=15)
    error = np.abs(total(rows.labels) - total(rows.predictions.astype(np.float64))).sum() / rows.weights.sum()
    if rows.given_weights is None and not rows.single_class():
        actual, predicted = calibration.calibration_curve(rows.labels, rows.predictions, n_bins=15)
        counts = np.bincount(bins, minlength=15)
        assert math.isclose(error, np.average(np.abs(actual - predicted), weights=counts[counts > 0]), rel_tol=1e-6)
    return error


def ratio(rows):
    observed = (rows.weights * rows.labels).sum()
    if observed <= 0:
        return undefined("no_positive" if rows.kind == "binary" else "nothing_observed")
    return (rows.weights * rows.predictions.astype(np.float64)).sum() / observed


def r2(rows):
    if len(set(rows.labels)) < 2:
        return undefined("constant_target")
    return metrics.r2_score(rows.labels, rows.predictions.astype(np.float64), sample_weight=rows.given_weights)


def spearman(rows):
    if len(set(rows.labels)) < 2:
        return undefined("constant_target")
    if len(set(rows.predictions)) < 2:
        return undefined("constant_prediction")
    times = rows.weights.astype(int)
    assert (times == rows.weights).all(), "SciPy has no weights, so that a row is given as often as it weighs"
    return stats.spearmanr(np.repeat(rows.predictions, times), np.repeat(rows.labels, times)).statistic


def over_groups(of_group):
    """The mean over groups with a gain, each counting as its rows' mean weight."""

    def of(rows):
        if rows.groups is None:
            return undefined("no_groups")
        if (rows.labels < 0).any():
            return undefined("negative_gain")
        if not (rows.labels > 0).any():
            return undefined("no_positive")
        values, counts, covered = [], [], 0
        for group in rows.each_group():
            if (rows.labels[group] > 0).any():
                values.append(float(of_group(rows.labels[group], rows.predictions[group])))
                counts.append(rows.weights[group].mean())
                covered += rows.weights[group].sum()
        return np.average(values, weights=counts), covered / rows.weights.sum()

    return of


def ndcg(k):
    # scikit-learn refuses a list of one.
    of = lambda labels, scores: 1 if len(labels) == 1 else metrics.ndcg_score([labels], [scores], k=k)
    return over_groups(of)


def first_positive(labels, scores):
    """The ranks of the first positive over all orders of equal scores, with their probabilities."""
    above = 0
    for score in sorted(set(scores.tolist()), reverse=True):
        tied = [label for label, s in zip(labels, scores) if s == score]
        if any(label == 1 for label in tied):
            orders = list(itertools.permutations(tied))
            ranks = [above + 1 + order.index(1) for order in orders]
            if len(tied) == 1:
                assert ranks[0] == stats.rankdata(-scores, "min")[labels == 1].min()
            return [(rank, fractions.Fraction(ranks.count(rank), len(orders))) for rank in sorted(set(ranks))]
        above += len(tied)
    raise AssertionError("no positive")


def hit_rate(k):
    return over_groups(lambda labels, scores: sum(p for rank, p in first_positive(labels, scores) if rank <= k))


def mrr(labels, scores):
    return sum(p / rank for rank, p in first_positive(labels, scores))


SCORES = {
    "gauc": gauc,
    "prauc": prauc,
    "ne": ne,
    "precision": decisions(metrics.precision_score),
    "recall": decisions(metrics.recall_score),
    "f1": decisions(metrics.f1_score),
    "ece": ece,
    "ratio": ratio,
    "r2": r2,
    "spearman": spearman,
    **{f"ndcg@{k}": ndcg(k) for k in [1, 3, 10]},
    **{f"hit_rate@{k}": hit_rate(k) for k in [1, 3, 10]},
    "mrr": over_groups(mrr),
}


def best_threshold(rows):
    """The lowest of the predictions at which scikit-learn's F1 is highest."""
    if len(rows.labels) == 0:
        return undefined("empty")
    if rows.no_positive():
        return undefined("no_positive")
    thresholds = sorted(set(rows.predictions.tolist()))
    f1 = [metrics.f1_score(rows.labels, rows.predictions >= t, sample_weight=rows.given_weights) for t in thresholds]
    # Weights are halves and whole numbers: what differs, differs by more than rounding.
    return next(t for t, value in zip(thresholds, f1) if math.isclose(value, max(f1), rel_tol=1e-12))


def case(name, kind, names, labels, predictions, weights=None, groups=None, threshold=None, dtype="f64"):
    rows = Rows(kind, labels, predictions, weights, groups, threshold, dtype)
    scores, covered = {}, {}
    for metric in names:
        found = undefined("empty") if len(labels) == 0 else SCORES[metric](rows)
        if isinstance(found, tuple):
            found, covered[metric] = found
        scores[metric] = found if isinstance(found, dict) else float(found)
    given = {
        "weights": weights,
        "groups": groups,
        "threshold": threshold,
        "best_threshold": best_threshold(rows) if "f1" in names else None,
        "covered": {metric: float(share) for metric, share in covered.items()} or None,
    }
    predictions = np.asarray(predictions, {"f32": np.float32, "f64": np.float64}[dtype])
    return {
        "name": name,
        "kind": kind,
        "classes": 2,
        "dtype": dtype,
        "predictions": [float(p) for p in predictions],
        "labels": [float(label) for label in labels],
        **{key: value for key, value in given.items() if value is not None},
        "scores": scores,
    }


def binary_cases(rng):
    every = RANKS + DECISIONS + LISTS
    for dtype in ["f32", "f64"]:
        labels = [int(rng.random() < 0.3) for _ in range(150)]
        smooth = [min(max(0.25 * y + 0.75 * rng.random(), 0.0), 1.0) for y in labels]
        ties = [round(p * 8) / 8 for p in smooth]
        weights = [rng.choice([0.0, 0.5, 1.0, 3.0]) for _ in labels]
        groups = [rng.choice([3, 1, 7, 2**63 + 5, 2**40]) * (1 + rng.randrange(8)) % 2**64 for _ in labels]
        for name, p in [("", smooth), (", ties", ties)]:
            name = f"binary {dtype}{name}"
            yield case(name, "binary", every, labels, p, None, groups, 0.625, dtype)
            yield case(f"{name}, weights", "binary", every, labels, p, weights, groups, 0.5, dtype)
        yield case(f"binary {dtype}, no groups", "binary", every, labels, smooth, None, None, 0.25, dtype)
        yield case(f"binary {dtype}, one group", "binary", every, labels[:9], ties[:9], None, [4] * 9, 0.5, dtype)
        yield case(f"binary {dtype}, all tied", "binary", every, labels[:8], [0.5] * 8, None, [4] * 8, 0.5, dtype)
        by_class = [10 + label for label in labels]
        of_class = RANKS + DECISIONS + ["ndcg@10"]
        yield case(f"binary {dtype}, a group a class", "binary", of_class, labels, smooth, None, by_class, 0.5, dtype)
        single = [f"only label {label}" for label in [0, 1]]
        for label, name in enumerate(single):
            label = [label] * 12
            yield case(f"binary {dtype}, {name}", "binary", every, label, ties[:12], None, groups[:12], 0.5, dtype)
        yield case(f"binary {dtype}, nothing predicted", "binary", every, labels, smooth, None, groups, 1.5, dtype)
        yield case(f"binary {dtype}, empty", "binary", every, [], [], None, [], 0.5, dtype)
    labels = [int(rng.random() < 0.02) for _ in range(1500)]
    rare = [min(0.03 * rng.random() + 0.05 * y * rng.random(), 1.0) for y in labels]
    groups = [rng.randrange(120) for _ in labels]
    yield case("rare positives", "binary", RANKS + LISTS, labels, rare, None, groups)
    users = {group: rng.choice([0.5, 1.0, 2.0]) for group in groups}
    weights = [users[group] for group in groups]
    yield case("rare positives, a weight a user", "binary", RANKS + LISTS, labels, rare, weights, groups)


def regression_cases(rng):
    lists = ["ndcg@1", "ndcg@3", "ndcg@10"]
    for dtype in ["f32", "f64"]:
        labels = [rng.choice([0.0, 1.0, 2.0, 3.5, 5.0]) for _ in range(120)]
        smooth = [y + rng.gauss(0.0, 1.5) for y in labels]
        ties = [float(round(p)) for p in smooth]
        weights = [rng.choice([0.0, 1.0, 2.0, 5.0]) for _ in labels]
        groups = [rng.randrange(20) for _ in labels]
        for name, p in [("", smooth), (", ties", ties)]:
            name = f"regression {dtype}{name}"
            yield case(name, "regression", REAL + lists, labels, p, None, groups, dtype=dtype)
            yield case(f"{name}, weights", "regression", REAL + lists, labels, p, weights, groups, dtype=dtype)
        yield case(f"regression {dtype}, constant labels", "regression", REAL, [0.1] * 9, smooth[:9], dtype=dtype)
        yield case(f"regression {dtype}, constant predictions", "regression", REAL, labels, [2.0] * 120, dtype=dtype)
        yield case(f"regression {dtype}, one row", "regression", REAL, [3.0], [2.5], dtype=dtype)
        yield case(f"regression {dtype}, exact", "regression", REAL, labels, labels, dtype=dtype)
        below = [y - 3.0 for y in labels[:20]]
        yield case(f"regression {dtype}, negative", "regression", REAL + lists, below, smooth[:20], None, groups[:20], dtype=dtype)
        yield case(f"regression {dtype}, zeros", "regression", REAL + lists, [0.0] * 9, smooth[:9], None, groups[:9], dtype=dtype)
        yield case(f"regression {dtype}, empty", "regression", REAL + lists, [], [], None, [], dtype=dtype)
    large = [1e9 + rng.random() for _ in range(50)]
    yield case("regression, large labels", "regression", REAL, large, [y + rng.gauss(0.0, 0.1) for y in large])


def multiclass_cases(rng):
    for dtype in ["f32", "f64"]:
        for classes in [2, 3, 7]:
            labels = [rng.randrange(classes) for _ in range(60)]
            rows = []
            for label in labels:
                counts = [rng.randrange(classes) if rng.random() < 0.5 else label for _ in range(8)]
                rows.append([counts.count(k) / 8 for k in range(classes)])
            weights = [rng.choice([0.0, 0.5, 2.0]) for _ in labels]
            name = f"{classes} classes {dtype}"
            yield of_classes(name, labels, rows, None, classes, dtype)
            yield of_classes(f"{name}, weights", labels, rows, weights, classes, dtype)
            yield of_classes(f"{name}, one label", [1] * 9, rows[:9], None, classes, dtype)
            yield of_classes(f"{name}, two rows", labels[:2], rows[:2], None, classes, dtype)
    yield of_classes("3 classes, empty", [], [], None, 3, "f64")


def of_classes(name, labels, rows, weights, classes, dtype):
    if labels:
        takes_part = np.asarray([1.0] * len(labels) if weights is None else weights) != 0
        predicted = np.asarray(rows).argmax(axis=1)[takes_part]
        given = None if weights is None else np.asarray(weights)[takes_part]
        score = metrics.f1_score(np.asarray(labels)[takes_part], predicted, average="macro", sample_weight=given)
    return {
        "name": name,
        "kind": "multiclass",
        "classes": classes,
        "dtype": dtype,
        "predictions": [p for row in rows for p in row],
        "labels": [float(label) for label in labels],
        **({} if weights is None else {"weights": weights}),
        "scores": {"macro_f1": float(score) if labels else undefined("empty")},
    }


def main():
    rng = random.Random(20140824)
    golden = {
        "source": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {np.__version__}",
        "cases": [*binary_cases(rng), *regression_cases(rng), *multiclass_cases(rng)],
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    lines = ",\n".join(f"  {json.dumps(key)}: {one_per_line(value)}" for key, value in golden.items())
    path.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    # Whatever a library finds ill-defined is to be undefined here: no warning may pass.
    warnings.simplefilter("error")
    main()
