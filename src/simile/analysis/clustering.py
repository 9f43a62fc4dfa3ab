"""Cluster vectors; report each cluster's size, stability, central rows and distinguishing words.

Rows are first averaged with their neighbors, which sharpens the clusters. Then HDBSCAN finds their
number, or k-means makes as many as requested (k-means++: Arthur & Vassilvitskii 2007; mini-batch
for many rows: Sculley 2010), both from scikit-learn.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simile.analysis.density import Labels, density_labels
from simile.analysis.neighbors import averaged, nearest_rows
from simile.analysis.unit_rows import unit_rows
from simile.analysis.words import label_words
from simile.errors import InputError
from simile.extras import optional
from simile.types import Embeddings

NEIGHBORS = 10
"""Neighbors that a row is averaged with, twice; chosen on Banking77 (docs/analysis.md)."""
_ROUNDS = 2
_FEW_ROWS = 20_000
"""Maximum number of rows for full-batch k-means."""
_RESAMPLED = 4
_KEPT = 0.8
_BLOCK = 8_192
_EQUAL = 1e-6
_FENCE = 3.0


@dataclass(frozen=True)
class Cluster:
    """A group of rows; labels number the clusters by size, from the largest, 0."""

    label: int
    size: int
    stability: float
    """0 to 1: the mean Jaccard similarity with the most similar cluster when a random four fifths
    of the rows, at most 20,000, are clustered again (Hennig 2007). Stable from .75, dissolves below
    .5."""
    nearest: tuple[int, ...]
    """The rows nearest to the center, nearest first."""
    words: tuple[str, ...]
    """The distinguishing words, best first; empty without texts."""


@dataclass(frozen=True)
class Clustering:
    """The result of `cluster`."""

    labels: Labels
    """int32 (n,): the cluster of each row; -1 for an outlier."""
    clusters: tuple[Cluster, ...]
    nearest: Labels
    """int32 (n,): a row's own cluster; for an outlier the one with the nearest center, or -1 if
    there is no cluster or the row is zero."""
    centers: Embeddings
    """float32 (clusters, dim), of length 1."""
    method: str
    """`hdbscan` or `kmeans`."""


def cluster(
    vectors: ArrayLike,
    texts: Sequence[str] | None = None,
    *,
    count: int | None = None,
    min_size: int | None = None,
    seed: int = 0,
    shown: int = 5,
    progress: Callable[[float], None] = lambda share: None,
) -> Clustering:
    """Group vectors (n, dim) by direction; deterministic for a seed. Blocks until done.

    With `count`, k-means makes this many clusters of all nonzero rows. Without it, HDBSCAN finds
    clusters of at least `min_size` rows (default: sqrt(n) / 4, at least 5) and leaves outliers.
    Each cluster has `shown` rows and words. Raises InputError for invalid input, and
    MissingExtraError without the extra `analysis`.
    """
    unit = unit_rows(vectors, texts)
    there = np.flatnonzero(unit.any(axis=1))
    _require(count, min_size, seed, len(there))
    method = _Method(count, min_size or max(5, round(len(there) ** 0.5 / 4)), seed)
    labels = np.full(len(unit), -1, np.int32)
    stability: list[float] = []
    if len(there):
        labels[there], stability = _labels(unit[there], method, progress)
    centers, cosines, nearest = _centers(unit, labels, len(stability))
    nearest[~unit.any(axis=1)] = -1
    words = [()] * len(centers) if texts is None else label_words(
        texts, labels, len(centers), count=shown
    )  # fmt: skip
    clusters = tuple(
        Cluster(label, len(rows), stability[label], tuple(rows[:shown].tolist()), words[label])
        for label, rows in enumerate(_by_cosine(labels, cosines, len(centers)))
    )
    progress(1.0)
    return Clustering(labels, clusters, nearest, centers, method.name)


def _require(count: int | None, min_size: int | None, seed: int, rows: int) -> None:
    if count is not None and min_size is not None:
        raise InputError("count and min_size are mutually exclusive: k-means has no minimum size")
    if count is not None and not 1 <= count <= rows:
        raise InputError(f"count is {count}; expected 1 to {rows:,}, the number of nonzero vectors")
    if min_size is not None and min_size < 2:
        raise InputError(f"min_size is {min_size}; expected at least 2")
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed is {seed}; expected 0 to 2**32 - 1")


@dataclass(frozen=True)
class _Method:
    """The clustering method, applied to all rows and to samples of them."""

    count: int | None
    min_size: int
    seed: int

    @property
    def name(self) -> str:
        return "hdbscan" if self.count is None else "kmeans"

    def neighbors(self, rows: int) -> int:
        """Return how many neighbors to average with: few enough to stay within a cluster."""
        expected = self.min_size if self.count is None else rows // (2 * self.count)
        return min(NEIGHBORS, expected, rows - 1)

    def labels(self, unit: Embeddings, starts: int, progress: Callable[[float], None]) -> Labels:
        """Return labels int32 (n,), -1 for outliers, numbered arbitrarily."""
        rows, k = unit, self.neighbors(len(unit))
        if k > 0:
            rows = averaged(
                unit, nearest_rows(unit, k, seed=self.seed, progress=progress)[0], _ROUNDS
            )
        if self.count is not None:
            return _kmeans(rows, min(self.count, len(unit)), starts, self.seed)
        labels = density_labels(rows, min_size=self.min_size, seed=self.seed)
        return _fenced(unit, labels)


def _labels(
    unit: Embeddings, method: _Method, progress: Callable[[float], None]
) -> tuple[Labels, list[float]]:
    """Return labels numbered by size, and each cluster's stability."""
    if _all_equal(unit):
        enough = method.count is not None or len(unit) >= method.min_size
        return np.full(len(unit), 0 if enough else -1, np.int32), [1.0] * enough
    labels = _by_size(method.labels(unit, 10, lambda share: progress(share / 2)))
    clusters = int(labels.max()) + 1
    chance = np.random.default_rng(method.seed)
    similar = np.zeros((_RESAMPLED, clusters))
    size = max(1, min(_FEW_ROWS, round(_KEPT * len(unit))))
    smaller = replace(method, min_size=max(2, round(method.min_size * size / len(unit))))
    for turn in range(_RESAMPLED):
        progress(0.6 + 0.1 * turn)
        kept = np.sort(chance.permutation(len(unit))[:size])
        again = smaller.labels(unit[kept], 1, lambda share: None)
        similar[turn] = _jaccard(labels[kept], again, clusters)
    return labels, similar.mean(axis=0).tolist()


