"""Turn futures of some things into a future of another, cancelled together."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Wanted = TypeVar("Wanted")


def converted(convert: Callable[..., Wanted], *given: Future[Any]) -> Future[Wanted]:
    """Return a future of convert(*results); it fails with the first failure."""
    wanted: Future[Wanted] = Future()

    def wait(left: tuple[Future[Any], ...]) -> None:
        if left:
            left[0].add_done_callback(lambda _: wait(left[1:]))
        elif wanted.set_running_or_notify_cancel():
            try:
                wanted.set_result(convert(*(future.result() for future in given)))
            except BaseException as exc:
                wanted.set_exception(exc)

    def cancel(future: Future[Wanted]) -> None:
        if future.cancelled():
            for one in given:
                one.cancel()

    wanted.add_done_callback(cancel)
    wait(given)
    return wanted
