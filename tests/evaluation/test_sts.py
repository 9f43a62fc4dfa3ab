"""Correlations, against values worked out elsewhere."""

import json

import numpy as np
import pytest
from tests.fake import FakeEmbedder

from simile.evaluation.datasets import SentencePair
from simile.evaluation.sts import correlate, pearson, ranks, spearman

# Anscombe 1973, the first set; its correlation is in the paper.
X = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
Y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]


def test_pearson_is_that_of_anscombe():
    assert pearson(X, Y) == pytest.approx(0.81642, abs=1e-5)
    assert pearson(X, [-y for y in Y]) == -pearson(X, Y)


def test_spearman_without_ties_is_the_sum_of_squares():
    d = ranks(X) - ranks(Y)
    assert spearman(X, Y) == pytest.approx(1 - 6 * (d @ d) / (11 * (11**2 - 1)))


def test_equal_values_share_their_mean_rank():
    assert ranks([3, 1, 3, 3, 7]).tolist() == [3, 1, 3, 3, 5]
    # scipy.stats.spearmanr, 1.17
    assert spearman([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(0.9486832980505138)


def test_only_the_order_matters_to_spearman():
    assert spearman(X, np.exp(Y)) == pytest.approx(spearman(X, Y))
    assert spearman([1, 2, 3], [1, 10, 1000]) == pytest.approx(1)


def test_what_never_varies_has_no_correlation():
    assert np.isnan(pearson([1, 1, 1], [1, 2, 3])) and np.isnan(spearman([1], [1]))


def test_cosines_that_follow_the_scores_correlate():
    pairs = [
        SentencePair("a b", "a b", 5.0),
        SentencePair("a b", "a c", 3.0),
        SentencePair("a b", "c d", 0.0),
    ]
    seen = []
    found = correlate(FakeEmbedder(), pairs, progress=lambda *done: seen.append(done))
    assert found.spearman == pytest.approx(1) and found.pearson > 0.98 and seen == [(3, 3)]
    assert found.to_text().startswith("spearman 100.00   pearson 9")
    assert json.loads(found.to_json())["pairs"] == 3
    same = correlate(FakeEmbedder(), pairs[:1] * 2)
    assert json.loads(same.to_json()) == {"pearson": None, "spearman": None, "pairs": 2}
