"""Futures of some things, as a future of another."""

from concurrent.futures import CancelledError, Future

import pytest

from simile.engine.futures import converted


def two() -> tuple[Future[int], Future[int]]:
    return Future(), Future()


def test_it_is_done_when_all_are_done_in_any_order():
    first, second = two()
    total = converted(lambda a, b: a - b, first, second)
    second.set_result(1)
    assert not total.done()
    first.set_result(5)
    assert total.result(timeout=0) == 4


def test_it_fails_as_one_of_them_or_as_the_conversion_does():
    first, second = two()
    total = converted(lambda a, b: a + b, first, second)
    first.set_result(1)
    second.set_exception(KeyError("lost"))
    with pytest.raises(KeyError):
        total.result(timeout=0)
    third: Future[int] = Future()
    bad = converted(lambda a: 1 // a, third)
    third.set_result(0)
    with pytest.raises(ZeroDivisionError):
        bad.result(timeout=0)


def test_cancelling_it_cancels_them_all():
    first, second = two()
    total = converted(lambda a, b: a + b, first, second)
    assert total.cancel() and first.cancelled() and second.cancelled()
    with pytest.raises(CancelledError):
        total.result(timeout=0)
