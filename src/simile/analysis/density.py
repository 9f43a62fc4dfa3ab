"""Find clusters of any shape and number: HDBSCAN on the nearest-neighbor graph.

All distances of 100,000 rows would not fit in memory; those to the nearest rows are enough to
estimate density. Disconnected parts of the graph are joined at their most central rows.
Campello, Moulavi & Sander 2013, implemented by scikit-learn.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.analysis.neighbors import nearest_rows
from simile.extras import optional
from simile.types import Embeddings

NEIGHBORS = 15
_MIN_DISTANCE = 1e-6
"""Distance of equal rows; 0 would mean no edge."""

Labels = NDArray[np.int32]
Graph = Any
"""A scipy.sparse CSR matrix (n, n) of distances, symmetric."""


def _distances(unit: Embeddings, seed: int) -> Graph:
    neighbors, cosines = nearest_rows(unit, min(NEIGHBORS, len(unit) - 1), seed=seed)
    count, k = neighbors.shape
    return _with_edges(None, np.repeat(np.arange(count), k), neighbors.ravel(), cosines, count)


def density_labels(unit: Embeddings, *, min_size: int, seed: int) -> Labels:
    """Return each row's cluster, int32 (n,), from 0; -1 for outliers. Blocks until done.

    `unit` is float32 (n, dim) with rows of length 1.
    """
    if len(unit) < max(2, min_size):
        return np.full(len(unit), -1, np.int32)
    joined = _joined(unit, _distances(unit, seed), seed)
    hdbscan = optional("sklearn.cluster", extra="analysis").HDBSCAN(
        min_cluster_size=min_size, min_samples=1, metric="precomputed", copy=True
    )
    labels: Labels = hdbscan.fit_predict(joined).astype(np.int32)
    return labels


def _joined(unit: Embeddings, graph: Graph, seed: int) -> Graph:
    """Connect the graph's parts: Borůvka steps over the most central row of each part."""
    components = optional("scipy.sparse.csgraph", extra="analysis").connected_components
    while True:
        count, part = components(graph, directed=False)
        if count == 1:
            return graph
        order = np.argsort(part, kind="stable")
        starts = np.searchsorted(part[order], np.arange(count))
        means = np.add.reduceat(unit[order], starts, axis=0)
        amid = np.lexsort((-np.einsum("ij,ij->i", unit, means[part]), part))[starts]
        nearest, cosines = nearest_rows(unit[amid], 1, seed=seed)
        graph = _with_edges(graph, amid, amid[nearest[:, 0]], cosines, len(unit))


def _with_edges(
    graph: Graph, first: NDArray[Any], second: NDArray[Any], cosines: Embeddings, count: int
) -> Graph:
    lengths = np.sqrt(np.maximum(2 - 2 * cosines.astype(np.float64), 0)).ravel()
    edges = optional("scipy.sparse", extra="analysis").csr_matrix(
        (np.maximum(lengths, _MIN_DISTANCE), (first, second)), (count, count)
    )
    both = edges.maximum(edges.T)
    return (both if graph is None else graph.maximum(both)).tocsr()
