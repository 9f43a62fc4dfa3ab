"""Decide when an engine should free the memory that it is not using.

Knows the time and nothing else; its owner's lock guards it.
"""

from time import perf_counter

IDLE_S = 1.0
"""An engine rests this long after its last batch, ..."""
WORK_S = 10.0
"""... and at least this often while it is always busy."""


class Rest:
    """The work since the last rest."""

    def __init__(self) -> None:
        self._rested_s = perf_counter()
        self._worked_s = 0.0
        """When a batch was done last; 0 if none was since the last rest."""

    @property
    def wait_s(self) -> float | None:
        """Return how long to wait for work before asking again; None if no rest is due."""
        return IDLE_S if self._worked_s else None

    def worked(self) -> bool:
        """Note that a batch is done; say whether it is the first since a rest."""
        is_first = not self._worked_s
        self._worked_s = perf_counter()
        return is_first

    def is_due(self, *, idle: bool) -> bool:
        """Whether to rest now: true once, then only after more work."""
        now_s = perf_counter()
        is_long_ago = now_s - self._rested_s >= WORK_S
        if not (self._worked_s and (is_long_ago or (idle and now_s - self._worked_s >= IDLE_S))):
            return False
        self._rested_s, self._worked_s = now_s, 0.0
        return True
