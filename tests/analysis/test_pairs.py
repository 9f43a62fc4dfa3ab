"""All near pairs, compared with looking at every pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.analysis.pairs import near_pairs
from simile.analysis.unit_rows import unit_rows


def clustered(count, dim=48, *, spread=0.35, seed=0):
    chance = np.random.default_rng(seed)
    centers = chance.standard_normal((max(1, count // 8), dim))
    noise = chance.standard_normal((count, dim))
    return unit_rows(centers[chance.integers(len(centers), size=count)] + spread * noise)


def brute_force(unit, floor):
    exact = unit.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    lengths[lengths == 0] = 1.0
    cosines = exact @ exact.T / np.outer(lengths, lengths)
    return {
        (int(i), int(j)): cosines[i, j]
        for i, j in zip(*np.nonzero(np.triu(cosines >= floor, 1)), strict=True)
    }


def found(unit, floor):
    pairs = {}
    for part in near_pairs(unit, floor):
        for one, other, cosine in zip(part.first, part.second, part.cosine, strict=True):
            assert (int(one), int(other)) not in pairs
            pairs[int(one), int(other)] = cosine
    return pairs


@pytest.mark.parametrize("floor", [0.95, 0.9, 0.7, 0.2])
def test_the_pairs_are_those_of_brute_force(floor):
    unit = clustered(1500)
    wanted, got = brute_force(unit, floor), found(unit, floor)
    assert len(wanted) > 10
    assert got.keys() == wanted.keys()
    assert all(abs(got[pair] - cosine) < 1e-12 for pair, cosine in wanted.items())


def test_blocks_of_any_number_of_rows_meet():
    unit = clustered(10_500, dim=8, spread=0.02)
    rows = unit[:, None]
    some = np.random.default_rng(1).integers(0, len(unit), 40)
    wanted = {
        (min(i, j), max(i, j))
        for i in some.tolist()
        for j in np.flatnonzero((rows[i] @ unit.T.astype(np.float64))[0] >= 0.9999).tolist()
        if i != j
    }
    assert wanted <= found(unit, 0.9998).keys()


def test_random_directions_have_no_near_pairs():
    unit = unit_rows(np.random.default_rng(0).standard_normal((2000, 96)))
    assert found(unit, 0.8) == brute_force(unit, 0.8) == {}


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 5), st.floats(-1, 1))
def test_small_sets_are_those_of_brute_force(count, dim, zeros, floor):
    unit = np.vstack(
        [clustered(count, dim) if count else np.empty((0, dim)), np.zeros((zeros, dim))]
    )
    unit = unit.astype(np.float32)
    if any(abs(cosine - floor) < 1e-9 for cosine in brute_force(unit, -1).values()):
        return
    assert found(unit, floor).keys() == brute_force(unit, floor).keys()


def test_progress_ends_at_the_whole():
    shares: list[float] = []
    list(near_pairs(clustered(3000), 0.9, progress=shares.append))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
