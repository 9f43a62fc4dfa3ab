"""The paired randomization test, against every choice of signs."""

from itertools import product
from random import Random

import numpy as np
import pytest

from simile.evaluation.significance import PERMUTATIONS, p_value, p_values


def brute_force(differences):
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * by for sign, by in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    return sum(one >= observed - 1e-9 for one in sums) / len(sums)


@pytest.mark.parametrize("count", range(1, 11))
def test_few_queries_are_enumerated(count):
    chance = Random(count)
    differences = [chance.choice([-0.2, 0.0, 0.1, 0.3]) for _ in range(count)]
    assert p_value(differences) == pytest.approx(brute_force(differences))
    differences = [chance.gauss(0.5, 1) for _ in range(count)]
    assert p_value(differences) == pytest.approx(brute_force(differences))


def test_many_queries_are_sampled_near_the_exact_value():
    chance = Random(3)
    differences = [chance.gauss(0.3, 1) for _ in range(12)]
    exact = p_value(differences)
    assert exact == pytest.approx(brute_force(differences))
    assert p_value(differences, permutations=4000) == pytest.approx(exact, abs=0.025)
    assert p_value(differences, permutations=4000) != exact


def test_no_difference_is_certain_noise():
    assert p_value([]) == p_value([0.0] * 50) == p_value([float("nan")] * 3) == 1


def test_queries_without_a_difference_or_a_judgment_change_nothing():
    differences = [0.3, 0.1, -0.2, 0.4]
    assert p_value([*differences, 0.0, float("nan"), 0.0]) == p_value(differences)


def test_a_plain_difference_is_as_sure_as_can_be_and_never_zero():
    assert p_value(np.full(300, 0.1)) == 1 / (PERMUTATIONS + 1)


def test_the_sign_does_not_matter_and_the_value_is_the_same_each_time():
    differences = np.random.default_rng(0).normal(0.05, 1, 200)
    assert p_value(differences) == p_value(differences) == p_value(-differences)


def test_columns_are_tested_apart():
    table = np.random.default_rng(1).normal(0.1, 1, (50, 4))
    table[7:, 1] = 0
    each = [p_value(column) for column in table.T]
    np.testing.assert_allclose(p_values(table), each)
    assert each[1] == pytest.approx(brute_force(table[:7, 1]))


def test_noise_is_below_a_twentieth_in_one_of_twenty():
    tables = np.random.default_rng(2).normal(0, 1, (40, 400))
    assert 0.02 < (p_values(tables) < 0.05).mean() < 0.09
