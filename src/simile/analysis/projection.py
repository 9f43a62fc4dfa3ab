"""Vectors to points in the plane, so that near ones stay near: a picture, no measurement.

UMAP (McInnes, Healy & Melville 2018) where umap-learn is installed; else principal components, then
t-SNE (van der Maaten & Hinton 2008; van der Maaten 2014), of a sample where rows are many: the
others are placed beside those of the sample that they are nearest to.
"""

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simile.analysis.unit_rows import unit_rows
from simile.extras import optional
from simile.types import Embeddings

SAMPLE = 4_000
"""Rows that t-SNE places; its time grows with them, and for 100,000 it would be hours."""
_COMPONENTS = 50
_PERPLEXITY = 30.0
_ANCHORS = 5
_BLOCK = 4_096


@dataclass(frozen=True)
class Projection:
    """Where each row lies in the plane."""

    points: Embeddings
    """float32 (n, 2), from 0 to 1, both coordinates to one scale."""
    method: str
    """What placed them, in words for a caption."""


def project(
    vectors: ArrayLike,
    *,
    seed: int = 0,
    sample: int = SAMPLE,
    umap: bool | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Projection:
    """Lay vectors (n, dim) out in the plane, the same for the same seed. Blocks; minutes for many.

    `umap`: True needs the extra `map`, None takes it where it is. Raises InputError,
    MissingExtraError.
    """
    unit = unit_rows(vectors)
    rows = _components(unit)
    if len(unit) < 5 or not rows.shape[1]:
        points, method = _first_two(rows), "principal components"
    elif umap or (umap is None and importlib.util.find_spec("umap") is not None):
        points, method = _umap(unit, seed), "UMAP"
    else:
        points, method = _tsne_and_beside(rows, sample, seed, progress)
    progress(1.0)
    return Projection(_framed(points), method)


def _components(unit: Embeddings) -> Embeddings:
    """Centered rows on their principal axes, at most 50 and none without any spread."""
    mean = unit.mean(axis=0, dtype=np.float64) if len(unit) else np.zeros(unit.shape[1])
    centered = (unit - mean).astype(np.float32)
    spread, axes = np.linalg.eigh(centered.T.astype(np.float64) @ centered)
    kept = np.flatnonzero(spread > 1e-9 * max(1.0, len(unit)))[::-1][:_COMPONENTS]
    chosen = axes[:, kept]
    # An axis may point either way; which, must not be left to the library.
    chosen *= np.where(chosen.sum(axis=0) < 0, -1, 1)
    return centered @ chosen.astype(np.float32)


def _first_two(rows: Embeddings) -> Embeddings:
    points = np.zeros((len(rows), 2), np.float32)
    points[:, : min(2, rows.shape[1])] = rows[:, :2]
    return points


def _umap(unit: Embeddings, seed: int) -> Embeddings:
    reducer = optional("umap", extra="map").UMAP(
        n_neighbors=min(15, len(unit) - 1), metric="cosine", random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That a seed means one thread.
        points: Embeddings = reducer.fit_transform(unit).astype(np.float32)
    return points


def _tsne_and_beside(
    rows: Embeddings, sample: int, seed: int, progress: Callable[[float], None]
) -> tuple[Embeddings, str]:
    chance = np.random.default_rng(seed)
    chosen = np.sort(chance.permutation(len(rows))[:sample])
    placed = _tsne(rows[chosen], seed)
    progress(0.8)
    if len(chosen) == len(rows):
        return placed, "principal components, then t-SNE"
    points = _beside(rows, rows[chosen], placed, chance)
    points[chosen] = placed
    return points, (
        f"principal components, then t-SNE of {len(chosen):,} texts drawn at random; the others "
        "lie beside those that they are nearest to"
    )


def _tsne(rows: Embeddings, seed: int) -> Embeddings:
    # The first two components as a start keep the large picture (Kobak & Berens 2019).
    start = _first_two(rows)
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    tsne = optional("sklearn.manifold", extra="analysis").TSNE(
        perplexity=min(_PERPLEXITY, (len(rows) - 1) / 3), init=start, max_iter=500,
        random_state=seed,
    )  # fmt: skip
    points: Embeddings = tsne.fit_transform(rows).astype(np.float32)
    return points


def _beside(
    rows: Embeddings, anchors: Embeddings, placed: Embeddings, chance: np.random.Generator
) -> Embeddings:
    """Between the nearest anchors, mostly by the nearest, and spread as far as those lie apart."""
    points = np.empty((len(rows), 2), np.float32)
    squares = (anchors**2).sum(axis=1)
    k = min(_ANCHORS, len(anchors))
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        distances = squares - 2 * part @ anchors.T + (part**2).sum(axis=1)[:, None]
        near = np.argpartition(distances, k - 1, axis=1)[:, :k]
        weights = 1 / (np.take_along_axis(distances, near, axis=1).clip(0) + 1e-3) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        middle = (placed[near] * weights[:, :, None]).sum(axis=1)
        # Anchors that lie across the map from each other would put a row between, near neither.
        nearest = placed[near[np.arange(len(part)), weights.argmax(axis=1)]]
        apart = np.median(np.linalg.norm(placed[near] - nearest[:, None], axis=2), axis=1)
        far = np.linalg.norm(middle - nearest, axis=1) > 2 * apart + 1e-9
        middle[far] = nearest[far]
        spread = np.minimum(apart, np.median(apart))[:, None]
        points[start : start + _BLOCK] = middle + chance.normal(0, 0.35, middle.shape) * spread
    return points


def _framed(points: Embeddings) -> Embeddings:
    """From 0 to 1, the wider coordinate filling it; a point alone is in the middle."""
    if not len(points):
        return points.astype(np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max()) or 1.0
    framed: Embeddings = ((points - (low + high) / 2) / side + 0.5).astype(np.float32)
    return framed
