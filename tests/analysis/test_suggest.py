"""The threshold that judged pairs suggest."""

import numpy as np
import pytest

from simile.analysis.suggest import suggest_threshold
from simile.errors import InputError


def test_pairs_that_can_be_told_apart_are():
    found = suggest_threshold([0.95, 0.9, 0.7, 0.2], [True, True, False, False])
    assert 0.7 < found.threshold < 0.9
    assert (found.f1, found.precision, found.recall) == pytest.approx((1, 1, 1))
    assert (found.pairs, found.duplicates) == (4, 2)


def test_f1_is_the_greatest_of_all_thresholds():
    chance = np.random.default_rng(0)
    cosines = np.round(chance.random(200), 2)
    same = chance.random(200) < cosines

    def f1(threshold):
        told = cosines >= threshold
        return 2 * (told & same).sum() / (told.sum() + same.sum())

    found = suggest_threshold(cosines, same)
    assert found.f1 == pytest.approx(max(f1(value) for value in cosines))
    assert f1(found.threshold) == pytest.approx(found.f1)
    low, high = found.interval
    assert low <= found.threshold <= high


@pytest.mark.parametrize("same", [[True, True], [False, False], [True]])
def test_pairs_of_one_kind_suggest_nothing(same):
    with pytest.raises(InputError, match="expected"):
        suggest_threshold([0.5, 0.6], same)


def test_a_cosine_that_is_not_finite_is_refused():
    with pytest.raises(InputError, match="pair 1"):
        suggest_threshold([0.5, float("nan")], [True, False])
