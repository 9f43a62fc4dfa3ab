"""Vectors of labeled examples to what scores a label: centroids, neighbors, logistic regression.

All end as a few arrays, so that a classifier can be kept without code in it. Scores are logits:
higher is nearer, and their softmax, sharpened later, a confidence. Knows arrays and label numbers.
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
"""Of cosines, before the temperature: what makes a difference of 0.05 a factor of e."""
_BLOCK = 1024
_ITERATIONS = 300
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Linear:
    """One direction for each label."""

    weights: Embeddings
    """float32 (labels, dim)."""
    bias: NDArray[np.float32]

    def logits(self, unit: Embeddings) -> Embeddings:
        """Score rows of length 1; float32 (n, labels)."""
        logits: Embeddings = unit @ self.weights.T + self.bias
        return logits


@dataclass(frozen=True)
class Neighbors:
    """The examples themselves, of which the k nearest vote, the nearer the more."""

    examples: Embeddings
    labels: Labels
    count: int
    """How many labels there are."""
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
    """The mean direction of each label's rows, float32 (count, dim); zeros for one without any."""
    sums = np.zeros((count, unit.shape[1]), np.float64)
    np.add.at(sums, labels, unit)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def nearest_centroid(unit: Embeddings, labels: Labels, count: int) -> Linear:
    """The cosine to each label's centroid; of one example each, that is a prototype."""
    weights = _SHARPNESS * centroids(unit, labels, count)
    return Linear(weights.astype(np.float32), _absent(labels, count))


def nearest_neighbors(unit: Embeddings, labels: Labels, count: int, *, k: int) -> Neighbors:
    """The votes of the k nearest examples."""
    return Neighbors(unit, labels, count, k)


def logistic_regression(unit: Embeddings, labels: Labels, count: int, *, c: float) -> Linear:
    """Multinomial, by scikit-learn; `c` is the inverse strength of the penalty."""
    there, compact = np.unique(labels, return_inverse=True)
    if len(there) < 2:  # There is nothing to tell apart.
        return nearest_centroid(unit, labels, count)
    model: Any = optional("sklearn.linear_model", extra="analysis").LogisticRegression(
        C=c, max_iter=_ITERATIONS
    )
    with warnings.catch_warnings():  # Of few examples for a label, and of steps that ran out.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(unit, compact)
    weights, bias = model.coef_, model.intercept_
    if len(there) == 2:  # It keeps the difference alone.
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights = np.zeros((count, unit.shape[1]), np.float32)
    all_bias = _absent(labels, count)
    all_weights[there], all_bias[there] = weights, bias
    return Linear(all_weights, all_bias)


def _absent(labels: Labels, count: int) -> NDArray[np.float32]:
    """0, and for labels without an example what is never chosen."""
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
"""Simple ones first: of equally good ones the first is taken."""
