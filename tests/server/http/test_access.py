"""The door, before the stub server and over a real socket."""

import asyncio
import logging
import socket
from typing import Any, cast

import httpx
import ollama
import openai
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simile.server.app import create_app
from simile.server.http.access import OPEN_PATHS, Access
from simile.server.http.dialects import OLLAMA
from simile.server.http.endpoint import Endpoint, Response
from simile.server.http.keys import Caller, Keys
from simile.server.http.origins import Origins
from simile.server.http.routes import route
from simile.server.http.traffic import Traffic
from simile.server.http.watch import Watch

KEY = "a-key-of-alices-own"
PRINCIPALS = '["user:alice", "group:eng"]'
BODY = {"model": "all-minilm", "input": "a"}
EVIL = "http://evil.example"
PAGE = "http://localhost:3000"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text(
        f'[[keys]]\nname = "alice"\nkey = "{KEY}"\nprincipals = {PRINCIPALS}', encoding="utf-8"
    )
    return Keys(path)


@pytest.fixture(scope="module")
def app(hub, residency):
    return create_app(cast(Any, hub), cast(Any, residency))


def guarded(app: Watch, **options: Any) -> Watch:
    """Put the door in front of an application, as the server does."""
    return app.around(Access(app, **options))


@pytest.fixture(scope="module")
def keyed(app, keys, serving):
    with serving(guarded(app, keys=keys, origins=Origins(), check_host=True)) as url:
        yield url


@pytest.fixture(scope="module")
def plain(app, serving):
    with serving(guarded(app, keys=None, origins=Origins(), check_host=True)) as url:
        yield url


