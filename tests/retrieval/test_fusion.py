"""Fusion, against ten lines that do it by the book."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.retrieval.fusion import RRF_K, Candidates, fuse, shares


def arm(pairs):
    """Candidates of (row, score) in any order."""
    best = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    rows, scores = [row for row, _ in best], [score for _, score in best]
    return Candidates(np.array(rows, np.int64), np.array(scores, np.float32))


def naive(arms, weights, how):
    """(row, score), best first, equal ones by row."""
    total: dict[int, float] = {}
    for name, candidates in arms.items():
        scores = candidates.scores.astype(float).tolist()
        for rank, (row, score) in enumerate(zip(candidates.rows.tolist(), scores, strict=True), 1):
            low, high = min(scores), max(scores)
            scaled = (score - low) / (high - low) if high > low else 1.0
            share = 1 / (RRF_K + rank) if how == "rrf" else scaled
            total[row] = total.get(row, 0.0) + weights[name] * share
    return sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))


SCORES = st.one_of(
    st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0]),
    st.floats(-1e6, 1e6, width=32),
    st.floats(-1, 1, width=32),
)
ARMS = st.dictionaries(st.integers(0, 30), SCORES, max_size=20).map(
    lambda found: arm(found.items())
)


@given(
    dense=ARMS,
    lexical=ARMS,
    alpha=st.sampled_from([0.0, 0.6, 1.0]) | st.floats(0, 1),
    how=st.sampled_from(["convex", "rrf"]),
)
def test_fusion_agrees_with_the_book(dense, lexical, alpha, how):
    arms = {"dense": dense, "lexical": lexical}
    weights = {"dense": alpha, "lexical": 1 - alpha}
    fused = fuse(arms, weights, how)
    expected = naive(arms, weights, how)
    assert fused.rows.tolist() == [row for row, _ in expected]
    assert fused.scores.tolist() == [np.float32(score) for _, score in expected]
    assert fused.rows.dtype == np.int64 and fused.scores.dtype == np.float32


@given(one=ARMS, how=st.sampled_from(["convex", "rrf"]))
def test_with_one_arm_empty_the_other_keeps_its_order(one, how):
    fused = fuse({"dense": arm([]), "lexical": one}, {"dense": 0.6, "lexical": 0.4}, how)
    assert sorted(fused.rows.tolist()) == sorted(one.rows.tolist())
    if how == "rrf":
        assert fused.rows.tolist() == one.rows.tolist()
    else:  # Scaling may round two scores to one, and then the rows decide.
        by_row = dict(zip(one.rows.tolist(), shares(one, how).tolist(), strict=True))
        assert fused.rows.tolist() == sorted(by_row, key=lambda row: (-by_row[row] * 0.4, row))


@pytest.mark.parametrize("how", ["convex", "rrf"])
def test_two_empty_arms_give_nothing(how):
    fused = fuse({"dense": arm([]), "lexical": arm([])}, {"dense": 0.5, "lexical": 0.5}, how)
    assert len(fused.rows) == len(fused.scores) == 0


@pytest.mark.parametrize("how", ["convex", "rrf"])
def test_equal_scores_are_ordered_by_row(how):
    first, second = arm([(7, 1.0), (3, 0.5)]), arm([(3, 2.0), (7, 1.0)])
    fused = fuse({"dense": first, "lexical": second}, {"dense": 0.5, "lexical": 0.5}, how)
    assert fused.rows.tolist() == [3, 7] and fused.scores[0] == fused.scores[1]


def test_all_of_an_arm_without_differences_are_its_best():
    assert shares(arm([(1, 3.0), (2, 3.0), (9, 3.0)]), "convex").tolist() == [1, 1, 1]
    assert shares(arm([(4, -2.0)]), "convex").tolist() == [1]


def test_an_arm_of_no_weight_orders_nothing():
    dense, lexical = arm([(1, 0.9), (2, 0.5), (3, 0.1)]), arm([(3, 8.0), (4, 5.0), (5, 1.0)])
    arms = {"dense": dense, "lexical": lexical}
    for how in ("convex", "rrf"):
        by_dense = fuse(arms, {"dense": 1.0, "lexical": 0.0}, how)
        assert by_dense.rows[:2].tolist() == [1, 2]
        assert by_dense.scores[by_dense.rows == 4] == 0
        assert fuse(arms, {"dense": 0.0, "lexical": 1.0}, how).rows[:2].tolist() == [3, 4]


def test_ranks_count_from_one():
    assert shares(arm([(5, 2.0), (6, 1.0)]), "rrf").tolist() == [1 / 61, 1 / 62]


def test_scores_that_float32_can_just_hold_can_be_scaled():
    great = float(np.finfo(np.float32).max)
    assert shares(arm([(0, great), (1, 0.0), (2, -great)]), "convex").tolist() == [1, 0.5, 0]


def test_a_place_is_found_by_row():
    found = arm([(5, 2.0), (9, 1.0)])
    assert (found.place_of(9), found.score_of(9)) == (2, 1.0)
    assert (found.place_of(1), found.score_of(1)) == (None, None)
