"""The nearest rows are those of a product with every row, whichever way they were found."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simile.store.codes import encode, same_codes
from simile.store.nearest import LIMITS, NearestLimits, nearest
from simile.store.products import Blocks, products

PLAIN = NearestLimits(few=10**9)
WAYS = {
    "default": LIMITS,
    "plain": PLAIN,
    "plain in small blocks": NearestLimits(few=10**9, blocks=Blocks(rows=3, gather=0.5)),
    "plain on threads": NearestLimits(few=10**9, blocks=Blocks(rows=3, threaded=1, threads=3)),
    "codes": NearestLimits(few=20, most=1, blocks=Blocks(rows=16, gather=0)),
    "codes, copied": NearestLimits(few=10, most=1, blocks=Blocks(rows=5, gather=1)),
    "codes, a row at a time": NearestLimits(few=30, most=1, blocks=Blocks(rows=1, gather=0)),
    "codes on threads": NearestLimits(few=20, most=1, blocks=Blocks(rows=7, threaded=1, threads=3)),
    "codes, many left": NearestLimits(few=3, most=1, blocks=Blocks(rows=11)),
}
KINDS = ["normal", "grid", "twins", "near", "sparse", "mixed", "tiny", "huge", "zero", "constant"]


def rows_of(kind, shape, chance):
    """Matrices of all sorts, float32 and finite."""
    vectors = chance.standard_normal(shape)
    if kind == "grid":
        vectors = np.rint(vectors)
    elif kind == "twins":
        vectors = vectors[chance.integers(0, max(1, shape[0] // 4), shape[0])]
    elif kind == "near":
        vectors = vectors[:1] + 1e-6 * vectors
    elif kind == "sparse":
        vectors *= 10.0 * (chance.random(shape) < 0.1)
    elif kind == "mixed":
        vectors *= 10.0 ** chance.integers(-6, 7, (shape[0], 1))
    elif kind in {"tiny", "huge"}:
        vectors *= {"tiny": 1e-42, "huge": 3e37}[kind]
    elif kind == "zero":
        vectors *= 0
    elif kind == "constant":
        vectors = np.broadcast_to(vectors[:, :1], shape)
    return np.ascontiguousarray(vectors, dtype=np.float32)


def assert_exact(query, vectors, admitted, k, limits):
    rows, scores = nearest(query, vectors, encode(vectors), admitted, k=k, limits=limits)
    assert rows.dtype == np.int64 and scores.dtype == np.float32
    assert len(rows) == len(scores) == min(k, admitted.sum()) and admitted[rows].all()
    assert len(set(rows.tolist())) == len(rows)
    exact = vectors.astype(np.float64) @ query.astype(np.float64)
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    norms *= np.linalg.norm(query.astype(np.float64))
    largest = float(np.finfo(np.float32).max)
    slack = 1e-6 * (len(query) + 8) * norms + 1e-36 * (1 + np.abs(query).max())
    held = exact.clip(-largest, largest)
    assert (np.abs(scores - held[rows]) <= slack[rows]).all()
    others = np.flatnonzero(admitted & ~np.isin(np.arange(len(vectors)), rows))
    if len(rows) and len(others):
        worst = rows[-1]
        assert (held[others] - slack[others] <= held[worst] + slack[worst]).all()
    best = np.lexsort((rows, -scores))
    assert best.tolist() == list(range(len(rows)))
    return rows, scores


@settings(deadline=None, max_examples=300)
@given(
    count=st.integers(1, 90),
    dim=st.sampled_from([1, 2, 3, 8, 33, 384]),
    k=st.integers(1, 30) | st.just(100),
    share=st.sampled_from([0.0, 0.05, 0.3, 0.9, 1.0]),
    kind=st.sampled_from(KINDS),
    asked=st.sampled_from(KINDS),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_way_gives_the_same_exact_answer(count, dim, k, share, kind, asked, seed):
    chance = np.random.default_rng(seed)
    vectors = rows_of(kind, (count, dim), chance)
    query = rows_of(asked, (4, dim), chance)[0]
    admitted = chance.random(count) < share
    expected = assert_exact(query, vectors, admitted, k, PLAIN)
    for name, limits in WAYS.items():
        found = assert_exact(query, vectors, admitted, k, limits)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [1.0, 0.3, 0.02])
def test_many_rows(kind, share):
    chance = np.random.default_rng(5)
    vectors = rows_of(kind, (30_000, 48), chance)
    query = vectors[7] + rows_of("normal", (1, 48), chance)[0]
    admitted = chance.random(len(vectors)) < share
    expected = assert_exact(query, vectors, admitted, 20, PLAIN)
    for limits in (
        LIMITS,
        NearestLimits(few=50),
        NearestLimits(few=50, blocks=Blocks(threaded=1, threads=2)),
    ):
        found = nearest(query, vectors, encode(vectors), admitted, k=20, limits=limits)
        np.testing.assert_array_equal(found, expected)


def test_equal_rows_come_in_their_order():
    chance = np.random.default_rng(0)
    vectors = np.repeat(chance.standard_normal((1, 383), dtype=np.float32), 5000, axis=0)
    admitted = chance.random(5000) < 0.9
    for limits in WAYS.values():
        rows, scores = nearest(vectors[0], vectors, encode(vectors), admitted, k=50, limits=limits)
        assert rows.tolist() == np.flatnonzero(admitted)[:50].tolist()
        assert len(set(scores.tolist())) == 1


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.sampled_from([1, 5, 64, 2000]), st.integers(0, 2**32 - 1))
def test_the_bounds_of_codes_hold(kind, dim, seed):
    vectors = rows_of(kind, (20, dim), np.random.default_rng(seed))
    codes = encode(vectors)
    scale, kept, left = codes.bounds.astype(np.float64)
    whole = codes.values * scale[:, None]
    tiny = dim * float(np.finfo(np.float32).tiny)
    assert np.abs(codes.values.astype(int)).max() <= 127
    assert (np.linalg.norm(whole, axis=1) <= kept + tiny).all()
    assert (np.linalg.norm(vectors - whole, axis=1) <= left + tiny).all()
    assert (left <= 0.01 * np.sqrt(dim) * np.abs(vectors).max(axis=1) + 2 * tiny).all()
    assert same_codes(codes, encode(vectors.copy()))


def test_only_few_rows_are_multiplied_in_float32():
    chance = np.random.default_rng(0)
    vectors = chance.standard_normal((20_000, 384), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = encode(vectors)
    untouched = np.full_like(vectors, np.nan)
    rows, _ = nearest(vectors[3], vectors, codes, np.ones(20_000, np.bool_), k=10)
    scores = vectors @ vectors[3]
    likely = np.argsort(-scores)[:2000]
    untouched[likely] = vectors[likely]
    found, _ = nearest(vectors[3], untouched, codes, np.ones(20_000, np.bool_), k=10)
    assert found.tolist() == rows.tolist() == np.argsort(-scores)[:10].tolist()


def test_products_leave_the_count_of_none_alone():
    codes = np.ones((2, 8), np.int8)
    before = sys.getrefcount(None)
    for _ in range(500):
        products(codes[0], codes)
    assert sys.getrefcount(None) > before - 100
