"""The requests of one server: limits on what may wait at once, and counts of the answers.

Knows requests and bytes; does not know HTTP's sockets or the engine. Belongs to the event loop's
thread, so it needs no lock.
"""

from collections import Counter
from itertools import count
from random import getrandbits

from starlette.types import Scope

from simile.engine.stats import SECONDS, Histogram
from simile.errors import OverloadedError
from simile.server.errors import BodyTooLargeError
from simile.server.http.dialects import Dialect
from simile.server.http.keys import Caller
from simile.server.http.reading import LIMITS, BodyLimits

MAX_QUEUE = 512
"""Requests that wait for vectors at once, as Ollama's OLLAMA_MAX_QUEUE."""
MAX_HELD_BYTES = 2 * 2**30
"""Bodies, and the vectors asked for, of all requests together."""
TEXT_BYTES = 4096
"""The memory of a text beside its body: a vector of 1,024 numbers."""
REQUEST = "simile.request"
"""The key of a request's RequestState in an ASGI scope."""


class Traffic:
    """The requests of one server."""

    def __init__(
        self,
        *,
        max_queue: int = MAX_QUEUE,
        max_held_bytes: int = MAX_HELD_BYTES,
        body_limits: BodyLimits = LIMITS,
    ) -> None:
        self.body_limits = body_limits
        self.max_queue = max_queue
        self.max_held_bytes = max_held_bytes
        self.queued = 0
        """Requests that wait for vectors."""
        self.held_bytes = 0
        self.closing = False
        """Whether the server is stopping and finishes the requests in flight."""
        self.answers: Counter[tuple[str, str, int]] = Counter()
        """By method, route and status."""
        self.errors: Counter[str] = Counter()
        """By class."""
        self.seconds = Histogram(SECONDS)
        self._ids = count(getrandbits(32) << 24)

    def close(self) -> None:
        """Report from now on that the server is stopping; new requests are still answered."""
        self.closing = True

    def new_id(self) -> str:
        """Make an id for a request that brings none."""
        return f"{next(self._ids):014x}"


class RequestState:
    """One request in progress: its route, what it holds, and how it ends."""

    __slots__ = (
        "_bytes",
        "_is_queued",
        "caller",
        "dialect",
        "error",
        "id",
        "log_fields",
        "route",
        "traffic",
    )

    def __init__(self, traffic: Traffic, id: str, route: str, dialect: Dialect) -> None:
        self.traffic = traffic
        self.id = id
        self.route = route
        """Its path as the routes write it, or OTHER."""
        self.dialect = dialect
        """The dialect of its answer, errors included."""
        self.caller: Caller | None = None
        """The owner of its API key; None if the server requires no key."""
        self.error = ""
        """The class of the error that it was answered with."""
        self.log_fields: dict[str, object] = {}
        """Extra fields for its log line; never a text."""
        self._bytes = 0
        self._is_queued = False

    def hold(self, size: int) -> None:
        """Count memory that this request takes until it is answered.

        Raises OverloadedError if others hold too much, BodyTooLargeError if it can never fit.
        """
        traffic = self.traffic
        if self._bytes + size > traffic.max_held_bytes:
            raise BodyTooLargeError("the request is too large for this server; send fewer texts")
        if traffic.held_bytes + size > traffic.max_held_bytes:
            raise OverloadedError(f"{traffic.held_bytes} bytes of requests are waiting")
        self._bytes += size
        traffic.held_bytes += size

    def enqueue(self, texts: int) -> None:
        """Join the queue with this many texts. Raises OverloadedError if the queue is full."""
        traffic = self.traffic
        if traffic.queued >= traffic.max_queue:
            raise OverloadedError(f"{traffic.queued} requests are waiting")
        self.hold(texts * TEXT_BYTES)
        self._is_queued = True
        traffic.queued += 1

    def fail(self, exc: BaseException) -> None:
        """Note the error that it is answered with."""
        self.error = type(exc).__name__
        self.traffic.errors[self.error] += 1

    def leave_queue(self) -> None:
        """Wait no longer."""
        if self._is_queued:
            self._is_queued = False
            self.traffic.queued -= 1

    def end(self) -> None:
        """Let go of everything."""
        self.leave_queue()
        self.traffic.held_bytes -= self._bytes
        self._bytes = 0


def state_of(scope: Scope) -> RequestState:
    """Return the state that `Watch` put into a scope."""
    state: RequestState = scope[REQUEST]
    return state
