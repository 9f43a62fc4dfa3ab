"""Act as broken or hostile clients: too many at once, one byte per second, vanishing.

Functions return what such clients got, in words or counts. Everything ends within DEADLINE_S. Knows
HTTP/1.1, but no server's limits.
"""

import selectors
import socket
import threading
from collections import Counter
from collections.abc import Callable
from time import monotonic, sleep
from urllib.parse import urlsplit

from benchmarks.lib.http_clients import embed_request

DEADLINE_S = 60.0
GIGABYTES_10 = 10 * 2**30
VANISHING = 20
_LONG = ["word " * 200] * 200


def flood(url: str, model: str, connections: int) -> Counter[str]:
    """Open many connections at once, each with one short query; count the outcomes."""
    selector = selectors.DefaultSelector()
    address, outcomes = _address(url), Counter[str]()
    for number in range(connections):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(address)
        request = embed_request(url, model, [f"the question of client {number}"])
        selector.register(sock, selectors.EVENT_WRITE, request)
    end_s, got = monotonic() + DEADLINE_S, dict[socket.socket, bytes]()
    while selector.get_map() and monotonic() < end_s:
        for key, events in selector.select(timeout=1):
            assert isinstance(key.fileobj, socket.socket)
            sock = key.fileobj
            try:
                if events & selectors.EVENT_WRITE:
                    sock.sendall(key.data)
                    selector.modify(sock, selectors.EVENT_READ)
                    continue
                piece = sock.recv(65536)
                got[sock] = got.get(sock, b"") + piece
                outcome = "cut short" if not piece else _outcome(got[sock])
            except OSError:
                outcome = "refused or reset"
            if outcome:
                outcomes[outcome] += 1
                selector.unregister(sock)
                sock.close()
    for key in list(selector.get_map().values()):
        outcomes["hanging"] += 1
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    selector.close()
    return outcomes


def _outcome(answer: bytes) -> str:
    """Return a response's status; empty while it is incomplete."""
    head, found, body = answer.partition(b"\r\n\r\n")
    head = head.lower()
    if not found or len(body) < int(head.partition(b"content-length:")[2].split(b"\r")[0] or 0):
        return ""
    status = head.split()[1].decode()
    return status + " with Retry-After" * (b"\r\nretry-after:" in head)


class HostileClients:
    """Clients that do harm beside others, each in a thread of its own."""

    def __init__(self, url: str, model: str) -> None:
        """Start the clients."""
        self.got: dict[str, str] = {}
        self._url = url
        self._request = embed_request(url, model, _LONG)
        self._end_s = monotonic() + DEADLINE_S
        head = self._request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        declared = head.replace(b"Content-Length: ", b"Content-Length: %d, " % GIGABYTES_10)
        declared = declared.partition(b", ")[0] + b"\r\n\r\n"
        actions = (
            ("sends a byte of its head a second", lambda: self._drip(b"", head)),
            ("sends a byte of its body a second", lambda: self._drip(head, b"x" * 10_000)),
            ("declares 10 GB", lambda: self._drip(declared, b"")),
            ("vanishes while sending, 20 times", lambda: self._vanish(len(self._request) // 2)),
            ("vanishes while waiting, 20 times", lambda: self._vanish(len(self._request))),
        )
        self._threads = [threading.Thread(target=self._do, args=action) for action in actions]
        for thread in self._threads:
            thread.start()

    def at_work(self) -> bool:
        """Return whether any client is still running."""
        return any(thread.is_alive() for thread in self._threads)

    def _do(self, name: str, action: Callable[[], str]) -> None:
        start_s = monotonic()
        try:
            said = action()
        except OSError as exc:
            said = f"connection lost ({type(exc).__name__})"
        self.got[name] = f"{said} after {monotonic() - start_s:.1f} s"

    def _drip(self, first: bytes, rest: bytes) -> str:
        """Send `first` at once and `rest` at one byte per second; return the response's status."""
        with socket.create_connection(_address(self._url)) as sock:
            sock.sendall(first)
            sock.settimeout(1.0)
            for at in range(len(rest) + 10):
                sock.sendall(rest[at : at + 1])
                try:
                    answer = sock.recv(4096)
                except TimeoutError:
                    if monotonic() > self._end_s:
                        return "still served"
                    continue
                return answer.partition(b"\r\n")[0].decode() or "connection closed"
        return "no answer"

    def _vanish(self, size: int) -> str:
        """Repeatedly send `size` bytes of a long request and close the connection."""
        for _ in range(VANISHING):
            with socket.create_connection(_address(self._url)) as sock:
                sock.sendall(self._request[:size])
                sleep(0.2)
        return "gone"


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
