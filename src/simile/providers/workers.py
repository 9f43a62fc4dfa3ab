"""A few threads that do what they are handed, in order, and are waited for by nobody.

The standard library's pool keeps a process alive until its threads are done: Ctrl-C would wait for
a provider. Knows functions and futures only.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from simile.errors import EngineClosedError

Result = TypeVar("Result")
Task = tuple[Future[Any], Callable[[], Any]]


class Workers(Generic[Result]):
    """Threads that start with the first task; safe to use from any thread."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._started = self._closed = False
        self._lock = Lock()

    def submit(self, task: Callable[[], Result]) -> Future[Result]:
        """Have a task done; cancelling the future drops it if it has not begun.

        Raises EngineClosedError after close.
        """
        future: Future[Result] = Future()
        with self._lock:
            if self._closed:
                raise EngineClosedError("this model was closed; make another")
            if not self._started:
                self._started = True
                for _ in range(self._count):
                    Thread(target=_work, args=(self._tasks,), name=self._name, daemon=True).start()
            self._tasks.put((future, task))
        return future

    def close(self) -> None:
        """Let the threads end when what is waiting has been done."""
        with self._lock:
            self._closed = True
            for _ in range(self._count):
                self._tasks.put(None)


def _work(tasks: "SimpleQueue[Task | None]") -> None:
    while taken := tasks.get():
        future, task = taken
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(task())
            except BaseException as exc:
                future.set_exception(exc)
        # An idle thread must not keep an embedder alive.
        del taken, future, task
