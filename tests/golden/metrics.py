"""Golden vectors for scores and statistics, from scikit-learn and SciPy.

Run `python tests/golden/metrics.py` to rewrite `metrics.json` beside this file. The rows come from Python's own
`random.Random`, whose stream is the same in every version, so that only a change in the libraries changes the file.
"""

import json
import math
import pathlib
import random

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics

EXTREME = [0.0, -0.0, 5e-324, 1e-300, 1e-17, 0.5, 1.0 - 2**-53, 1.0, 1e17, 1e300, 1.7e308]


def undefined(reason):
    return {"undefined": reason}


def auc(labels, scores, weights):
    value = metrics.roc_auc_score(labels, scores, sample_weight=weights)
    return undefined("single_class") if math.isnan(value) else value


def expected(metric, classes, labels, predictions, weights):
    """What the library says; an empty sample is an error there, and undefined here."""
    if len(labels) == 0:
        return undefined("empty")
    if metric == "auc":
        return auc(labels, predictions, weights)
    if metric == "logloss":
        return metrics.log_loss(labels, predictions, sample_weight=weights, labels=list(range(classes)))
    if metric == "accuracy":
        two = np.stack([1 - predictions, predictions], axis=1) if predictions.ndim == 1 else predictions
        return metrics.accuracy_score(labels, two.argmax(axis=1), sample_weight=weights)
    score = {
        "mse": metrics.mean_squared_error,
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
    }[metric]
    return score(labels, predictions, sample_weight=weights)


def case(name, kind, names, labels, predictions, weights=None, classes=2, dtype="f64"):
    numpy_type = {"f32": np.float32, "f64": np.float64}[dtype]
    predictions = np.asarray(predictions, dtype=numpy_type)
    labels = np.asarray(labels, dtype=np.float64)
    weights = None if weights is None else np.asarray(weights, dtype=np.float64)
    scores = {metric: expected(metric, classes, labels, predictions, weights) for metric in names}
    return {
        "name": name,
        "kind": kind,
        "classes": classes,
        "dtype": dtype,
        "predictions": [float(p) for p in predictions.ravel()],
        "labels": labels.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "scores": {metric: s if isinstance(s, dict) else float(s) for metric, s in scores.items()},
    }


def binary_cases(rng):
    every, rank = ["auc", "logloss", "accuracy"], ["auc"]
    for dtype in ["f32", "f64"]:
        labels = [int(rng.random() < 0.3) for _ in range(150)]
        smooth = [min(max(0.25 * y + 0.75 * rng.random(), 0.0), 1.0) for y in labels]
        ties = [round(p * 8) / 8 for p in smooth]
        weights = [rng.choice([0.0, 0.25, 0.5, 1.0, 3.0, 1e-3, 1e3]) for _ in labels]
        # A weight of 0 takes a row out here; scikit-learn's accuracy and log loss agree.
        yield case(f"binary {dtype}", "binary", every, labels, smooth, dtype=dtype)
        yield case(f"binary {dtype}, ties", "binary", every, labels, ties, dtype=dtype)
        yield case(f"binary {dtype}, weights", "binary", every, labels, smooth, weights, dtype=dtype)
        yield case(f"binary {dtype}, ties and weights", "binary", every, labels, ties, weights, dtype=dtype)
        yield case(f"binary {dtype}, all tied", "binary", every, labels, [0.5] * 150, dtype=dtype)
        yield case(f"binary {dtype}, sure and wrong", "binary", every, [0, 1, 0, 1], [1.0, 0.0, 0.0, 1.0], dtype=dtype)
        for label in [0, 1]:
            yield case(f"binary {dtype}, only label {label}", "binary", every, [label] * 20, smooth[:20], dtype=dtype)
        yield case(f"binary {dtype}, empty", "binary", every, [], [], dtype=dtype)
    probabilities = [p for p in EXTREME if p <= 1.0]
    labels = [int(rng.random() < 0.5) for _ in range(60)]
    yield case("extreme probabilities", "binary", every, labels, [rng.choice(probabilities) for _ in labels])
    signed = [sign * x for sign in [1, -1] for x in EXTREME]
    extreme = [rng.choice(signed) for _ in labels]
    weights = [rng.choice([1e-30, 1.0, 1e30]) for _ in labels]
    yield case("extreme scores", "binary", rank, labels, extreme)
    yield case("extreme scores and weights", "binary", rank, labels, extreme, weights)
    yield case("perfect", "binary", rank, [0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0])
    yield case("reversed", "binary", rank, [1, 1, 0, 0], [-2.0, -1.0, 1.0, 2.0])
    large = [rng.gauss(0.0, 1.0) for _ in range(5000)]
    labels = [int(rng.gauss(x, 2.0) > 1.0) for x in large]
    yield case("5,000 rows", "binary", rank, labels, [round(x, 2) for x in large])


