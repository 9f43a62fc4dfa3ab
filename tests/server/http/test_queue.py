"""How much may wait at once, told over real sockets with small limits."""

import asyncio
import gc
import socket
import threading
import weakref
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from simile.errors import InputError, ModelNotFoundError
from simile.server.app import create_app
from simile.server.http.dialects import OLLAMA
from simile.server.http.endpoint import Endpoint
from simile.server.http.reading import BodyLimits
from simile.server.http.traffic import REQUEST, TEXT_BYTES, RequestState, Traffic

BUSY = "server busy, please try again.  maximum pending requests exceeded"


@pytest.fixture
def serve(hub, residency, serving):
    """Serve with a traffic of one's own; gives a client."""
    with ExitStack() as stack:

        def start(traffic):
            url = stack.enter_context(serving(create_app(hub, residency, traffic)))
            return stack.enter_context(httpx2.Client(base_url=url, timeout=30))

        yield start


def hang(http: httpx2.Client, residency: Any, answers: list[Any]) -> tuple[threading.Thread, Any]:
    """Send a request that waits in the engine until its future is settled."""
    body = {"model": "all-minilm", "input": "hang"}
    thread = threading.Thread(target=lambda: answers.append(http.post("/api/embed", json=body)))
    thread.start()
    return thread, residency.one.embedder.hung.get(timeout=30)


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
def test_a_full_queue_is_503_with_retry_after_and_empties_again(serve, residency, path):
    traffic = Traffic(max_queue=1)
    http = serve(traffic)
    answers: list[Any] = []
    thread, future = hang(http, residency, answers)
    refused = http.post(path, json={"model": "all-minilm", "input": "sky"})
    error = refused.json()["error"]
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert (error if path.startswith("/api") else error["message"]) == BUSY
    assert http.get("/api/version").status_code == 200
    assert http.get("/health").json()["status"] == "busy"
    future.set_result(residency.one.embedder._result([["sky"]], 9))
    thread.join()
    assert answers[0].status_code == 200
    assert http.post(path, json={"model": "all-minilm", "input": "sky"}).status_code == 200
    assert (traffic.queued, traffic.held_bytes) == (0, 0)
    assert traffic.errors["OverloadedError"] == 1


def test_work_of_a_client_that_went_leaves_the_queue(serve, residency):
    traffic = Traffic(max_queue=1)
    http = serve(traffic)
    url = urlsplit(str(http.base_url))
    body = b'{"model": "all-minilm", "input": "hang"}'
    head = b"POST /api/embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection((url.hostname, url.port)) as sock:
        sock.sendall(head + body)
        future = residency.one.embedder.hung.get(timeout=30)
    gone = threading.Event()
    future.add_done_callback(lambda _: gone.set())
    assert gone.wait(30)
    assert future.cancelled()
    # The loop that dropped the work goes on with what follows before it reads a new request.
    assert http.get("/health").status_code == 200
    assert http.post("/api/embed", json={"model": "all-minilm", "input": "x"}).status_code == 200
    assert traffic.queued == 0


def test_what_is_asked_for_is_bounded_in_bytes(serve, residency):
    traffic = Traffic(max_held_bytes=100 * TEXT_BYTES)
    http = serve(traffic)
    alone = http.post("/api/embed", json={"model": "all-minilm", "input": ["a"] * 200})
    assert (alone.status_code, "too large" in alone.json()["error"]) == (413, True)
    answers: list[Any] = []
    thread, future = hang(http, residency, answers)
    both = http.post("/api/embed", json={"model": "all-minilm", "input": ["a"] * 99})
    assert (both.status_code, both.json()["error"]) == (503, BUSY)
    future.set_result(residency.one.embedder._result([["sky"]], 9))
    thread.join()
    later = http.post("/api/embed", json={"model": "all-minilm", "input": ["a"] * 90})
    assert later.status_code == 200
    assert traffic.held_bytes == 0


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
def test_a_body_declared_too_large_is_413_in_the_envelope(serve, path):
    http = serve(Traffic(body_limits=BodyLimits(max_bytes=1000)))
    answer = http.post(path, content=b"x" * 100_000)
    error = answer.json()["error"]
    assert answer.status_code == 413
    assert "1000 bytes" in (error if path.startswith("/api") else error["message"])
    assert answer.headers["connection"] == "close"
    assert http.get("/api/version").status_code == 200


@pytest.mark.parametrize("place", [0, 1])
def test_what_a_failed_request_held_is_let_go_without_the_garbage_collector(place):
    class Held:
        pass

    refs = []

    async def handler(call):
        held = Held()
        refs.append(weakref.ref(held))
        try:
            raise InputError("no")
        except InputError as exc:
            if place:
                raise ModelNotFoundError("neither") from exc
            raise

    async def receive():
        return {"type": "http.request", "body": b"{}"}

    async def send(message):
        pass

    gc.disable()
    try:
        scope = {"type": "http", "headers": [], REQUEST: RequestState(Traffic(), "", "/", OLLAMA)}
        asyncio.run(Endpoint(handler, OLLAMA)(scope, receive, send))
        assert [ref() for ref in refs] == [None]
    finally:
        gc.enable()
