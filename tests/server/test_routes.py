import asyncio
import json
import socket
import threading
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from httpx2 import Client, Response

from simile.server.errors import BodyTooLargeError, ClientGoneError
from simile.server.http.reading import MAX_BODY_BYTES, read_body
from simile.server.vectors import BLOCK_ROWS

NOT_FOUND = "model {} not found, try pulling it first"
TOO_LONG = "the input length exceeds the context length"
NO_ROOM = "input after truncation exceeds maximum context length"
NO_TEXT = "input_type puts a prompt before text; expected text, got token ids"


def embed(http: Client, **fields: Any) -> Response:
    return http.post("/api/embed", json={"model": "all-minilm", **fields})


def openai(http: Client, **fields: Any) -> Response:
    return http.post("/v1/embeddings", json={"model": "all-minilm", **fields})


def error_of(answer: Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_says_that_it_runs(http, method):
    answer = http.request(method, "/")
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/plain; charset=utf-8",
    )
    assert answer.text == ("Ollama is running" if method == "GET" else "")


def test_head_answers_where_get_does(http):
    answer = http.head("/api/version")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(http.get("/api/version").content))


def test_status_says_that_no_cloud_is_used(http):
    answer = http.get("/api/status")
    assert answer.json() == {"cloud": {"disabled": True, "source": "config"}}


def test_version(http):
    answer = http.get("/api/version")
    assert answer.content == b'{"version":"0.33.0"}'
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/nothing", 404, "Invalid URL (GET /v1/nothing)"),
        ("POST", "/v1/", 404, "Invalid URL (POST /v1/)"),
        ("GET", "/v1/%3Ca%3E%FF", 404, "Invalid URL (GET /v1/<a>\ufffd)"),
        ("GET", "/v1/embeddings", 405, "Not allowed to GET on /v1/embeddings"),
        ("DELETE", "/v1/embeddings", 405, "Not allowed to DELETE on /v1/embeddings"),
    ],
)
def test_below_v1_an_unknown_path_or_method_is_told_as_openai_does(
    http, method, path, status, text
):
    answer = http.request(method, path)
    kind = {404: "not_found_error", 405: "invalid_request_error"}[status]
    assert error_of(answer) == (
        status,
        {"message": text, "type": kind, "param": None, "code": None},
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_an_unknown_path_is_404_in_plain_text(http):
    answer = http.get("/api/nothing")
    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/show"), ("GET", "/api/embed"), ("POST", "/api/tags")]
)
def test_a_wrong_method_is_405_in_plain_text(http, method, path):
    answer = http.request(method, path)
    assert (answer.status_code, answer.text) == (405, "405 method not allowed")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_trailing_slash_is_redirected(http):
    answer = http.post("/api/embed/", json={})
    assert answer.status_code == 307
    assert urlsplit(answer.headers["location"]).path == "/api/embed"


def test_embed_answers_with_keys_in_the_published_order(http):
    answer = embed(http, input=["a b", "c"])
    body = answer.json()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert not answer.content.endswith(b"\n")
    assert list(body) == [
        "model",
        "embeddings",
        "total_duration",
        "load_duration",
        "prompt_eval_count",
    ]
    assert body["model"] == "all-minilm"
    assert body["prompt_eval_count"] == 7
    assert body["total_duration"] >= body["load_duration"] > 0
    assert np.linalg.norm(body["embeddings"], axis=1) == pytest.approx([1, 1])


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_is_never_checked(http, content_type):
    body = b'{"MODEL":"All-MiniLM:latest","input":"a"} and more'
    answer = http.post("/api/embed", content=body, headers={"content-type": content_type})
    assert answer.status_code == 200
    assert answer.json()["model"] == "All-MiniLM:latest"


@pytest.mark.parametrize("fields", [{}, {"input": None}, {"input": ""}, {"input": []}])
def test_empty_input_loads_the_model_and_sets_keep_alive(http, residency, fields):
    answer = embed(http, keep_alive="10m", **fields)
    assert answer.content == b'{"model":"all-minilm","embeddings":[]}'
    assert residency.kept[-1] == 600
    embed(http)
    assert residency.kept[-1] is None


