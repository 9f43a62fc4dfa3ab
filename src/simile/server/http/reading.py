"""Read a request's body within limits of size and time, and refuse one without harm to others.

Knows ASGI messages; does not know what a body means. A client that sends a byte a second, or
declares more than is read, costs a connection for seconds and no memory.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from starlette.types import Receive, Send

from simile.server import errors

MAX_BODY_BYTES = 16 * 2**20
"""As much as is parsed within 40 ms: 4,096 texts of 4 KiB."""


@dataclass(frozen=True)
class BodyLimits:
    """How much is read, and how long a client may take."""

    max_bytes: int = MAX_BODY_BYTES
    pause_s: float = 20.0
    """The longest pause between two pieces, and the grace on top of the minimum rate."""
    min_bytes_per_s: float = 4096.0
    linger_s: float = 2.0
    """How long more is thrown away after a refusal, so that the client reads the answer."""


LIMITS = BodyLimits()
_COMPRESSIONS = frozenset({b"zstd", b"gzip", b"x-gzip", b"deflate", b"br"})


async def read_body(
    receive: Receive,
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    limits: BodyLimits = LIMITS,
    hold: Callable[[int], None] = lambda _: None,
) -> bytes:
    """Read a whole body; `hold` is called with each piece's size and may raise.

    Raises BodyError for a compressed body, BodyTooLargeError beyond max_bytes (before reading if
    the headers say so), SlowBodyError, and ClientGoneError if the body is cut short.
    """
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > limits.max_bytes:
            raise _too_large(limits)
        if name == b"content-encoding" and value.strip().lower() in _COMPRESSIONS:
            raise errors.BodyError(
                f"the body is compressed (Content-Encoding: {value.strip().lower().decode()});"
                " expected it as it is; have the client send it uncompressed"
            )
    now = asyncio.get_running_loop().time
    end = now() + limits.pause_s
    whole, size, more = bytearray(), 0, True
    try:
        async with asyncio.timeout_at(end) as timer:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise errors.ClientGoneError("the client closed the connection while sending")
                piece = message.get("body", b"")
                more = message.get("more_body", False)
                size += len(piece)
                if size > limits.max_bytes:
                    raise _too_large(limits)
                hold(len(piece))
                whole += piece
                if more:
                    slowest = end + size / limits.min_bytes_per_s
                    timer.reschedule(min(slowest, now() + limits.pause_s))
    except TimeoutError as exc:
        raise errors.SlowBodyError(
            f"the body came too slowly: {size} bytes so far; expected a piece every"
            f" {limits.pause_s:g} s, and then {limits.min_bytes_per_s:g} bytes/s on average"
        ) from exc
    # Not copied to bytes, which would hold a large body twice; nobody changes it.
    return cast(bytes, whole)


def _too_large(limits: BodyLimits) -> errors.BodyTooLargeError:
    return errors.BodyTooLargeError(
        f"the body is too large: expected at most {limits.max_bytes} bytes; send fewer texts"
    )


async def linger(receive: Receive, send: Send, *, limits: BodyLimits = LIMITS) -> None:
    """Discard what a rejected client still sends, for a while, and end the response.

    Closing at once would reset the connection, and the client might never read the error.
    """
    try:
        async with asyncio.timeout(limits.linger_s):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body", False):
                message = await receive()
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})
