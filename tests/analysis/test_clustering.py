"""Clusters that are there are found, the same each time; what is in none is said to be so."""

import subprocess
import sys

import numpy as np
import pytest

from simile.analysis import cluster
from simile.errors import InputError, MissingExtraError

CENTERS = np.random.default_rng(7).standard_normal((6, 32)).astype(np.float32)
SIZES = (40, 35, 30, 25, 20, 15)


def blobs(spread=0.25, strays=0):
    chance = np.random.default_rng(1)
    labels = np.repeat(np.arange(len(SIZES)), SIZES)
    rows = CENTERS[labels] + spread * chance.standard_normal((len(labels), 32))
    far = chance.standard_normal((strays, 32))
    return np.concatenate([rows, far]).astype(np.float32), np.append(labels, [-1] * strays)


def test_density_finds_how_many_clusters_there_are_and_leaves_strays_out():
    rows, labels = blobs(strays=4)
    found = cluster(rows)
    assert found.method == "hdbscan"
    assert [one.size for one in found.clusters] == list(SIZES)
    assert np.array_equal(found.labels, labels)
    assert (found.nearest[labels < 0] >= 0).all()
    assert np.array_equal(found.nearest[labels >= 0], labels[labels >= 0])


@pytest.mark.parametrize("count", [6, 2])
def test_as_many_clusters_as_asked_for_and_no_outliers(count):
    rows, _ = blobs(strays=3)
    found = cluster(rows, count=count)
    assert found.method == "kmeans"
    assert len(found.clusters) == count
    assert found.labels.min() == 0
    assert sum(one.size for one in found.clusters) == len(rows)


@pytest.mark.parametrize("count", [None, 6])
def test_one_seed_one_answer(count):
    rows, _ = blobs(spread=0.6)
    first, second = cluster(rows, count=count, seed=3), cluster(rows, count=count, seed=3)
    assert np.array_equal(first.labels, second.labels)
    assert first.clusters == second.clusters


def test_the_rows_nearest_the_center_are_given_nearest_first():
    rows, labels = blobs()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for one in cluster(rows, shown=3).clusters:
        members = np.flatnonzero(labels == one.label)
        cosines = unit[members] @ unit[members].mean(axis=0)
        assert list(one.nearest) == members[np.argsort(-cosines)[:3]].tolist()


@pytest.mark.parametrize("count", [None, 6])
def test_clusters_that_lie_apart_are_stable_and_those_of_noise_are_not(count):
    apart = cluster(blobs()[0], count=count)
    assert min(one.stability for one in apart.clusters) > 0.95
    noise = cluster(np.random.default_rng(0).standard_normal((200, 32)), count=count)
    assert np.mean([one.stability for one in noise.clusters]) < 0.75


def test_one_vector_is_an_outlier_and_none_are_no_clusters():
    assert cluster(np.ones((1, 3))).labels.tolist() == [-1]
    empty = cluster(np.ones((0, 3)))
    assert (empty.labels.shape, empty.clusters, empty.centers.shape) == ((0,), (), (0, 3))
    assert cluster(np.ones((1, 3)), count=1).labels.tolist() == [0]


def test_equal_vectors_are_one_cluster_where_they_are_enough():
    assert [one.size for one in cluster(np.ones((20, 3))).clusters] == [20]
    assert cluster(np.ones((4, 3))).clusters == ()
    assert len(cluster(np.ones((20, 3)), count=3).clusters) == 1


def test_groups_of_equal_vectors_are_clusters():
    rows = np.repeat(np.eye(4, dtype=np.float32), 12, axis=0)
    assert np.array_equal(cluster(rows).labels, np.repeat(np.arange(4), 12))


def test_a_row_of_zeros_belongs_to_no_cluster():
    rows, _ = blobs()
    rows[7] = 0
    for count in (None, 6):
        found = cluster(rows, count=count)
        assert (found.labels[7], found.nearest[7]) == (-1, -1)
        assert len(found.clusters) == 6
    assert cluster(np.zeros((3, 2))).clusters == ()


def test_what_cannot_be_used_is_refused():
    rows, _ = blobs()
    with pytest.raises(InputError, match=r"count is 0; expected 1 to 165"):
        cluster(rows, count=0)
    with pytest.raises(InputError, match=r"count is 166"):
        cluster(rows, count=166)
    with pytest.raises(InputError, match="min_size is 1; expected at least 2"):
        cluster(rows, min_size=1)
    with pytest.raises(InputError, match="are mutually exclusive"):
        cluster(rows, count=3, min_size=3)
    with pytest.raises(InputError, match="1 texts and 165 vectors"):
        cluster(rows, ["one"])
    with pytest.raises(InputError, match="the seed is -1"):
        cluster(rows, seed=-1)
    with pytest.raises(InputError, match="differ in length"):
        cluster([[1.0, 2.0], [3.0]])
    rows[5, 3] = np.nan
    with pytest.raises(InputError, match="row 5 "):
        cluster(rows)


def test_a_least_size_leaves_smaller_clusters_out():
    rows, _ = blobs()
    assert [one.size for one in cluster(rows, min_size=23).clusters] == [40, 35, 30, 25]


def test_nothing_of_scikit_learn_is_imported_before_it_is_needed():
    code = (
        "import sys, simile.analysis; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_extra_it_is_named(monkeypatch):
    for name in list(sys.modules):
        if name.partition(".")[0] == "sklearn":
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simile\[analysis\]'"):
        cluster(blobs()[0])