def _all_equal(unit: Embeddings) -> bool:
    return len(unit) == 1 or bool((np.abs(unit - unit[0]).max(axis=1) < _EQUAL).all())


def _kmeans(rows: Embeddings, count: int, starts: int, seed: int) -> Labels:
    learn = optional("sklearn.cluster", extra="analysis")
    kmeans: Any
    if len(rows) < _FEW_ROWS:
        kmeans = learn.KMeans(count, n_init=starts, random_state=seed)
    else:
        kmeans = learn.MiniBatchKMeans(
            count,
            n_init=starts,
            random_state=seed,
            batch_size=_BLOCK,
            max_iter=20,
            init_size=max(2_000, 3 * count),
        )
    with warnings.catch_warnings():
        # scikit-learn warns of fewer distinct rows than clusters; there are then fewer clusters.
        warnings.simplefilter("ignore")
        labels: Labels = kmeans.fit_predict(rows).astype(np.int32)
    return labels


def _fenced(unit: Embeddings, labels: Labels) -> Labels:
    """Exclude rows far from their cluster's center, and include rows near one.

    Averaging pulls strays in, and HDBSCAN leaves out rows between clusters, so the original vectors
    decide, by Tukey's outer fence (1977): _FENCE interquartile ranges below the lower quartile of
    the members' cosines to the center.
    """
    centers, cosines, nearest = _centers(unit, labels, int(labels.max()) + 1)
    if not len(centers):
        return labels
    least = np.empty(len(centers), np.float32)
    for label, rows in enumerate(_by_cosine(labels, cosines, len(centers))):
        low, high = np.percentile(cosines[rows], (25, 75))
        least[label] = low - _FENCE * (high - low) - _EQUAL
    return np.where(cosines >= least[nearest], nearest, -1).astype(np.int32)


def _by_size(labels: Labels) -> Labels:
    """Renumber the clusters from the largest, dropping empty ones."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes, names < 0))
    number = np.full(int(labels.max(initial=-1)) + 2, -1, np.int32)
    number[names[order]] = np.arange(len(names))
    number[-1] = -1
    return number[labels]


def _centers(
    unit: Embeddings, labels: Labels, clusters: int
) -> tuple[Embeddings, Embeddings, Labels]:
    """Return unit centers; for each row the cosine to its own or the nearest center, and which."""
    nearest, cosines = labels.copy(), np.zeros(len(unit), np.float32)
    centers = np.zeros((clusters, unit.shape[1]), np.float32)
    if not clusters:
        return centers, cosines, nearest
    members = np.flatnonzero(labels >= 0)
    order = members[np.argsort(labels[members], kind="stable")]
    starts = np.searchsorted(labels[order], np.arange(clusters))
    sums = np.add.reduceat(unit[order], starts, axis=0, dtype=np.float64)
    centers[:] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-30)
    for start in range(0, len(unit), _BLOCK):
        products = unit[start : start + _BLOCK] @ centers.T
        own = nearest[start : start + _BLOCK]
        own[:] = np.where(own < 0, products.argmax(axis=1), own)
        cosines[start : start + _BLOCK] = products[np.arange(len(own)), own]
    return centers, cosines, nearest


def _by_cosine(labels: Labels, cosines: Embeddings, clusters: int) -> list[Any]:
    """Return the rows of each cluster, nearest to the center first."""
    order = np.lexsort((-cosines, labels))
    ends = np.searchsorted(labels[order], np.arange(clusters + 1))
    return [order[begin:end] for begin, end in pairwise(ends)]


def _jaccard(labels: Labels, again: Labels, clusters: int) -> NDArray[np.float64]:
    """Return each cluster's similarity with the most similar cluster of `again`."""
    others = int(again.max()) + 1
    if not others:
        return np.zeros(clusters)
    both = (labels >= 0) & (again >= 0)
    pairs, shared = np.unique(
        labels[both].astype(np.int64) * others + again[both], return_counts=True
    )
    sizes = np.bincount(labels[labels >= 0], minlength=clusters)
    sizes_again = np.bincount(again[again >= 0], minlength=others)
    similar = np.zeros(clusters)
    mine, other = np.divmod(pairs, others)
    np.maximum.at(similar, mine, shared / (sizes[mine] + sizes_again[other] - shared))
    return similar
