"""Connect for a download: to no inner address but the one that was named, and not without end.

A registry may lead a server that pulls from it anywhere, and a client of that server chooses the
registry. So each address is checked as it is connected to (no name can mean another one by then),
and each piece that is read is watched: dripping bytes keep no thread. Addresses by RFC 6890.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import httpcore2
import httpx2

from simile.errors import DownloadError

POLL_S = 1.0
"""How often a wait looks whether anybody still wants what it waits for."""
READ_TIMEOUT_S = 30.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Supervision:
    """What is asked while bytes are waited for."""

    def __init__(
        self,
        *,
        wanted: Callable[[], None] = lambda: None,
        total_s: float | None = None,
        min_bytes_per_s: float = 0.0,
    ) -> None:
        """`wanted` raises if nobody wants the bytes any more.

        `total_s` is the time for everything. Each minute must bring 60 times `min_bytes_per_s`.
        """
        self._wanted = wanted
        self._end_s = None if total_s is None else monotonic() + total_s
        self._min_bytes_per_minute = 60 * min_bytes_per_s
        self._minute_s, self._minute_bytes = monotonic(), 0

    def look(self, came_bytes: int = 0) -> None:
        """Raise if there is no reason to wait any longer; DownloadError if the server is slow."""
        self._wanted()
        now_s = monotonic()
        if self._end_s is not None and now_s > self._end_s:
            raise DownloadError("the server takes too long")
        self._minute_bytes += came_bytes
        if now_s - self._minute_s >= 60:
            if self._minute_bytes < self._min_bytes_per_minute:
                raise DownloadError("the server sends too slowly")
            self._minute_s, self._minute_bytes = now_s, 0


class _WatchedStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, watch: Supervision) -> None:
        self._stream = stream
        self._watch = watch

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end_s = monotonic() + (READ_TIMEOUT_S if timeout is None else timeout)
        while True:
            self._watch.look()
            try:
                data = self._stream.read(max_bytes, POLL_S)
            except httpcore2.ReadTimeout:
                if monotonic() >= end_s:
                    raise
                continue
            self._watch.look(len(data))
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _WatchedStream(secure, self._watch)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _CheckedBackend(httpcore2.SyncBackend):
    """Resolves names itself, and connects to what it has checked."""

    def __init__(self, named: str, watch: Supervision) -> None:
        self._named = named
        self._watch = watch

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in _addresses(host, port):
            self._watch.look()
            if host != self._named and is_inner(address):
                raise DownloadError("it leads to an address inside this network")
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
                failure = exc
                continue
            return _WatchedStream(stream, self._watch)
        raise failure


def is_inner(address: str) -> bool:
    """Return whether an address is of this machine, a private network or no host at all."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip.sixtofour is not None:
            ip = ip.sixtofour
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return not ip.is_global or ip.is_multicast


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise httpcore2.ConnectError(str(exc)) from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked_transport(named: str, watch: Supervision) -> httpx2.HTTPTransport:
    """Return a transport for one download; `named` is the host that somebody asked for."""
    transport = httpx2.HTTPTransport()
    transport._pool = httpcore2.ConnectionPool(
        ssl_context=httpx2.create_ssl_context(), network_backend=_CheckedBackend(named, watch)
    )
    return transport
