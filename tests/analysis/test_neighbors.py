"""The nearest rows are those of brute force; within cells, nearly all of them."""

import numpy as np
import pytest

from simile.analysis.neighbors import averaged, nearest_rows


def unit(count, dim=24, seed=0):
    chance = np.random.default_rng(seed)
    rows = chance.standard_normal((40, dim))[chance.integers(0, 40, count)]
    rows = rows + 0.5 * chance.standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def brute(rows, k):
    products = rows.astype(np.float64) @ rows.T
    np.fill_diagonal(products, -9)
    return np.argsort(-products, axis=1)[:, :k]


@pytest.mark.parametrize(("count", "k"), [(2, 1), (7, 6), (900, 10), (3000, 15)])
def test_exact_up_to_so_many_rows(count, k):
    rows = unit(count)
    found, cosines = nearest_rows(rows, k)
    assert np.array_equal(np.sort(found), np.sort(brute(rows, k)))
    assert np.allclose(cosines, np.einsum("ij,ikj->ik", rows, rows[found]), atol=1e-6)


def test_cells_find_nearly_all_and_never_the_row_itself():
    rows = unit(4000)
    found, cosines = nearest_rows(rows, 10, exact_rows=0)
    shared = [len(set(a) & set(b)) for a, b in zip(found, brute(rows, 10), strict=True)]
    assert np.mean(shared) > 9
    assert not (found == np.arange(4000)[:, None]).any()
    assert all(len(set(some)) == 10 for some in found.tolist())
    assert np.allclose(cosines, np.einsum("ij,ikj->ik", rows, rows[found]), atol=1e-6)


def test_equal_rows_have_equal_rows_as_neighbors():
    rows = np.repeat(unit(3), 1000, axis=0)
    for exact_rows in (0, 20_000):
        found, cosines = nearest_rows(rows, 10, exact_rows=exact_rows)
        assert np.allclose(cosines, 1, atol=1e-5)
        assert np.array_equal(rows[found], np.repeat(rows[:, None], 10, axis=1))
        assert not (found == np.arange(3000)[:, None]).any()


def test_averaging_draws_rows_together_and_keeps_their_length():
    rows = unit(300)
    found, _ = nearest_rows(rows, 5)
    once = averaged(rows, found, 1)
    expected = rows[0] + rows[found[0]].sum(axis=0)
    assert np.allclose(once[0], expected / np.linalg.norm(expected), atol=1e-6)
    twice = averaged(rows, found, 2)
    assert np.allclose(np.linalg.norm(twice, axis=1), 1, atol=1e-6)
    pairs = np.einsum("ij,ikj->ik", twice, twice[found]).mean()
    assert pairs > np.einsum("ij,ikj->ik", rows, rows[found]).mean()
