"""scikit-learn's exact AUC of generated predictions."""

import numpy
from sklearn.metrics import roc_auc_score

from timed.cases import AUC_ROWS
from timed.rounds import time_rounds


def time_auc(seconds: float) -> dict:
    """A fifth is positive and ranks a little higher."""
    generator = numpy.random.default_rng(1)
    labels = (generator.random(AUC_ROWS) < 0.2).astype(numpy.float32)
    scores = generator.random(AUC_ROWS, dtype=numpy.float32)
    scores = numpy.where(labels == 1, numpy.sqrt(scores), scores)
    timed = time_rounds(seconds, 1, lambda _: roc_auc_score(labels, scores))
    return {"case": "auc", "rows": AUC_ROWS, "form": "roc_auc_score", "seconds": timed}