def ask(
    app: Any, headers: dict[str, bytes], path: str = "/api/tags", method: str = "GET"
) -> dict[str, Any]:
    """Call an ASGI application; gives its answer's status, headers and body."""
    pairs = [(name.encode(), value) for name, value in headers.items()]
    sent: list[Any] = []
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": pairs}
    scope |= {"query_string": b"", "root_path": "", "scheme": "http", "server": ("127.0.0.1", 1)}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return {"status": sent[0]["status"], "headers": sent[0]["headers"], "body": body}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_a_key_nothing_is_answered(keyed, headers):
    answer = httpx.post(f"{keyed}/api/embed", json=BODY, headers=headers)
    assert answer.status_code == 401
    assert list(answer.json()) == ["error"]
    assert "Bearer" in answer.json()["error"] and "wrong" not in answer.text
    assert answer.headers["www-authenticate"] == 'Bearer realm="simile"'
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/models", "/v1/nothing", "/v1"])
def test_the_refusal_below_v1_is_openais(keyed, path):
    answer = httpx.get(keyed + path)
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", None)
    assert error["code"] == "invalid_api_key"
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_what_says_that_the_server_is_there_needs_no_key(keyed, path, headers):
    assert httpx.get(keyed + path, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/api/tags", "/api/nothing", "/metrics", "/api/version/"])
def test_the_rest_does(keyed, path):
    assert httpx.get(keyed + path).status_code == 401


def test_clients_of_ollama_with_a_key(keyed):
    headers = {"Authorization": f"Bearer {KEY}"}
    with ollama.Client(host=keyed, headers=headers) as client:
        assert len(client.embed(model="all-minilm", input=["a", "b"]).embeddings) == 2
        assert client.list().models[0].model == "all-minilm:latest"
    with ollama.Client(host=keyed) as client, pytest.raises(ollama.ResponseError) as caught:
        client.embed(model="all-minilm", input="a")
    assert caught.value.status_code == 401
    assert "no API key" in caught.value.error


def test_clients_of_openai_with_a_key(keyed):
    with openai.OpenAI(base_url=f"{keyed}/v1", api_key=KEY, max_retries=0) as client:
        assert len(client.embeddings.create(model="all-minilm", input="a").data) == 1
        assert client.models.list().data[0].id == "all-minilm:latest"
    with (
        openai.OpenAI(base_url=f"{keyed}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.embeddings.create(model="all-minilm", input="a")
    assert caught.value.code == "invalid_api_key"


def test_asynchronous_clients_with_a_key(keyed):
    async def embed() -> tuple[int, int]:
        async with openai.AsyncOpenAI(base_url=f"{keyed}/v1", api_key=KEY) as client:
            answer = await client.embeddings.create(model="all-minilm", input="a", dimensions=2)
        async with ollama.AsyncClient(keyed, headers={"Authorization": f"Bearer {KEY}"}) as other:
            vectors = (await other.embed(model="all-minilm", input="a", dimensions=3)).embeddings
        return len(answer.data[0].embedding), len(vectors[0])

    assert asyncio.run(embed()) == (2, 3)


@pytest.mark.parametrize("has_keys", [True, False])
def test_a_handler_knows_who_asks(keys, has_keys):
    seen = []

    async def handler(call):
        seen.append(call.state.caller)
        return Response(b"{}")

    routes = [route("GET", "/api/tags", handler, OLLAMA)]
    app = Watch(Endpoint(handler, OLLAMA), Traffic(), routes)
    door = guarded(
        app,
        keys=keys if has_keys else None,
        origins=Origins(),
        check_host=False,
    )
    assert ask(door, {"authorization": f"Bearer {KEY}".encode()})["status"] == 200
    assert seen == [Caller("alice", ("user:alice", "group:eng")) if has_keys else None]


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags", "/v1/models"])
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": EVIL}, {"Origin": "null"}]
)
def test_strangers_are_turned_away_with_an_empty_403(plain, path, headers):
    answer = httpx.get(plain + path, headers=headers)
    assert (answer.status_code, answer.content) == (403, b"")
    assert "access-control-allow-origin" not in answer.headers


def test_a_name_that_was_made_to_point_here_is_turned_away(plain):
    headers = {"Host": "evil.example:11434", "Origin": "http://evil.example:11434"}
    assert httpx.post(f"{plain}/api/embed", json=BODY, headers=headers).status_code == 403


def test_the_host_does_not_count_where_others_may_ask(app):
    door = guarded(app, keys=None, origins=Origins(), check_host=False)
    assert ask(door, {"host": b"vectors.example"})["status"] == 200
    same = ask(door, {"host": b"vectors.example", "origin": b"https://vectors.example"})
    assert (same["status"], dict(same["headers"]).get(b"vary")) == (200, None)
    assert ask(door, {"host": b"vectors.example", "origin": EVIL.encode()})["status"] == 403


def test_a_page_of_this_machine_may_read_the_answer(plain):
    answer = httpx.post(f"{plain}/api/embed", json=BODY, headers={"Origin": PAGE})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in httpx.get(f"{plain}/api/tags").headers


def test_the_page_of_this_server_asks_it_freely(plain):
    answer = httpx.get(f"{plain}/api/tags", headers={"Origin": plain})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_may_read_why_it_was_refused(keyed):
    answer = httpx.get(f"{keyed}/api/tags", headers={"Origin": PAGE})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_a_body_is_not_waited_for_where_nobody_may_ask(keyed):
    host, _, port = keyed.removeprefix("http://").partition(":")
    head = f"POST /api/embed HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10000000000\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(head.encode() + b"x" * 1000)
        received = b""
        while piece := client.recv(4096):
            received += piece
    assert received.startswith(b"HTTP/1.1 401")
    assert b"no API key" in received


def test_refusals_are_counted_and_callers_are_logged(hub, residency, keys, caplog):
    traffic = Traffic()
    app = create_app(cast(Any, hub), cast(Any, residency), traffic)
    door = guarded(app, keys=keys, origins=Origins(), check_host=True)
    caplog.set_level(logging.INFO, "simile.requests")
    for headers in ({}, {"host": b"evil.example"}, {"authorization": f"Bearer {KEY}".encode()}):
        ask(door, headers)
    assert sorted(traffic.answers) == [("GET", "/api/tags", status) for status in (200, 401, 403)]
    assert traffic.errors == {"UnauthorizedError": 1, "ForbiddenError": 1}
    logged = [vars(record)["fields"] for record in caplog.records]
    assert [fields.get("caller") for fields in logged] == [None, None, "alice"]
    assert KEY not in str(logged)


def test_a_browser_asks_before_and_without_a_key(keyed):
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{keyed}/api/embed", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower().split(",")
    assert {"authorization", "content-type", "x-stainless-os"} <= set(allowed)
    assert answer.headers["access-control-max-age"] == "43200"
    assert "Access-Control-Request-Headers" in answer.headers["vary"]
    refused = httpx.options(f"{keyed}/api/embed", headers=headers | {"Origin": EVIL})
    assert (refused.status_code, refused.content) == (403, b"")


def test_a_star_lets_every_page_in(app):
    door = guarded(app, keys=None, origins=Origins(["*"]), check_host=True)
    answer = ask(door, {"origin": EVIL.encode()})
    assert answer["status"] == 200
    assert (b"access-control-allow-origin", b"*") in answer["headers"]


def test_a_header_that_comes_twice_is_none(app, keys):
    door = guarded(app, keys=keys, origins=Origins(), check_host=True)
    for name, good in (("host", "localhost"), ("origin", PAGE), ("authorization", f"Bearer {KEY}")):
        pairs = {"authorization": f"Bearer {KEY}".encode(), name: good.encode()}
        assert ask(door, pairs)["status"] == 200
        assert ask(_twice(door, name), pairs)["status"] in (401, 403)


def _twice(door: Any, name: str) -> Any:
    async def app(scope, receive, send):
        headers = scope["headers"]
        again = [pair for pair in headers if pair[0] == name.encode()]
        await door(scope | {"headers": headers + again}, receive, send)

    return app


HEADER = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.sampled_from([b"localhost", b"[::1]:1", PAGE.encode(), f"Bearer {KEY}".encode()]),
    st.tuples(
        st.sampled_from([b"Bearer ", b"http://", b"[", b"localhost:", b"127.0.0.1:"]),
        st.binary(max_size=40),
    ).map(b"".join),
)
PATHS = ["/", "/api/tags", "/api/tags/", "/v1/models", "/v1/x", "/health", "/api/embed"]


@given(
    host=HEADER,
    origin=HEADER,
    authorization=HEADER,
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "X"]),
    check_host=st.booleans(),
)
@example(
    host=b"[", origin=None, authorization=None, path="/api/tags/", method="GET", check_host=False
)
def test_no_header_breaks_the_door(
    app, keys, host, origin, authorization, path, method, check_host
):
    door = guarded(app, keys=keys, origins=Origins(), check_host=check_host)
    values = {"host": host, "origin": origin, "authorization": authorization}
    answer = ask(door, {name: value for name, value in values.items() if value}, path, method)
    assert answer["status"] < 500
    if authorization != f"Bearer {KEY}".encode() and path not in OPEN_PATHS:
        assert answer["status"] in (204, 401, 403)
