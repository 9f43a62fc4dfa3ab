"""Whatever comes, on every route: no 5xx, no hang, and an error in the protocol's own envelope.

Over real sockets, with the real engine and a small random checkpoint. Which routes there are, and
which fields they read, is taken from the server's own description.
"""

import gzip
import json
import socket
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.server.offline_hub import NAME, serving_offline
from tests.server.spec.described import bodies, operations

from simile.server.spec.handlers import document

DESCRIBED = document(has_keys=False)
BODIES = bodies(DESCRIBED)
OPERATIONS_HERE = sorted(operations(DESCRIBED))
MANY = settings(max_examples=200)
LIKE_TEI = ("/rerank", "/v2/rerank", "/embed", "/similarity", "/tokenize", "/info")

numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), 2**63, 2**64, 1e308, -1e308, -0.0, 5e-324, 0.5])
)
strings = st.text(max_size=30) | st.sampled_from(
    [NAME, "", "\0", "\ud800", "\udfff\ud800", "../../etc/passwd", "http://hf.co/a/b", "5m", "1"]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | strings,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
    max_leaves=8,
)


def properties(operation: tuple[str, str]) -> dict[str, Any]:
    body = BODIES.get(operation)
    return dict(body["properties"]) if body else {"model": {}, "name": {}}


def written(pairs: list[tuple[str, Any]]) -> bytes:
    """As JSON, twice the same name, NaN and Infinity included."""
    inside = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs)
    return f"{{{inside}}}".encode()


def typed(operation: tuple[str, str]) -> st.SearchStrategy[bytes]:
    """The route's own fields, most with a value of any type, the model now and then a real one."""
    fields = sorted(properties(operation))
    names = st.sampled_from(fields) | st.sampled_from([name.upper() for name in fields]) | strings
    options = st.dictionaries(
        st.sampled_from(["num_ctx", "seed", "top_p", "use_mmap", "stop", "x"]), values, max_size=3
    )
    pairs = st.lists(st.tuples(names, values) | st.tuples(st.just("options"), options), max_size=5)
    model = st.sampled_from([[], [("model", NAME)], [("source", NAME), ("destination", "b")]])
    return st.builds(lambda first, rest: written(first + rest), model, pairs)


def broken(operation: tuple[str, str]) -> st.SearchStrategy[bytes]:
    """Nearly JSON: cut short, or a few bytes replaced."""

    def spoil(body: bytes, at: int, piece: bytes, cut: bool) -> bytes:
        at %= len(body) + 1
        return body[:at] if cut else body[:at] + piece + body[at + len(piece) :]

    return st.builds(
        spoil, typed(operation), st.integers(0, 10**4), st.binary(max_size=3), st.booleans()
    )


def nested(operation: tuple[str, str]) -> st.SearchStrategy[bytes]:
    """Deeper than any parser should follow, bare or in a field, closed or not."""
    field = st.sampled_from(sorted(properties(operation)))

    def deep(name: str, depth: int, opening: bytes, is_closed: bool) -> bytes:
        closing = (b"]" if opening == b"[" else b"}") * depth if is_closed else b""
        return b'{"%b":%b1%b}' % (name.encode(), opening * depth, closing)

    depths = st.sampled_from([1, 100, 1024, 10_001, 200_000])
    return st.builds(deep, field, depths, st.sampled_from([b"[", b'{"a":']), st.booleans())


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, dict[str, str]]:
    operation = draw(st.sampled_from(OPERATIONS_HERE))
    method, path = operation
    for part in ("{id}", "{digest}"):
        path = path.replace(
            part,
            quote(draw(strings), safe=draw(st.sampled_from(["", "/"])), errors="surrogatepass"),
        )
    body = draw(
        typed(operation) | typed(operation) | broken(operation) | nested(operation) | st.binary()
    )
    headers = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "content-type": st.sampled_from(["text/plain", "multipart/form-data", "a", ""]),
                "content-encoding": st.sampled_from(["gzip", "zstd", "identity", "br"]),
                "accept": st.sampled_from(["text/html", "application/xml", "nonsense"]),
                "x-request-id": st.text("abc \t<>\"'", max_size=8).map(str.strip),
            },
        )
    )
    if draw(st.integers(0, 9)) == 0:
        body = gzip.compress(body)
    return method, path, body, headers


@pytest.fixture(scope="module")
def http(tmp_path_factory, serving):
    with serving_offline(tmp_path_factory.mktemp("models"), serving) as url:
        with httpx2.Client(base_url=url, timeout=30) as client:
            yield client