def test_an_empty_text_in_an_array_has_a_vector(http):
    body = embed(http, input=[""]).json()
    assert len(body["embeddings"]) == 1
    assert body["prompt_eval_count"] == 2


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"model": "nope", "input": 1}, 400, "invalid input type"),
        ({"model": "nope", "options": {"num_ctx": "x"}}, 404, NOT_FOUND.format('"nope"')),
        ({"options": {"num_ctx": "x"}}, 400, 'option "num_ctx" must be of type integer'),
        ({"model": ""}, 404, "model '' not found"),
        ({"model": "a b"}, 400, "invalid model name"),
        ({"model": "a<b"}, 400, "invalid model name"),
        ({"input": "nan"}, 400, "embedding contains NaN or Inf values"),
        ({"input": "a b c", "options": {"num_ctx": 4}, "truncate": False}, 400, TOO_LONG),
        ({"input": "a", "options": {"num_ctx": 1}}, 400, NO_ROOM),
        ({"input": "a", "keep_alive": "5"}, 400, 'time: missing unit in duration "5"'),
        ({"input": "boom"}, 500, "internal server error"),
    ],
)
def test_errors_of_embed(http, fields, status, text):
    assert error_of(embed(http, **fields)) == (status, text)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "./x", "..", "a/../../b:c", "x:../y"])
@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings", "/v1/embeddings", "/api/show"])
def test_no_name_leads_out_of_the_store(http, path, name):
    answer = http.post(path, json={"model": name, "input": "a"})
    assert answer.status_code == 400
    assert "invalid model name" in answer.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "missing request body"),
        (b"{", "unexpected EOF"),
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (
            b'{"model":1}',
            "json: cannot unmarshal number into Go struct field EmbedRequest.model of type string",
        ),
    ],
)
def test_a_bad_body_is_400(http, body, text):
    for path in ("/api/embed", "/v1/embeddings"):
        status, error = error_of(http.post(path, content=body))
        shown = error["message"] if path.startswith("/v1") else error
        assert (status, shown) == (400, "EOF" if not body and path.startswith("/v1") else text)


@pytest.mark.parametrize(
    ("num_ctx", "window"), [(3, 3), (3.9, 3), (10**6, 10**6), (0, 512), (-1, 512), (None, None)]
)
def test_num_ctx_is_the_window(http, residency, num_ctx, window):
    embed(http, input="a b c", options={"num_ctx": num_ctx})
    assert residency.one.embedder.seen[-1]["max_tokens"] == window


def test_cut_texts_are_counted_in_a_header(http):
    answer = embed(http, input=["a b c", "a", "d e"], options={"num_ctx": 3})
    assert answer.headers["x-simile-truncated"] == "2"
    assert answer.json()["prompt_eval_count"] == 9
    assert "x-simile-truncated" not in embed(http, input="a").headers
    long = "a " * 300
    assert openai(http, input=[long, "a"]).headers["x-simile-truncated"] == "1"
    assert openai(http, input=[[1] * 300]).headers["x-simile-truncated"] == "1"
    assert "x-simile-truncated" not in openai(http, input="a").headers
    assert error_of(openai(http, input=long, truncate=False))[0] == 400


def test_dimensions_cut_the_vectors(http):
    vector = embed(http, input="a b c", dimensions=3).json()["embeddings"][0]
    assert len(vector) == 3
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_a_nomic_vector_is_normalized_before_it_is_cut(http, residency):
    whole = np.array(embed(http, input="a b c").json()["embeddings"][0])
    embedder = residency.one.embedder
    embedder.facts = replace(embedder.facts, layer_norm_before_cut=True)
    (cut,) = embed(http, input="a b c", dimensions=3).json()["embeddings"]
    head = (whole - whole.mean())[:3]
    np.testing.assert_allclose(cut, head / np.linalg.norm(head), atol=1e-6)
    (same,) = embed(http, input="a b c", dimensions=len(whole)).json()["embeddings"]
    np.testing.assert_allclose(same, whole, atol=1e-6)


def test_the_prompt_goes_before_only_if_asked_for(http, residency):
    seen = residency.one.embedder.seen
    for ask in (embed, openai):
        ask(http, input="a")
        assert seen[-1]["prefix"] == ""
        ask(http, input="a", input_type="query")
        assert seen[-1]["prefix"] == "query: "
        ask(http, input="a", input_type="document")
        assert seen[-1]["prefix"] == ""
        ask(http, input="a", input_type="clustering")
        assert seen[-1]["prefix"] == "clustering: "


def test_a_long_answer_is_whole(http):
    texts = [f"w{number}" for number in range(2 * BLOCK_ROWS + 1)]
    vectors = embed(http, input=texts).json()["embeddings"]
    assert vectors[7] == embed(http, input=texts[7]).json()["embeddings"][0]
    assert len(vectors) == len(texts) == len(openai(http, input=texts).json()["data"])


