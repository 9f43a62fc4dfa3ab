"""Turn a handler, a function from a call to a response, into an ASGI application.

Knows HTTP, not routes. Requests of one text pass through here thousands of times a second, so this
is plain ASGI: no middleware, and no task that a quick answer does not need.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from starlette.types import Receive, Scope, Send

from simile.errors import EngineClosedError
from simile.server import errors
from simile.server.gojson.decode import LIGHT_BYTES
from simile.server.http.dialects import Dialect
from simile.server.http.reading import linger, read_body
from simile.server.http.streaming import Stream, send_stream
from simile.server.http.traffic import RequestState, state_of

T = TypeVar("T")

SMALL_BODY_BYTES = 2**20
"""Where a body holds names and settings alone."""
WATCH_AFTER_S = 0.05
"""How long an answer may take before anyone looks whether the client is still there."""


@dataclass(frozen=True, slots=True)
class Response:
    """A body, in pieces if it is long, and extra headers."""

    body: bytes | Iterator[bytes]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    status: int = 200


class Call:
    """One request, and the client that waits for it."""

    __slots__ = ("_gone", "_receive", "_watcher", "body", "scope")

    def __init__(self, scope: Scope, receive: Receive, body: bytes) -> None:
        self.scope = scope
        self.body = body
        self._receive = receive
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    @property
    def state(self) -> RequestState:
        """The request's state: what it holds, and what is counted and logged."""
        return state_of(self.scope)

    async def read(self, parse: Callable[[bytes], T]) -> T:
        """Parse the body and let go of it; a large one beside the event loop."""
        body, self.body = self.body, b""
        if len(body) <= LIGHT_BYTES:
            return parse(body)
        return await aside(partial(parse, body))

    async def wait(self, future: Future[T]) -> T:
        """Wait for the engine's work; it is cancelled, with ClientGoneError, if the client goes."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(_settle, done))
        timer = loop.call_later(WATCH_AFTER_S, self._watch, future)
        try:
            await done
            return future.result()
        except asyncio.CancelledError:
            future.cancel()
            raise
        except CancelledError as exc:
            if self._gone:
                raise errors.ClientGoneError("the client closed the connection") from exc
            raise EngineClosedError("the engine dropped the work") from exc
        finally:
            timer.cancel()
            if self._watcher:
                self._watcher.cancel()

    def _watch(self, future: Future[T]) -> None:
        self._watcher = asyncio.create_task(self._cancel_when_gone(future))

    async def gone(self) -> None:
        """Return when the client has closed the connection; do not call it during `wait`."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _cancel_when_gone(self, future: Future[T]) -> None:
        await self.gone()
        self._gone = True
        future.cancel()


async def aside(work: Callable[[], T]) -> T:
    """Do a request's own work in threads that nothing else waits for."""
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, work)


_ASIDE = ThreadPoolExecutor(2, thread_name_prefix="simile-request")


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


Handler = Callable[[Call], Awaitable[Response | Stream]]


class Endpoint:
    """An ASGI application that answers with a handler, and words its errors in one dialect."""

    def __init__(
        self, handler: Handler, dialect: Dialect, *, max_body_bytes: int = SMALL_BODY_BYTES
    ) -> None:
        self._handler = handler
        self._dialect = dialect
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_read, state = False, state_of(scope)
        limits = state.traffic.body_limits
        if limits.max_bytes > self._max_body_bytes:
            limits = replace(limits, max_bytes=self._max_body_bytes)
        try:
            call = Call(scope, receive, b"")
            call.body = await read_body(receive, scope["headers"], limits=limits, hold=state.hold)
            is_read = True
            answer = await self._handler(call)
            status = answer.status if isinstance(answer, Response) else 200
            content_type = self._dialect.content_type
        except (Exception, asyncio.CancelledError) as exc:
            # The server cancels requests that outlast its grace period.
            error = _fail(state, exc)
            status, content_type = self._dialect.status_of(error), self._dialect.error_type
            answer = Response(self._dialect.error_body(error), errors.headers_of(error))
        state.leave_queue()
        if isinstance(answer, Stream):
            await send_stream(send, answer, lambda exc: self._dialect.error_body(_fail(state, exc)))
            return
        if is_read:
            await send_answer(send, status, content_type, answer)
            return
        answer = Response(answer.body, (*answer.headers, (b"connection", b"close")))
        await send_answer(send, status, content_type, answer, ended=False)
        await linger(receive, send, limits=limits)


def _fail(state: RequestState, exc: BaseException) -> Exception:
    """Log and count an error; return the one that the client gets."""
    error = exc if isinstance(exc, Exception) else EngineClosedError("the server has ended")
    errors.log(error)
    state.fail(error)
    _forget_frames(exc)
    return error


def _forget_frames(exc: BaseException | None) -> None:
    """Let go of the frames that an error came through, and so of the body that they hold.

    Some of them know the error in turn: they would stay until the garbage collector comes, and
    a few large requests that fail would fill the memory.
    """
    while exc is not None:
        exc.__traceback__, exc = None, exc.__context__


async def send_answer(
    send: Send, status: int, content_type: bytes, answer: Response, *, ended: bool = True
) -> None:
    """Send an answer; one in pieces goes out as it is made, and lets others in between.

    Without `ended` the caller sends the end of one that is not in pieces.
    """
    headers = [(b"content-type", content_type), *answer.headers]
    if isinstance(answer.body, bytes):
        headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": not ended})
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in answer.body:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})
