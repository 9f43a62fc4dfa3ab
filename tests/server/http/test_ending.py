"""Connections beyond the limit, heads that do not end, and the end of a busy server."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from urllib.parse import urlsplit

import httpx2
import pytest

from simile.server.app import create_app
from simile.server.http.connections import StillLimits, allow_files
from simile.server.http.run import Server, ServerLimits, listen
from simile.server.http.traffic import Traffic

NEVER_ENDS = """
import asyncio
from simile.server.http.dialects import OLLAMA
from simile.server.http.routes import route
from simile.server.http.run import ServerLimits, listen, serve
from simile.server.http.traffic import Traffic
from simile.server.http.watch import Watch

async def hang(call):
    print("begun", flush=True)
    await asyncio.Event().wait()

hanging = route("GET", "/", hang, OLLAMA)
app = Watch(hanging.app, Traffic(), [hanging])
stopped = []
serve(
    app, listen("127.0.0.1", 0), ready=lambda url: print(url, flush=True),
    stopping=lambda: stopped.append(True), limits=ServerLimits(grace_s=0),
)
print("ended", stopped, flush=True)
"""


@contextmanager
def limited(app, limits: ServerLimits) -> Iterator[tuple[str, int]]:
    urls: SimpleQueue[str] = SimpleQueue()
    server = Server(app, listen("127.0.0.1", 0), urls.put, limits=limits)
    thread = threading.Thread(target=server.serve_until_stopped)
    thread.start()
    try:
        parts = urlsplit(urls.get(timeout=30))
        assert parts.hostname and parts.port
        yield parts.hostname, parts.port
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("sent", [b"", b"POST /api/embed HTT", b"GET / HTTP/1.1\r\nHost: x\r\nA: "])
def test_a_head_that_does_not_end_loses_its_connection(hub, residency, sent):
    limits = ServerLimits(still=StillLimits(head_s=0))
    with limited(create_app(hub, residency), limits) as address:
        with socket.create_connection(address, timeout=30) as sock:
            try:
                sock.sendall(sent)
                assert sock.recv(100) == b""
            except ConnectionError:
                pass  # Reset, which says the same.


def test_requests_on_more_connections_are_refused_and_welcome_later(hub, residency):
    traffic = Traffic()
    app = create_app(hub, residency, traffic)
    with limited(app, ServerLimits(connections=3)) as address:
        url = f"http://{address[0]}:{address[1]}/api/version"
        idle = [socket.create_connection(address, timeout=30) for _ in range(2)]
        for sock in idle:
            sock.sendall(b"GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        refused = httpx2.get(url)
        assert refused.status_code == 503
        assert refused.headers["connection"] == "close"
        assert refused.headers["retry-after"] == "1"
        assert "server busy" in refused.json()["error"]
        assert traffic.errors["OverloadedError"] >= 1
        for sock in idle:
            sock.close()
        answers = (httpx2.get(url).status_code for _ in range(1000))
        assert 200 in answers


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to a process alone")
def test_what_does_not_end_in_time_is_answered_503():
    with subprocess.Popen(
        [sys.executable, "-c", NEVER_ENDS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stderr
        url = process.stdout.readline().strip()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(httpx2.get(url, timeout=30)))
        thread.start()
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "ended [True]\n"
        assert process.wait(30) == 0
        thread.join()
        assert "Traceback" not in process.stderr.read()
    assert answers[0].status_code == 503
    assert "error" in answers[0].json()


def test_the_limit_of_open_files_is_only_ever_raised():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_files()
    after = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert after[0] >= soft
    assert after[1] == hard


def read_all(sock: socket.socket) -> bytes:
    with sock:
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_a_flood_of_connections_is_refused_in_the_envelope_and_leaves_nothing(hub, residency):
    traffic, limit = Traffic(), 20
    body = b'{"model": "all-minilm", "input": "sky"}'
    head = b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with limited(create_app(hub, residency, traffic), ServerLimits(connections=limit)) as address:
        holding = [socket.create_connection(address, timeout=30) for _ in range(limit - 1)]
        for sock in holding:
            sock.sendall(head + body)
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        flood = [socket.create_connection(address, timeout=30) for _ in range(10 * limit)]
        for sock in flood:
            sock.sendall(head + body)
        answers = [read_all(sock) for sock in flood]
        for sock in holding:
            sock.close()
        assert all(answer.startswith(b"HTTP/1.1 503") for answer in answers)
        assert all(b"\r\nretry-after: 1\r\n" in answer for answer in answers)
        assert all(b'{"error":{"message":"server busy' in answer for answer in answers)
        url = f"http://{address[0]}:{address[1]}/api/version"
        assert 200 in (httpx2.get(url).status_code for _ in range(1000))
    assert (traffic.queued, traffic.held_bytes) == (0, 0)
    assert traffic.answers["POST", "/v1/embeddings", 503] == len(flood)
