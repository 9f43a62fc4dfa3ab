"""What is refused before a handler is reached is refused in the dialect of the route."""

import json
from typing import Any, cast

import httpx2
import pytest

from simile.server.app import create_app
from simile.server.http.access import Access
from simile.server.http.keys import Keys
from simile.server.http.origins import Origins
from simile.server.http.reading import BodyLimits
from simile.server.http.traffic import Traffic

KEYS = {
    "ollama": {"error"},
    "openai": {"error"},
    "jina": {"error", "message", "detail"},
    "tei": {"error", "error_type", "message"},
}
"""The fields of each dialect's envelope."""
DIALECTS = {
    "/api/embed": "ollama",
    "/api/rerank": "ollama",
    "/nowhere": "ollama",
    "/v1/embeddings": "openai",
    "/v1/nowhere": "openai",
    "/v1/rerank": "jina",
    "/v2/rerank": "tei",
    "/rerank": "tei",
    "/embed": "tei",
    "/similarity": "tei",
    "/tokenize": "tei",
}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, hub, residency, serving):
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text('[[keys]]\nname = "a"\nkey = "0123456789abcdef"', encoding="utf-8")
    limits = BodyLimits(max_bytes=100, linger_s=0.1)
    app = create_app(hub, residency, Traffic(body_limits=limits))
    door = Access(app, keys=Keys(path), origins=Origins(), check_host=True)
    with serving(app.around(door)) as url:
        yield url


def check(answer: httpx2.Response, dialect: str) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == KEYS[dialect]
    assert isinstance(body["error"], dict) == (dialect in ("openai", "jina"))
    return cast("dict[str, Any]", body)


@pytest.mark.parametrize(("path", "dialect"), DIALECTS.items())
def test_without_a_key(keyed, path, dialect):
    answer = httpx2.post(keyed + path, json={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="simile"'
    check(answer, dialect)


@pytest.mark.parametrize(("path", "dialect"), DIALECTS.items())
def test_a_body_that_is_too_large(http, keyed, path, dialect):
    if "nowhere" not in path:
        headers = {"Authorization": "Bearer 0123456789abcdef"}
        answer = httpx2.post(keyed + path, content=b"x" * 101, headers=headers)
        assert answer.status_code == 413
        check(answer, dialect)


@pytest.mark.parametrize(("path", "dialect"), DIALECTS.items())
def test_another_method(http, path, dialect):
    if "nowhere" not in path:
        answer = http.get(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        if dialect == "ollama":
            assert answer.text == "405 method not allowed"
        else:
            check(answer, dialect)


def test_a_path_that_leads_nowhere(http):
    assert http.post("/nowhere").text == "404 page not found"
    check(http.post("/v1/nowhere"), "openai")


@pytest.mark.parametrize(("path", "dialect"), DIALECTS.items())
def test_a_full_queue(hub, residency, serving, path, dialect):
    if "nowhere" in path or path == "/tokenize":
        return
    app = create_app(hub, residency, Traffic(max_queue=0))
    body: dict[str, Any] = {"model": "all-minilm", "input": "a", "query": "a", "texts": ["a"]}
    body["inputs"] = {"source_sentence": "a", "sentences": ["a"]} if path == "/similarity" else "a"
    with serving(app) as url:
        answer = httpx2.post(url + path, content=json.dumps(body))
    assert answer.status_code == (429 if dialect == "tei" else 503)
    assert answer.headers["retry-after"] == "1"
    check(answer, dialect)
