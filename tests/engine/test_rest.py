"""An engine rests after work: once when idle, now and then under load, never without work."""

import pytest

from simile.engine import rest
from simile.engine.rest import IDLE_S, WORK_S, Rest


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, to be set."""
    now = [100.0]
    monkeypatch.setattr(rest, "perf_counter", lambda: now[0])
    return now


def test_without_work_there_is_nothing_to_rest_from(clock):
    engine = Rest()
    clock[0] += 2 * WORK_S
    assert engine.wait_s is None
    assert not engine.is_due(idle=True)


def test_idle_it_rests_once(clock):
    engine = Rest()
    assert engine.worked(), "the first batch wakes who waits without a limit"
    assert not engine.worked()
    assert engine.wait_s == IDLE_S
    assert not engine.is_due(idle=True)
    clock[0] += IDLE_S
    assert not engine.is_due(idle=False)
    assert engine.is_due(idle=True)
    assert not engine.is_due(idle=True)
    assert engine.wait_s is None


def test_under_load_it_rests_now_and_then(clock):
    engine = Rest()
    rests = 0
    for _ in range(int(4 * WORK_S)):
        clock[0] += 1
        engine.worked()
        rests += engine.is_due(idle=False)
    assert rests == 4
