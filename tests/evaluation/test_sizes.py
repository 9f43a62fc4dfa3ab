"""Other chunk sizes, judged by the same queries."""

import pytest

from simile.errors import InputError
from simile.evaluation.judged import Judged
from simile.evaluation.sizes import compare_sizes
from simile.types import Hit

JUDGED = [Judged(f"query {n}", {f"d{n}": 1}) for n in range(12)]


def hit(id):
    return Hit(id, 0, "t", 0, 1, 1.0, {}, {}, (), None, (1, 1))


def good(judged, arm, k):
    return [hit(judged.query.replace("query ", "d"))]


def bad(judged, arm, k):
    return [hit("nothing"), *good(judged, arm, k)]


def test_a_size_that_ranks_worse_is_below_and_no_noise():
    value, [size] = compare_sizes(JUDGED, good, {100: bad}, "mrr")
    assert (value, size.value, size.difference, size.max_tokens) == (1.0, 0.5, -0.5, 100)
    assert not size.noise


def test_an_equal_size_is_noise():
    _, [size] = compare_sizes(JUDGED, bad, {50: bad}, "ndcg@10")
    assert size.difference == 0 and size.noise


def test_an_unknown_metric_is_refused():
    with pytest.raises(InputError, match="ndcg@10"):
        compare_sizes(JUDGED, good, {}, "bleu")
