"""Send requests over keep-alive connections, cheaply: clients share the server's cores.

Requests are prepared bytes; one thread waits for all sockets; only the status and the end of a
response are parsed. Knows HTTP/1.1, not the API.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

import orjson

_PIECE = 1 << 18


@dataclass(frozen=True)
class Load:
    """The result of a crowd of clients."""

    requests_per_s: float
    client_cores: float
    """Number of cores that the clients used."""


def embed_request(url: str, model: str, texts: Sequence[str]) -> bytes:
    """Build a POST /api/embed request; a single text is sent as a string, as clients do."""
    value = texts[0] if len(texts) == 1 else list(texts)
    body = orjson.dumps({"model": model, "input": value})
    lines = (
        "POST /api/embed HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Client:
    """One connection, with at most one request in flight."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pieces = bytearray()
        self._end: int | None = None

    def send(self, request: bytes) -> None:
        """Send one request."""
        self._pieces.clear()
        self._end = None
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read available data, waiting for some; return whether the response is complete."""
        data = self.socket.recv(_PIECE)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._pieces += data
        if self._end is None and not self._read_head():
            return False
        if self._end == 0:
            return self._pieces.endswith(b"\r\n0\r\n\r\n")
        return len(self._pieces) >= (self._end or 0)

    def ask(self, request: bytes) -> bytes:
        """Send a request and return its complete response, head included."""
        self.send(request)
        while not self.receive():
            pass
        return bytes(self._pieces)

    def body(self) -> bytes:
        """Return the body of a complete response that is not chunked."""
        return bytes(self._pieces).partition(b"\r\n\r\n")[2]

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _read_head(self) -> bool:
        """Find the end of the response, 0 if chunked; return whether the head is complete."""
        stop = self._pieces.find(b"\r\n\r\n")
        if stop < 0:
            return False
        head = bytes(self._pieces[:stop]).lower()
        if not head.startswith(b"http/1.1 200"):
            raise ConnectionError(f"the server answered {bytes(self._pieces[:500])!r}")
        _, found, rest = head.partition(b"\r\ncontent-length:")
        self._end = stop + 4 + int(rest.partition(b"\r\n")[0]) if found else 0
        return True


def crowd(url: str, requests: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    """Keep `clients` connections busy, cycling through the requests, and count responses."""
    supply = cycle(requests)
    selector = selectors.DefaultSelector()
    crowd = [Client(url) for _ in range(clients)]
    for client in crowd:
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.send(next(supply))
    _answer(selector, supply.__next__, until=time.perf_counter() + seconds / 4)  # Warm up.
    start, busy = time.perf_counter(), time.process_time()
    count = _answer(selector, supply.__next__, until=start + seconds)
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    for client in crowd:
        client.close()
    selector.close()
    return Load(count / taken, busy / taken)


def drain(url: str, requests: Sequence[bytes], *, clients: int) -> float:
    """Distribute the requests among `clients` connections; return seconds until the last response.

    For requests so long that only a few would complete in a time window.
    """
    waiting = deque(requests)
    selector = selectors.DefaultSelector()
    crowd = [Client(url) for _ in range(min(clients, len(waiting)))]
    start = time.perf_counter()
    for client in crowd:
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.send(waiting.popleft())
    left = len(requests)
    while left:
        for key, _ in selector.select():
            asked: Client = key.data
            if asked.receive():
                left -= 1
                if waiting:
                    asked.send(waiting.popleft())
    taken = time.perf_counter() - start
    for client in crowd:
        client.close()
    selector.close()
    return taken


def _answer(selector: selectors.BaseSelector, supply: Callable[[], bytes], *, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        for key, _ in selector.select():
            client: Client = key.data
            if client.receive():
                count += 1
                client.send(supply())
    return count
