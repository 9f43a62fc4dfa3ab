"""A call of which nothing is computed in time is answered, and one that is being served is not."""

import pytest

from simile.engine.job import Job
from simile.engine.patience import Patience
from simile.errors import OverloadedError


def patient(max_wait_s: float) -> Patience[str]:
    return Patience(max_wait_s)


def job() -> Job[str]:
    return Job(["a"], dim=1, window=8, truncate=True)


def test_a_call_that_waits_too_long_fails():
    patience, late = patient(0.0), job()
    patience.add(late)
    patience.look()
    with pytest.raises(OverloadedError, match="within 0 s"):
        late.future.result(timeout=0)


def test_a_call_that_has_begun_may_take_its_time():
    patience, begun, late = patient(0.0), job(), job()
    begun.computed(1e9, 0.1)
    patience.add(begun)
    patience.add(late)
    assert begun.wanted
    assert not late.wanted


def test_within_the_time_nobody_fails_and_the_served_are_forgotten():
    patience, first, second = patient(1e9), job(), job()
    patience.add(first)
    patience.add(second)
    first.future.cancel()
    patience.look()
    assert second.wanted
    assert len(patience._waiting) == 1
