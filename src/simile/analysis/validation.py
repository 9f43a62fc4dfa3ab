"""Labeled vectors to what each method would have said of those it did not see.

Stratified cross-validation; a temperature for the confidences (Guo et al. 2017, section 4.2); and
the limits below which an answer is "none of these", for which labels that are left out altogether
stand in for the unknown. The same each time under a seed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.analysis.scorers import Fit, Labels, centroids
from simile.types import Embeddings

FOLDS = 5
_TEMPERATURES = np.geomspace(0.02, 5.0, 80)
_REFUSED = 0.01
"""Share of right answers that each of the two limits may cost."""


@dataclass(frozen=True)
class RefusalLimits:
    """Below either of them an answer is "none of these"."""

    confidence: float = 0.0
    cosine: float = -1.0
    """To the nearest centroid of a label."""


def folds(labels: Labels, seed: int) -> NDArray[np.int64]:
    """The fold of each example, -1 for the only one of its label, which is always learnt from."""
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
    """Logits of each example by a scorer that did not see it, float32 (n, count); NaN for none."""
    logits = np.full((len(labels), count), np.nan, np.float32)
    for part in np.unique(fold[fold >= 0]):
        unseen = fold == part
        logits[unseen] = fit(unit[~unseen], labels[~unseen], count).logits(unit[unseen])
    return logits


def probabilities(logits: Embeddings, temperature: float) -> NDArray[np.float64]:
    """The softmax of logits over a temperature, float64 (n, labels)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True, initial=-np.inf)
    powers = np.exp(scaled)
    total: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return total


def best_temperature(logits: Embeddings, labels: Labels) -> float:
    """Under which the right labels were likeliest."""

    def surprise(temperature: float) -> float:
        right = probabilities(logits, temperature)[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    return float(min(_TEMPERATURES, key=surprise))


def centroid_cosines(
    unit: Embeddings, labels: Labels, count: int, fold: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Of each example to the nearest centroid of the examples in other folds, float32 (n,)."""
    nearest = np.full(len(labels), np.nan, np.float32)
    for part in np.unique(fold[fold >= 0]):
        unseen = fold == part
        centers = centroids(unit[~unseen], labels[~unseen], count)
        nearest[unseen] = (unit[unseen] @ centers.T).max(axis=1)
    return nearest


def limits(
    confidence: NDArray[np.float64], cosine: NDArray[np.float32], right: NDArray[np.bool_]
) -> RefusalLimits:
    """As high as they can be without costing more than a few of the right answers."""
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
    """Share of examples answered "none of these" where their label was not known.

    A fifth of the labels is left out at a time; None where there are too few to leave some out.
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
