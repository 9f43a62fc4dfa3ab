"""Send lines of JSON as they come, for as long as the client is there.

Knows ASGI and no protocol. Once lines are on their way the status cannot change, so an error is the
last line, as in Ollama's streams (Ollama 0.33's API, read 2026-11).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from starlette.types import Send

from simile.server import errors

CONTENT_TYPE = b"application/x-ndjson"

Gone = Callable[[], Awaitable[None]]
"""Returns when the client has closed the connection."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that comes line by line, each with its newline."""

    lines: AsyncGenerator[bytes]
    gone: Gone
    status: int = 200


async def send_stream(send: Send, stream: Stream, fail: Callable[[BaseException], bytes]) -> None:
    """Send every line at once when it comes; `fail` words what goes wrong.

    The generator is closed if the client goes.
    """
    headers = [(b"content-type", CONTENT_TYPE)]
    await send({"type": "http.response.start", "status": stream.status, "headers": headers})
    try:
        async with attended(stream.gone), aclosing(stream.lines) as lines:
            async for line in lines:
                await send({"type": "http.response.body", "body": line, "more_body": True})
    except (Exception, asyncio.CancelledError) as exc:
        # The server cancels requests that outlast its grace period. A client that has gone gets the
        # line as well: the server drops it.
        line = fail(exc).rstrip(b"\n") + b"\n"
        await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def attended(gone: Gone) -> AsyncIterator[None]:
    """Raise ClientGoneError inside the block as soon as the client disconnects."""
    task = asyncio.current_task()
    assert task, "a coroutine runs in a task"
    left = False

    async def watch() -> None:
        nonlocal left
        await gone()
        left = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        # Somebody else, such as the end of the server, may have cancelled as well.
        if not left or task.uncancel():
            raise
        raise errors.ClientGoneError("the client closed the connection") from None
    finally:
        watcher.cancel()
