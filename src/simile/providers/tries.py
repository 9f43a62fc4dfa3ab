"""How long to wait for a provider, how often to ask it, and when to retry.

Knows statuses and time; does not know HTTP libraries or what is asked.
"""

from dataclasses import dataclass
from threading import Event

from simile.errors import RemoteEngineError

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that another try may mend."""


@dataclass(frozen=True)
class TryLimits:
    """How long to wait for an answer, how often to ask, and how large an answer may be."""

    timeout_s: float = 120.0
    """For one whole answer, or for the next part of a stream; an engine may have to load first."""
    connect_timeout_s: float = 10.0
    tries: int = 3
    first_wait_s: float = 0.5
    """Between the first two tries; doubles each time, and is longer if the engine says so."""
    longest_wait_s: float = 30.0
    """An engine that asks for more than this is not waited for."""
    max_answer_bytes: int = 64 * 2**20
    """Unpacked."""


class RefusedError(RemoteEngineError):
    """The engine answered with an error."""

    def __init__(
        self, message: str, *, status: int, remark: str | None, asked_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.remark = remark
        """The provider's own message, None outside a known envelope; may quote texts."""
        self.asked_s = asked_s
        """How long the provider asks to wait."""


class Tries:
    """The remaining tries of one request."""

    def __init__(self, limits: TryLimits, closed: Event) -> None:
        """No try waits any longer once `closed` is set."""
        self._limits = limits
        self._closed = closed
        self._left = limits.tries
        self._wait_s = limits.first_wait_s

    def wait_after(self, failure: RemoteEngineError, cause: Exception | None = None) -> None:
        """Wait until it is time for another try; raise the failure if there is none."""
        asked_s, may_pass = 0.0, True
        if isinstance(failure, RefusedError):
            asked_s, may_pass = failure.asked_s, failure.status in RETRIED
        self._left -= 1
        wait_s, self._wait_s = max(self._wait_s, asked_s), self._wait_s * 2
        if not may_pass or self._left <= 0 or wait_s > self._limits.longest_wait_s:
            raise failure from cause
        self._closed.wait(wait_s)
