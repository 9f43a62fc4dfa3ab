"""Validate and calibrate classifiers on held-out examples.

Stratified cross-validation, a temperature for the confidences (Guo et al. 2017, section 4.2), and
the limits below which an answer is "none of these", tested by leaving out whole labels.
Deterministic for a seed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.analysis.scorers import Fit, Labels, centroids
from simile.types import Embeddings

FOLDS = 5
_TEMPERATURES = np.geomspace(0.02, 5.0, 80)
_REFUSED = 0.01
"""Share of right answers that each of the two limits may reject."""


@dataclass(frozen=True)
class RefusalLimits:
    """The limits below which an answer is "none of these"."""

    confidence: float = 0.0
    cosine: float = -1.0
    """Cosine to the nearest label's centroid."""


def folds(labels: Labels, seed: int) -> NDArray[np.int64]:
    """Return each example's fold; -1 for a label's only example, which is always trained on."""
    chance = np.random.default_rng(seed)
    fold = np.full(len(labels), -1)
    for label in np.unique(labels):
        rows = chance.permutation(np.flatnonzero(labels == label))
        if len(rows) > 1:
            fold[rows] = (np.arange(len(rows)) + chance.integers(FOLDS)) % FOLDS
    return fold


def held_out(
    fit: Fit, unit: Embeddings, labels: Labels, count: int, fold: NDArray[np.int64]
) -> Embeddings:
    """Return held-out logits of each example, float32 (n, count); NaN for those without a fold."""
    logits = np.full((len(labels), count), np.nan, np.float32)
    for part in np.unique(fold[fold >= 0]):
        unseen = fold == part
        logits[unseen] = fit(unit[~unseen], labels[~unseen], count).logits(unit[unseen])
    return logits


def probabilities(logits: Embeddings, temperature: float) -> NDArray[np.float64]:
    """Return the softmax of logits / temperature, float64 (n, labels)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True, initial=-np.inf)
    powers = np.exp(scaled)
    total: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return total


def best_temperature(logits: Embeddings, labels: Labels) -> float:
    """Return the temperature under which the right labels are likeliest."""

    def surprise(temperature: float) -> float:
        right = probabilities(logits, temperature)[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    return float(min(_TEMPERATURES, key=surprise))


def centroid_cosines(
    unit: Embeddings, labels: Labels, count: int, fold: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return each example's cosine to the nearest centroid of the other folds, float32 (n,)."""
    nearest = np.full(len(labels), np.nan, np.float32)
    for part in np.unique(fold[fold >= 0]):
        unseen = fold == part
        centers = centroids(unit[~unseen], labels[~unseen], count)
        nearest[unseen] = (unit[unseen] @ centers.T).max(axis=1)
    return nearest


def limits(
    confidence: NDArray[np.float64], cosine: NDArray[np.float32], right: NDArray[np.bool_]
) -> RefusalLimits:
    """Return the highest limits that reject at most a share of _REFUSED of the right answers."""
    if not right.any():
        return RefusalLimits()
    return RefusalLimits(
        float(np.quantile(confidence[right], _REFUSED)),
        float(np.quantile(cosine[right], _REFUSED)),
    )


def refused_unknown(
    fit: Fit,
    unit: Embeddings,
    labels: Labels,
    count: int,
    bounds: RefusalLimits,
    temperature: float,
) -> float | None:
    """Return the share of examples answered "none of these" if their label is left out.

    Leaves out a fifth of the labels at a time; None if there are too few labels.
    """
    if count < 2 * FOLDS:
        return None
    refused = np.zeros(len(labels), np.bool_)
    for part in range(FOLDS):
        out = labels % FOLDS == part
        logits = fit(unit[~out], labels[~out], count).logits(unit[out])
        sure = probabilities(logits, temperature).max(axis=1) >= bounds.confidence
        centers = centroids(unit[~out], labels[~out], count)
        near = (unit[out] @ centers.T).max(axis=1) >= bounds.cosine
        refused[out] = ~(sure & near)
    return float(refused.mean())