def test_the_older_route(http):
    answer = http.post("/api/embeddings", json={"model": "all-minilm", "prompt": "a b"})
    assert list(answer.json()) == ["embedding"]
    assert np.linalg.norm(answer.json()["embedding"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"model": ""}, 400, "model is required"),
        ({"model": "a b"}, 400, "invalid model name"),
        ({"model": "nope"}, 404, NOT_FOUND.format('"nope"')),
        ({"prompt": "a b c", "options": {"num_ctx": 4}}, 400, TOO_LONG),
    ],
)
def test_errors_of_the_older_route(http, fields, status, text):
    answer = http.post("/api/embeddings", json={"model": "all-minilm", **fields})
    assert error_of(answer) == (status, text)


def test_openai_answers_json_with_a_newline(http):
    answer = openai(http, input="")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content.endswith(b"}\n")
    assert len(answer.json()["data"]) == 1


def test_token_ids_are_embedded(http):
    body = openai(http, input=[[1, 2, 99], [0]]).json()
    assert [entry["index"] for entry in body["data"]] == [0, 1]
    assert body["usage"] == {"prompt_tokens": 8, "total_tokens": 8}


@pytest.mark.parametrize(
    ("fields", "status", "kind", "text"),
    [
        ({"model": "nope", "input": "a"}, 404, "not_found_error", NOT_FOUND.format('"nope"')),
        ({"input": []}, 400, "invalid_request_error", "invalid input"),
        ({"input": [[1], [-1]]}, 400, "invalid_request_error", "an unknown token id"),
        ({"input": [1], "input_type": "query"}, 400, "invalid_request_error", NO_TEXT),
        ({"input": "boom"}, 500, "api_error", "internal server error"),
    ],
)
def test_errors_of_openai(http, fields, status, kind, text):
    error = {"message": text, "type": kind, "param": None, "code": None}
    assert error_of(openai(http, **fields)) == (status, error)


def test_ps_lists_what_is_loaded_longest_first(http, model):
    forever, soon = http.get("/api/ps").json()["models"]
    assert list(soon) == [
        "name", "model", "size", "digest", "details", "expires_at", "size_vram", "context_length",
    ]  # fmt: skip
    assert soon["name"] == soon["model"] == "all-minilm:latest"
    assert (soon["digest"], soon["size"]) == (model.digest, 90_000_000)
    assert (soon["size_vram"], soon["context_length"]) == (0, 256)
    assert "context_length" not in soon["details"]
    assert int(forever["expires_at"][:4]) > int(soon["expires_at"][:4]) + 290


def test_work_of_a_client_that_has_gone_is_cancelled(url, residency):
    body = b'{"model":"all-minilm","input":"hang"}'
    head = b"POST /api/embed HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as client:
        client.sendall(head + body)
        future = residency.one.embedder.hung.get(timeout=30)
        dropped = threading.Event()
        future.add_done_callback(lambda _: dropped.set())
    assert dropped.wait(30)
    assert future.cancelled()


def test_work_that_the_engine_drops_is_503(http, residency):
    def drop():
        residency.one.embedder.hung.get(timeout=30).cancel()

    thread = threading.Thread(target=drop)
    thread.start()
    answer = embed(http, input="hang")
    thread.join()
    assert answer.status_code == 503


def test_a_body_beyond_the_limit_is_not_read_to_its_end():
    piece = bytes(MAX_BODY_BYTES // 2)
    messages = iter([{"type": "http.request", "body": piece, "more_body": True}] * 100)
    sent = 0

    async def receive():
        nonlocal sent
        sent += len(piece)
        return next(messages)

    with pytest.raises(BodyTooLargeError, match=str(MAX_BODY_BYTES)):
        asyncio.run(read_body(receive))
    assert sent == 3 * len(piece)


@pytest.mark.parametrize("encoding", ["zstd", "GZIP"])
@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
def test_a_compressed_body_is_told_as_such(http, path, encoding):
    answer = http.post(path, content=b"\x28\xb5", headers={"content-encoding": encoding})
    assert answer.status_code == 400
    assert f"Content-Encoding: {encoding.lower()}" in answer.text


def test_a_client_that_goes_while_sending_is_noticed():
    async def receive():
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGoneError):
        asyncio.run(read_body(receive))


def test_many_clients_get_their_own_answers(http):
    answers = {}

    def ask(number):
        answers[number] = embed(http, input=f"text {number}").json()["embeddings"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = {number: embed(http, input=f"text {number}").json()["embeddings"] for number in answers}
    assert json.dumps(alone, sort_keys=True) == json.dumps(answers, sort_keys=True)
