"""Close connections that stand still: a head that does not end, an answer that nobody reads.

uvicorn closes idle connections itself, and reading.py watches bodies; this looks after the rest,
once a second and over all of them, so that a request costs nothing. Knows uvicorn's protocols.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MAX_CONNECTIONS = 4096
"""Requests on more are refused (503), idle ones counted."""
CROWDED = "simile.crowded"
"""The key in an ASGI scope that says so."""
_FILES = MAX_CONNECTIONS + 1024


@dataclass(frozen=True)
class StillLimits:
    """How long a connection may stand still."""

    head_s: float = 20.0
    """From its opening, or the first byte of a request, until the head is whole."""
    answer_s: float = 60.0
    """While none of the answer that waits is read."""


class Sweeper:
    """Remembers since when each connection stands still."""

    def __init__(self, limits: StillLimits = StillLimits()) -> None:
        self._limits = limits
        self._still: dict[Any, tuple[object, float]] = {}

    def sweep(self, connections: Iterable[Any], now_s: float) -> int:
        """Close connections that have stood still for too long; return how many."""
        still: dict[Any, tuple[object, float]] = {}
        closed = 0
        for connection in connections:
            state, limit_s = self._state_of(connection)
            if state is None:
                continue
            before, since_s = self._still.get(connection, (None, now_s))
            if before != state:
                since_s = now_s
            if now_s - since_s >= limit_s:
                connection.transport.abort()
                closed += 1
            else:
                still[connection] = (state, since_s)
        self._still = still
        return closed

    def _state_of(self, connection: Any) -> tuple[object, float]:
        """Describe what stands still, so that two equal descriptions mean no progress."""
        unread = connection.transport.get_write_buffer_size()
        if unread:
            return ("answer", unread), self._limits.answer_s
        cycle = connection.cycle
        is_idle = cycle is None or cycle.response_complete
        if is_idle and connection.timeout_keep_alive_task is None:
            return ("head", cycle), self._limits.head_s
        return None, 0.0


def allow_files() -> None:
    """Let the process have as many open files as connections need, where the system allows it."""
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
