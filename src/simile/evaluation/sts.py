"""Correlate cosines of sentence pairs with human scores: Pearson and Spearman.

Spearman is Pearson of the ranks, averaged for equal values (Kendall 1948, chapter 3).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isnan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simile.evaluation.datasets import SentencePair
from simile.numerics import unit
from simile.protocols import EmbeddingModel
from simile.types import Role

_BATCH = 512


@dataclass(frozen=True)
class Correlation:
    """Correlation of cosines with human scores, -1 to 1; NaN if either is constant."""

    pearson: float
    spearman: float
    pairs: int

    def to_json(self) -> str:
        """Format as one JSON object; NaN becomes null."""
        told = asdict(self).items()
        return json.dumps({name: None if isnan(value) else value for name, value in told})

    def to_text(self) -> str:
        """Format as one line, times 100, as usually published."""
        spearman, pearson = 100 * self.spearman, 100 * self.pearson
        return f"spearman {spearman:.2f}   pearson {pearson:.2f}   {self.pairs:,} pairs"


def correlate(
    model: EmbeddingModel,
    pairs: Sequence[SentencePair],
    *,
    role: Role = "query",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Correlation:
    """Embed both sentences of all pairs, in one role because neither is a query for the other."""
    cosines: list[NDArray[np.float64]] = []
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        texts = [pair.first for pair in batch] + [pair.second for pair in batch]
        vectors = unit(model.embed(texts, role=role)).astype(np.float64)
        cosines.append((vectors[: len(batch)] * vectors[len(batch) :]).sum(axis=1))
        progress(start + len(batch), len(pairs))
    found = np.concatenate(cosines) if cosines else np.empty(0)
    scores = np.array([pair.score for pair in pairs])
    return Correlation(pearson(found, scores), spearman(found, scores), len(pairs))


def pearson(some: ArrayLike, others: ArrayLike) -> float:
    """Return the correlation of two series, float (n,) each; NaN if either is constant."""
    one, other = np.asarray(some, np.float64), np.asarray(others, np.float64)
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    one, other = one - one.mean(), other - other.mean()
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def spearman(some: ArrayLike, others: ArrayLike) -> float:
    """Return the correlation of the ranks of two series; NaN if either is constant."""
    return pearson(ranks(some), ranks(others))


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Return ascending ranks from 1, float64 (n,); equal values share their mean rank."""
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return mean