def regression_cases(rng):
    names = ["mse", "rmse", "mae"]
    for dtype in ["f32", "f64"]:
        labels = [rng.choice([1.0, 2.0, 3.0, 4.0, 5.0]) for _ in range(120)]
        predictions = [y + rng.gauss(0.0, 1.0) for y in labels]
        weights = [rng.choice([0.0, 0.5, 1.0, 2.0, 1e3]) for _ in labels]
        yield case(f"regression {dtype}", "regression", names, labels, predictions, dtype=dtype)
        yield case(f"regression {dtype}, weights", "regression", names, labels, predictions, weights, dtype=dtype)
        yield case(f"regression {dtype}, one row", "regression", names, [3.0], [2.5], dtype=dtype)
        yield case(f"regression {dtype}, exact", "regression", names, labels[:9], labels[:9], dtype=dtype)
        yield case(f"regression {dtype}, empty", "regression", names, [], [], dtype=dtype)
    labels = [rng.choice([0.0, 1e-300, 1.0, 1e150, -1e150]) for _ in range(40)]
    yield case("extreme regression", "regression", names, labels, [rng.choice([0.0, 1e-160, 1e8]) for _ in labels])


def multiclass_cases(rng):
    names = ["logloss", "accuracy"]
    for dtype in ["f32", "f64"]:
        for classes in [2, 3, 7]:
            labels = [rng.randrange(classes) for _ in range(60)]
            rows = []
            for label in labels:
                # Eighths, so that argmax meets ties and zeros meet the clip.
                counts = [rng.randrange(classes) if rng.random() < 0.5 else label for _ in range(8)]
                rows.append([counts.count(k) / 8 for k in range(classes)])
            weights = [rng.choice([0.0, 0.5, 2.0]) for _ in labels]
            name = f"{classes} classes {dtype}"
            yield case(name, "multiclass", names, labels, rows, classes=classes, dtype=dtype)
            yield case(f"{name}, weights", "multiclass", names, labels, rows, weights, classes, dtype)
            yield case(f"{name}, one label", "multiclass", names, [1] * 9, rows[:9], classes=classes, dtype=dtype)
    yield case("3 classes, empty", "multiclass", names, [], np.zeros((0, 3)), classes=3)


def summaries(rng):
    for n in [2, 3, 5, 10, 40]:
        a = [rng.gauss(0.78, 0.004) for _ in range(n)]
        b = [x - 0.002 + rng.gauss(0.0, 0.003) for x in a]
        result = stats.ttest_rel(a, b)
        interval = result.confidence_interval(confidence_level=0.95)
        yield {
            "a": a,
            "b": b,
            "mean": float(np.mean(a)),
            "sd": float(np.std(a, ddof=1)),
            "difference": float(np.mean(np.subtract(a, b))),
            "low": float(interval.low),
            "high": float(interval.high),
        }


def main():
    rng = random.Random(20180819)
    golden = {
        "source": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {np.__version__}",
        "cases": [*binary_cases(rng), *regression_cases(rng), *multiclass_cases(rng)],
        "paired": list(summaries(rng)),
        "t_quantiles": {str(df): float(stats.t.ppf(0.975, df)) for df in [1, 2, 3, 4, 9, 29, 49, 199, 999]},
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    lines = ",\n".join(f"  {json.dumps(key)}: {one_per_line(value)}" for key, value in golden.items())
    path.write_text(f"{{\n{lines}\n}}\n")


def one_per_line(value):
    """A list with one element a line, so that a changed case is one changed line."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"    {json.dumps(item, allow_nan=False)}" for item in value) + "\n  ]"
    return json.dumps(value, allow_nan=False)


if __name__ == "__main__":
    main()
