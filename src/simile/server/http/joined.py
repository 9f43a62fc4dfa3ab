"""Send an answer's head and its first part in one packet.

uvicorn writes them one after the other, and each is sent at once: two system calls, and the client
wakes twice. 64 clients with one short text each got 8 % more answers with this and `json_numbers`.
"""

import asyncio
from typing import Any

from simile.server.http.heads import HeadLimits


class JoinedWrites:
    """A transport that holds an answer's head until the next write, or the event loop's next turn.

    Everything else is the transport's own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send, or hold what begins an answer."""
        if self._head or not data.startswith(b"HTTP/"):
            head, self._head = self._head, b""
            self._transport.write(head + data if head else data)
            return
        self._head = data
        self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Close after sending what was written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def http_protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's fastest installed protocol, with joined writes."""
    base: Any
    limits: Any = object  # h11 has such limits of its own.
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as base

        limits = HeadLimits
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol as base

    class Protocol(limits, base):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(JoinedWrites(transport, self.loop))

    return Protocol
