"""What of a request is not its body has limits, and the connection ends where one is exceeded."""

import json

import httpx2
import pytest
from tests.server.http.test_slow_clients import connect, read_all

from simile.server.app import create_app
from simile.server.http.heads import MAX_HEAD_BYTES, MAX_HEADERS

GET = b"GET /api/version HTTP/1.1\r\n"
END = b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def base(hub, residency, serving):
    with serving(create_app(hub, residency)) as url:
        yield url


def answer_to(base: str, *pieces: bytes) -> bytes:
    with connect(base) as sock:
        try:
            for piece in pieces:
                sock.sendall(piece)
            return read_all(sock)
        except (ConnectionResetError, BrokenPipeError):
            return b""


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"A",
        GET + b"Host: x\r\nX: ",
        GET + b"Host: x\r\n",
        GET + b"Host: x\r\nX: y\r\n ",
        b"POST /api/embed HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"POST /api/embed HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
    ids=["path", "method", "value", "name", "folded", "chunk extension", "trailer"],
)
def test_what_is_no_body_ends_the_connection_beyond_its_limit(base, start):
    answer = answer_to(base, start, *[b"a" * MAX_HEAD_BYTES] * 64)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert httpx2.get(f"{base}/api/version").status_code == 200


def test_a_head_within_the_limit_is_read(base):
    head = GET + b"Host: localhost\r\nX: " + b"a" * 60_000 + b"\r\n"
    assert answer_to(base, head, END).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("count", [MAX_HEADERS - 2, MAX_HEADERS - 1, 5000])
def test_headers_are_counted(base, count):
    headers = b"".join(b"X-%d: y\r\n" % number for number in range(count))
    answer = answer_to(base, GET + b"Host: localhost\r\n" + headers + END)
    assert answer.startswith(b"HTTP/1.1 200" if count == MAX_HEADERS - 2 else b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET, b"400"),
        (GET + b"Host: localhost\r\nHost: localhost\r\n", b"400"),
        (GET.replace(b"1.1", b"1.0") + b"Host: a\r\nHost: b\r\n", b"400"),
        (GET.replace(b"1.1", b"1.0"), b"200"),
        (GET + b"Host: localhost\r\n", b"200"),
    ],
)
def test_a_request_names_one_host(base, head, status):
    assert answer_to(base, head + END).startswith(b"HTTP/1.1 " + status)


def test_many_small_chunks_are_no_overhead_that_is_refused(base):
    body = json.dumps({"model": "none", "input": "a" * 50_000}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    head = b"POST /api/embed HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    assert answer_to(base, head + END + chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 404")


def test_a_trailer_is_no_header(base):
    body = b'{"model":"none","input":"a"}'
    head = b"POST /api/embed HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    chunk = b"%x\r\n%b\r\n0\r\nX-Request-Id: trailed\r\nOrigin: http://evil\r\n\r\n"
    answer = answer_to(base, head + END + chunk % (len(body), body))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"trailed" not in answer
