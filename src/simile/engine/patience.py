"""Fail calls of which nothing was computed within a time, so that no wait is without an end.

Looked at whenever a batch begins or a call comes, in the order they came. Knows no threads but its
own lock.
"""

import math
from collections import deque
from threading import Lock
from time import perf_counter
from typing import Generic
from weakref import ref

from simile.engine.job import Job
from simile.engine.runner import Text
from simile.errors import OverloadedError


class Patience(Generic[Text]):
    """The calls of one scheduler that wait, and how long they may."""

    def __init__(self, max_wait_s: float) -> None:
        self._max_wait_s = max_wait_s
        self._waiting: deque[tuple[float, ref[Job[Text]]]] = deque()
        """When each came; those in front that are served are forgotten."""
        self._lock = Lock()

    def add(self, job: Job[Text]) -> None:
        """Let a call wait."""
        if self._max_wait_s != math.inf:
            with self._lock:
                self._waiting.append((perf_counter(), ref(job)))
            self.look()

    def look(self) -> None:
        """Fail those that have waited for too long with OverloadedError."""
        now_s, late = perf_counter(), []
        with self._lock:
            while self._waiting:
                since_s, known = self._waiting[0]
                first = known()
                if first and first.wanted and not first.queue_s:
                    if now_s - since_s < self._max_wait_s:
                        break
                    late.append(first)
                self._waiting.popleft()
        for job in late:
            job.fail(OverloadedError(f"nothing was computed within {self._max_wait_s:g} s"))
