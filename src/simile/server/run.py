"""Listen on a port and answer with an application until told to stop.

Knows sockets, signals and uvicorn; does not know what is answered. Binding and serving are two
steps, so that a busy port is told before a model is fetched and loaded.
"""

import errno
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from simile.errors import ServerError

BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than clients keep an idle connection, so that none is closed as they reuse it."""
GRACE_S = 30
"""How long what is in flight may still take after a signal."""


def listen(host: str, port: int, *, insecure: bool = False) -> socket.socket:
    """Bind host and port (0: any that is free) and listen.

    ServerError if that cannot be, or if others could reach it and `insecure` was not said.
    """
    family, address = _resolve(host, port)
    if not insecure and not ipaddress.ip_address(address[0]).is_loopback:
        raise ServerError(
            f"{host} can be reached from other machines, and no key protects it;"
            " expected an address of this machine alone, such as 127.0.0.1"
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

    def __init__(self, app: ASGIApp, sock: socket.socket, ready: Callable[[str], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._sock = sock
        self._ready = ready

    def serve_until_stopped(self) -> None:
        """Answer until a signal comes or `should_exit` is set, then finish what is in flight."""
        with self._sock:
            self.run(sockets=[self._sock])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer, and say so."""
        url = url_of(self._sock)
        await super().startup(sockets=sockets)
        self._ready(url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal; uvicorn's own would raise it once more after a clean end."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(app: ASGIApp, sock: socket.socket, *, ready: Callable[[str], None]) -> None:
    """Answer on a listening socket until SIGINT or SIGTERM; `ready` gets the base URL.

    Blocks. A second SIGINT leaves without waiting for what is in flight.
    """
    Server(app, sock, ready).serve_until_stopped()
