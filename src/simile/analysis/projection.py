"""Project vectors onto the plane, keeping near ones near: for pictures, not for measurement.

Uses UMAP (McInnes, Healy & Melville 2018) if umap-learn is installed, else principal components and
t-SNE (van der Maaten & Hinton 2008; van der Maaten 2014). With many rows t-SNE places a sample, and
the others are placed beside the nearest rows of the sample.
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
"""Maximum number of rows for t-SNE, which would take hours for 100,000."""
_COMPONENTS = 50
_PERPLEXITY = 30.0
_ANCHORS = 5
_BLOCK = 4_096


@dataclass(frozen=True)
class Projection:
    """The position of each row in the plane."""

    points: Embeddings
    """float32 (n, 2), from 0 to 1, the same scale for both coordinates."""
    method: str
    """The method, worded for a caption."""


def project(
    vectors: ArrayLike,
    *,
    seed: int = 0,
    sample: int = SAMPLE,
    umap: bool | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Projection:
    """Project vectors (n, dim) onto the plane; deterministic for a seed. Blocks, maybe for minutes.

    `umap` True requires the extra `map`; None uses it if installed. Raises InputError for invalid
    vectors and MissingExtraError for a missing package.
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
    """Return centered rows on their principal axes, at most 50, excluding those of no variance."""
    mean = unit.mean(axis=0, dtype=np.float64) if len(unit) else np.zeros(unit.shape[1])
    centered = (unit - mean).astype(np.float32)
    spread, axes = np.linalg.eigh(centered.T.astype(np.float64) @ centered)
    kept = np.flatnonzero(spread > 1e-9 * max(1.0, len(unit)))[::-1][:_COMPONENTS]
    chosen = axes[:, kept]
    # The sign of an axis is arbitrary; fix it, so that it does not depend on the library.
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
        warnings.simplefilter("ignore")  # UMAP warns that a seed means one thread.
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
        f"principal components, then t-SNE of {len(chosen):,} random texts; the others are placed "
        "beside the nearest of them"
    )


def _tsne(rows: Embeddings, seed: int) -> Embeddings:
    # Starting from the first two components preserves global structure (Kobak & Berens 2019).
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
    """Place rows between their nearest anchors, weighted by distance, with proportional jitter."""
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
        # Anchors far apart on the map would put a row between them, near neither.
        nearest = placed[near[np.arange(len(part)), weights.argmax(axis=1)]]
        apart = np.median(np.linalg.norm(placed[near] - nearest[:, None], axis=2), axis=1)
        far = np.linalg.norm(middle - nearest, axis=1) > 2 * apart + 1e-9
        middle[far] = nearest[far]
        spread = np.minimum(apart, np.median(apart))[:, None]
        points[start : start + _BLOCK] = middle + chance.normal(0, 0.35, middle.shape) * spread
    return points


def _framed(points: Embeddings) -> Embeddings:
    """Scale to 0 to 1, filled by the wider coordinate; a single point is in the middle."""
    if not len(points):
        return points.astype(np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max()) or 1.0
    framed: Embeddings = ((points - (low + high) / 2) / side + 0.5).astype(np.float32)
    return framed
