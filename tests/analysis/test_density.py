"""HDBSCAN on the graph of neighbors agrees with HDBSCAN on all distances."""

import numpy as np
from sklearn.cluster import HDBSCAN

from simile.analysis.density import density_labels


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def same_groups(first, second):
    pairs = {(int(a), int(b)) for a, b in zip(first, second, strict=True)}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_clusters_are_those_of_all_distances():
    chance = np.random.default_rng(3)
    centers = chance.standard_normal((8, 16))
    rows = unit(centers.repeat(40, axis=0) + 0.15 * chance.standard_normal((320, 16)))
    found = density_labels(rows, min_size=10, seed=0)
    cosines = rows.astype(np.float64) @ rows.T
    every = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    np.fill_diagonal(every, 0)
    exact = HDBSCAN(min_cluster_size=10, min_samples=2, metric="precomputed", copy=True)
    assert same_groups(found, exact.fit_predict((every + every.T) / 2))
    assert found.max() == 7


def test_parts_of_the_graph_that_lie_apart_are_joined():
    rows = unit(np.eye(5).repeat(30, axis=0) + np.random.default_rng(0).normal(0, 0.01, (150, 5)))
    found = density_labels(rows, min_size=5, seed=0)
    assert same_groups(found, np.arange(5).repeat(30))


def test_fewer_rows_than_a_cluster_needs_are_all_outliers():
    rows = unit(np.eye(3))
    assert density_labels(rows, min_size=5, seed=0).tolist() == [-1] * 3
