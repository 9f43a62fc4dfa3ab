"""Fit scorers of labels to example vectors: centroids, neighbors, logistic regression.

Each is a few arrays, so a classifier can be saved without code. Scores are logits: higher is
nearer, and their softmax (with a temperature) is the confidence. Knows arrays and label numbers.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.extras import optional
from simile.types import Embeddings

_SHARPNESS = 20.0
"""Scale of cosines before the temperature: a difference of 0.05 becomes a factor of e."""
_BLOCK = 1024
_ITERATIONS = 300
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Linear:
    """One direction per label."""

    weights: Embeddings
    """float32 (labels, dim)."""
    bias: NDArray[np.float32]

    def logits(self, unit: Embeddings) -> Embeddings:
        """Score rows of length 1; float32 (n, labels)."""
        logits: Embeddings = unit @ self.weights.T + self.bias
        return logits


@dataclass(frozen=True)
class Neighbors:
    """The examples; the k nearest vote, weighted by nearness."""

    examples: Embeddings
    labels: Labels
    count: int
    """Number of labels."""
    k: int

    def logits(self, unit: Embeddings) -> Embeddings:
        """Score rows of length 1; float32 (n, labels)."""
        return np.concatenate(
            [self._block(unit[at : at + _BLOCK]) for at in range(0, len(unit), _BLOCK)]
            or [np.empty((0, self.count), np.float32)]
        )

    def _block(self, unit: Embeddings) -> Embeddings:
        cosines = unit @ self.examples.T
        k = min(self.k, len(self.examples))
        near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        votes = np.zeros((len(unit), self.count), np.float64)
        weights = np.exp(_SHARPNESS * (np.take_along_axis(cosines, near, axis=1) - 1.0))
        np.add.at(votes, (np.arange(len(unit))[:, None], self.labels[near]), weights)
        logits: Embeddings = np.log(votes + np.exp(-2 * _SHARPNESS)).astype(np.float32)
        return logits


Scorer = Linear | Neighbors
Fit = Callable[[Embeddings, Labels, int], Scorer]


def centroids(unit: Embeddings, labels: Labels, count: int) -> Embeddings:
    """Return each label's mean direction, float32 (count, dim); zeros for labels without rows."""
    sums = np.zeros((count, unit.shape[1]), np.float64)
    np.add.at(sums, labels, unit)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def nearest_centroid(unit: Embeddings, labels: Labels, count: int) -> Linear:
    """Score by the cosine to each label's centroid, which may be a single example."""
    weights = _SHARPNESS * centroids(unit, labels, count)
    return Linear(weights.astype(np.float32), _absent(labels, count))


def nearest_neighbors(unit: Embeddings, labels: Labels, count: int, *, k: int) -> Neighbors:
    """Score by the votes of the k nearest examples."""
    return Neighbors(unit, labels, count, k)


def logistic_regression(unit: Embeddings, labels: Labels, count: int, *, c: float) -> Linear:
    """Fit scikit-learn's multinomial model; `c` is the inverse strength of the penalty."""
    there, compact = np.unique(labels, return_inverse=True)
    if len(there) < 2:  # Nothing to distinguish.
        return nearest_centroid(unit, labels, count)
    model: Any = optional("sklearn.linear_model", extra="analysis").LogisticRegression(
        C=c, max_iter=_ITERATIONS
    )
    with warnings.catch_warnings():  # Few examples for a label; no convergence.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(unit, compact)
    weights, bias = model.coef_, model.intercept_
    if len(there) == 2:  # scikit-learn stores only the difference.
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights = np.zeros((count, unit.shape[1]), np.float32)
    all_bias = _absent(labels, count)
    all_weights[there], all_bias[there] = weights, bias
    return Linear(all_weights, all_bias)


def _absent(labels: Labels, count: int) -> NDArray[np.float32]:
    """Return 0 for each label, but a prohibitive bias for labels without examples."""
    bias = np.full(count, -1e4, np.float32)
    bias[np.unique(labels)] = 0.0
    return bias


PROTOTYPES = "prototypes"
METHODS: dict[str, Fit] = {
    "nearest centroid": nearest_centroid,
    "5 nearest neighbors": partial(nearest_neighbors, k=5),
    **{
        f"logistic regression (C={c})": partial(logistic_regression, c=float(c))
        for c in (1, 10, 30, 100)
    },
}
"""Simple ones first: the first of equally good ones is chosen."""
