"""Listen on a port and serve an application until a signal stops it.

Knows sockets, signals and uvicorn, not routes. Binding and serving are two steps, so a busy port is
reported before a model is fetched and loaded.
"""

import errno
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from simile.address import is_loopback
from simile.errors import ServerError
from simile.server.http.connections import (
    CROWDED,
    MAX_CONNECTIONS,
    StillLimits,
    Sweeper,
    allow_files,
)
from simile.server.http.joined import http_protocol

BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than clients keep an idle connection, so that none is closed as they reuse it."""
SWEEP_TICKS = 5


@dataclass(frozen=True)
class ServerLimits:
    """What no client may exceed."""

    connections: int = MAX_CONNECTIONS
    grace_s: int = 30
    """How long requests in flight may still take after a signal."""
    still: StillLimits = StillLimits()


LIMITS = ServerLimits()


def listen(
    host: str, port: int, *, insecure: bool = False, has_keys: bool = False
) -> socket.socket:
    """Bind host and port (0: any that is free) and listen.

    Raises ServerError if that fails, or if other machines could reach it while neither keys nor
    `insecure` are set.
    """
    family, address = _resolve(host, port)
    if not (insecure or has_keys or is_loopback(address[0])):
        raise ServerError(
            f"{host} can be reached from other machines, and no key protects it;"
            " expected --api-keys FILE, or an address of this machine alone, such as 127.0.0.1"
        )
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it POSIX keeps a port closed for a minute after a server; on Windows the same
        # option would let two servers share one port.
        shared = sys.platform != "win32"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR if shared else _EXCLUSIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind(address)
        # Two sockets may be bound to one port until one of them listens.
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        raise ServerError(_refusal(host, port, exc)) from exc
    return sock


def is_private(sock: socket.socket) -> bool:
    """Whether only this machine reaches a listening socket."""
    return is_loopback(sock.getsockname()[0])


_EXCLUSIVE: int = getattr(socket, "SO_EXCLUSIVEADDRUSE", 0)


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    # The resolver takes any number, and keeps its last 16 bits.
    if not 0 <= port < 2**16:
        raise ServerError(f"--port is {port}; expected 0 to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise ServerError(f"cannot listen on {host}:{port}: {exc}") from exc
    # localhost may mean ::1 as well, but clients of Ollama try 127.0.0.1.
    family, *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def _refusal(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use, by Ollama or another simile;"
            " stop that, or choose another port with --port"
        )
    return f"cannot listen on {host}:{port}: {exc.strerror}; choose another port with --port"


def url_of(sock: socket.socket) -> str:
    """Write where a listening socket is reached, as a client's base URL."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves one application on one socket; says when it answers, and stops without complaint."""

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        ready: Callable[[str], None],
        *,
        stopping: Callable[[], None] = lambda: None,
        limits: ServerLimits = LIMITS,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                self._hand_on,
                http=http_protocol(),
                interface="asgi3",  # uvicorn would mistake a bound method for ASGI 2.
                lifespan="off",
                ws="none",
                log_config=None,
                # Warnings are about what single clients send; /metrics counts that.
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=limits.grace_s,
            )
        )
        self._app = app
        self._max_connections = limits.connections
        self._sock = sock
        self._ready = ready
        self._stopping = stopping
        self._sweeper = Sweeper(limits.still)

    def serve_until_stopped(self) -> None:
        """Serve until a signal comes or `should_exit` is set, then finish requests in flight."""
        with self._sock:
            self.run(sockets=[self._sock])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer, and say so."""
        url = url_of(self._sock)
        allow_files()
        await super().startup(sockets=sockets)
        self._ready(url)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark requests beyond the limit; uvicorn itself would reject them in plain text."""
        if len(self.server_state.connections) >= self._max_connections:
            scope[CROWDED] = True
        await self._app(scope, receive, send)

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections now and then; uvicorn calls this ten times a second."""
        if counter % SWEEP_TICKS == 0:
            self._sweeper.sweep(list(self.server_state.connections), monotonic())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal; uvicorn's own would raise it once more after a clean end."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._stopping()


def on_hangup(action: Callable[[], None]) -> None:
    """Do something whenever SIGHUP comes, in place of ending; Windows has no such signal."""
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, lambda _number, _frame: action())


def serve(
    app: ASGIApp,
    sock: socket.socket,
    *,
    ready: Callable[[str], None],
    stopping: Callable[[], None] = lambda: None,
    limits: ServerLimits = LIMITS,
) -> None:
    """Answer on a listening socket until SIGINT or SIGTERM; `ready` gets the base URL.

    `stopping` is called when a signal comes. Blocks. A second SIGINT leaves without waiting for
    what is in flight.
    """
    Server(app, sock, ready, stopping=stopping, limits=limits).serve_until_stopped()
