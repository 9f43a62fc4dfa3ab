"""Clients that stall, drip or declare too much lose their connection, and nobody else does."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from simile.server.app import create_app
from simile.server.http.connections import StillLimits, Sweeper
from simile.server.http.reading import BodyLimits
from simile.server.http.traffic import Traffic

HEAD = b"POST /api/embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
TINY = BodyLimits(pause_s=0.05, min_bytes_per_s=1e9, linger_s=0.05)
"""For clients that send all that they will before they read, so that no pause can be too short."""


@pytest.fixture(scope="module")
def traffic():
    return Traffic(body_limits=TINY)


@pytest.fixture(scope="module")
def base(hub, residency, serving, traffic):
    with serving(create_app(hub, residency, traffic)) as url:
        yield url


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while piece := sock.recv(65536):
        received += piece
    return received


def test_a_body_that_stops_is_408_and_the_connection_ends(base, traffic):
    with connect(base) as sock:
        sock.sendall(HEAD % 1000 + b'{"model"')
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer
    assert "too slowly: 8 bytes" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert traffic.errors["SlowBodyError"] >= 1
    assert httpx2.get(f"{base}/api/version").status_code == 200


def test_ten_gigabytes_are_refused_before_they_come(base, traffic):
    with connect(base) as sock:
        sock.sendall(HEAD % (10 * 2**30))
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 413")
    assert traffic.held_bytes == 0


def test_a_client_may_send_on_after_a_refusal_and_still_reads_it(hub, residency, serving):
    """The connection ends with the body, long before the 30 s."""
    limits = BodyLimits(max_bytes=1000, linger_s=30)
    with serving(create_app(hub, residency, Traffic(body_limits=limits))) as url:
        with connect(url) as sock:
            sock.sendall(HEAD % 300_000 + b"x" * 300_000)
            assert read_all(sock).startswith(b"HTTP/1.1 413")


def test_a_client_that_drips_its_body_is_ended_and_others_are_served_meanwhile(
    hub, residency, serving
):
    limits = BodyLimits(pause_s=0.5, min_bytes_per_s=1e9, linger_s=30)
    with serving(create_app(hub, residency, Traffic(body_limits=limits))) as url:
        with connect(url) as sock:
            sock.sendall(HEAD % 100_000)
            sock.settimeout(0.02)
            answer, others = b"", []
            for _ in range(1000):
                sock.sendall(b"{")
                body = {"model": "all-minilm", "input": "sky"}
                others.append(httpx2.post(f"{url}/api/embed", json=body).status_code)
                with suppress(TimeoutError):
                    answer = sock.recv(65536)
                    break
    assert answer.startswith(b"HTTP/1.1 408")
    assert set(others) == {200}


@dataclass(eq=False)
class Transport:
    unread: int = 0
    aborted: bool = False

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.aborted = True


@dataclass(eq=False)
class Connection:
    """What a sweep looks at, as uvicorn's protocols have it."""

    transport: Transport
    cycle: Any = None
    timeout_keep_alive_task: Any = None


@dataclass(eq=False)
class Cycle:
    response_complete: bool


def test_a_head_that_does_not_end_is_cut_off():
    sweeper = Sweeper(StillLimits(head_s=10))
    new = Connection(Transport())
    assert [sweeper.sweep([new], now) for now in (0, 9, 10)] == [0, 0, 1]
    assert new.transport.aborted


def test_a_later_head_has_its_own_time():
    sweeper = Sweeper(StillLimits(head_s=10))
    kept = Connection(Transport(), cycle=Cycle(True))
    sweeper.sweep([kept], 0)
    kept.cycle = Cycle(True)  # Another request was answered meanwhile.
    assert sweeper.sweep([kept], 11) == 0
    assert sweeper.sweep([kept], 20.9) == 0
    assert sweeper.sweep([kept], 21) == 1


def test_idle_and_busy_connections_are_left_alone():
    sweeper = Sweeper(StillLimits(head_s=1, answer_s=1))
    idle = Connection(Transport(), cycle=Cycle(True), timeout_keep_alive_task=object())
    busy = Connection(Transport(), cycle=Cycle(False))
    assert [sweeper.sweep([idle, busy], now) for now in (0, 100, 200)] == [0, 0, 0]


def test_an_answer_that_nobody_reads_is_given_up():
    sweeper = Sweeper(StillLimits(answer_s=10))
    reader, stuck = Connection(Transport(100)), Connection(Transport(100))
    sweeper.sweep([reader, stuck], 0)
    reader.transport.unread = 50
    assert sweeper.sweep([reader, stuck], 10) == 1
    assert stuck.transport.aborted
    assert not reader.transport.aborted


def test_what_went_away_is_forgotten():
    sweeper = Sweeper()
    sweeper.sweep([Connection(Transport())], 0)
    sweeper.sweep([], 1)
    assert sweeper._still == {}