def check(answer: httpx2.Response, path: str) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code < 400 or answer.request.method == "HEAD":
        return
    kind = answer.headers["content-type"]
    if path == "/v1" or path.startswith("/v1/"):
        assert kind == "application/json"
        error = answer.json()["error"]
        assert list(error) == ["message", "type", "param", "code"]
        assert isinstance(error["message"], str) and error["message"]
    elif kind.startswith("text/plain"):
        assert answer.text in ("404 page not found", "405 method not allowed")
    elif path in LIKE_TEI:
        assert kind == "application/json"
        error = answer.json()
        assert list(error) == ["error", "error_type", "message"]
        assert error["error"] == error["message"] != ""
    else:
        assert kind == "application/json; charset=utf-8"
        assert list(answer.json()) == ["error"]
        assert answer.json()["error"]


@MANY
@given(data=st.data())
def test_malformed_requests(http, data):
    method, path, body, headers = data.draw(requests())
    answer = http.request(method, path, content=body, headers=headers)
    check(answer, urlsplit(path).path)


@pytest.mark.parametrize("operation", OPERATIONS_HERE, ids=" ".join)
@settings(max_examples=25)
@given(data=st.data())
def test_wrong_types_on_every_route(http, operation, data):
    method, path = operation
    path = path.replace("{id}", NAME).replace("{digest}", f"sha256:{'0' * 64}")
    check(http.request(method, path, content=data.draw(typed(operation))), path)


@pytest.mark.parametrize("operation", OPERATIONS_HERE, ids=" ".join)
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff", b"NaN", b"[" * 200_000, b"\x1f\x8b\x08", b"1e999"]
)
def test_bodies_that_are_no_object(http, operation, body):
    method, path = operation
    path = path.replace("{id}", NAME).replace("{digest}", f"sha256:{'0' * 64}")
    check(http.request(method, path, content=body), path)


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LOCK", "PROPFIND"]


@MANY
@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from([path for _, path in OPERATIONS_HERE] + ["/v1/", "/api/", "/nothing"]),
    tail=st.text(max_size=10) | st.sampled_from(["/", "//", "/..", "/%2e%2e", "%00", "%ff", "%"]),
    query=st.text(max_size=10),
)
@example(method="GET", path="/v1/models/{id}", tail="%2F..%2F..", query="")
def test_odd_methods_paths_and_queries(http, method, path, tail, query):
    path = quote(path + tail, safe="/%", errors="surrogatepass")
    raw = f"{path}?{quote(query, errors='surrogatepass')}".encode()
    head = method.encode() + b" " + raw + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close"
    answer = ask(http, head + b"\r\n\r\n", stays=True)
    status = int(answer.split(b" ", 2)[1])
    assert status < 500
    head, _, body = answer.partition(b"\r\n\r\n")
    if status >= 400 and method != "HEAD" and path.startswith("/v1/"):
        assert list(json.loads(body)["error"]) == ["message", "type", "param", "code"], head


def ask(http: httpx2.Client, sent: bytes, *, stays: bool = False) -> bytes:
    """Send bytes; gives all that comes back until the server hangs up.

    Who does not stay says that nothing more will come, which may be taken for going away.
    """
    parts = urlsplit(str(http.base_url))
    received = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        try:
            sock.sendall(sent)
            if not stays:
                sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                received += piece
        except TimeoutError:
            raise
        except OSError:
            pass  # The server hung up before it had read everything.
    return received


LINES = st.sampled_from(
    [
        b"POST /api/embed HTTP/1.1",
        b"POST /v1/embeddings HTTP/1.0",
        b"POST http://elsewhere/api/embed HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET /api/ tags HTTP/1.1",
        b"GET /\xff\x00 HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"CONNECT localhost:1 HTTP/1.1",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1",
        b"Host: localhost",
        b"Host",
        b"Content-Length: 2",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 3e2",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Expect: 100-continue",
        b"Upgrade: websocket\r\nConnection: upgrade",
        b"X-Request-Id: \xff\x01",
        b"A: " + b"b" * 100_000,
        b": empty",
        b"",
        b"{}",
        b"2\r\n{}\r\n0\r\n",
        b"-1\r\n",
        b"ffffffffffffffffff\r\n",
    ]
)


@MANY
@given(data=st.data())
def test_bytes_that_are_no_http(http, data):
    lines = st.lists(LINES | st.binary(max_size=20), max_size=7).map(b"\r\n".join)
    answer = ask(http, data.draw(st.binary(max_size=200) | lines))
    # Nothing, or a refusal; and answers to those parts that were requests after all.
    assert not answer or answer.startswith((b"HTTP/1.1 1", b"HTTP/1.1 2", b"HTTP/1.1 4")), answer


def test_the_server_is_well_afterwards(http):
    assert http.post("/api/pull", json={"model": NAME}).text.endswith('{"status":"success"}\n')
    answer = http.post("/api/embed", json={"model": NAME, "input": ["sky"]})
    assert len(answer.json()["embeddings"]) == 1
    assert http.get("/health").json()["queued"] == 0
