"""Health, counts, request ids, timing headers and logs, over a real server."""

import io
import json
import logging
import re
import sys

import httpx2
import pytest

from simile.engine.stats import Histogram
from simile.server.app import create_app
from simile.server.http.logs import REQUEST_ID, JsonFormatter
from simile.server.http.traffic import Traffic
from simile.server.upkeep.metrics import render

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')


@pytest.fixture
def traffic():
    return Traffic()


@pytest.fixture
def http(hub, residency, serving, traffic):
    with (
        serving(create_app(hub, residency, traffic)) as url,
        httpx2.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def embed(http, text="sky", **headers):
    body = {"model": "all-minilm", "input": text}
    return http.post("/api/embed", json=body, headers=headers)


def samples(http):
    """Every sample of GET /metrics by its name and labels; fails on a line of another shape."""
    answer = http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    found, families = {}, []
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            families.append(line.split()[2])
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1].startswith(families[-1])
            key = match[1] + (f"{{{match[2]}}}" if match[2] else "")
            assert key not in found
            found[key] = float(match[3])
    assert len(families) == len(set(families))
    return found


def test_a_server_that_answers_is_ready(http):
    answer = http.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "why": "", "queued": 0, "loading": 0}


def test_a_server_that_is_stopping_says_so(http, traffic):
    traffic.close()
    answer = http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "closing")
    assert embed(http).status_code == 200


def test_requests_are_counted_by_route_and_status_and_errors_by_kind(http):
    embed(http)
    http.post("/api/embed", json={"model": "other", "input": "x"})
    http.get("/made-up/1")
    http.get("/made-up/2")
    http.request("MADEUP", "/api/tags")
    found = samples(http)
    assert found['simile_requests_total{method="POST",route="/api/embed",status="200"}'] == 1
    assert found['simile_requests_total{method="POST",route="/api/embed",status="404"}'] == 1
    assert found['simile_requests_total{method="GET",route="other",status="404"}'] == 2
    assert found['simile_errors_total{kind="ModelNotFoundError"}'] == 1
    assert "made" not in "".join(found).lower()
    assert (
        found['simile_request_seconds_bucket{le="+Inf"}'] == found["simile_request_seconds_count"]
    )


def test_routes_with_parts_that_vary_count_as_one(http):
    for name in ("a", "b"):
        http.get(f"/v1/models/{name}")
    routes = {key for key in samples(http) if "/v1/models" in key}
    assert len(routes) == 1


def test_gauges_tell_what_is_now(http):
    found = samples(http)
    assert found["simile_queue_requests"] == 0
    assert found["simile_queue_max_requests"] == 512
    assert found["simile_models_loaded"] == 2
    if sys.platform == "linux":
        assert found["process_resident_memory_bytes"] > 10**6


def test_a_histogram_is_cumulative(hub, residency):
    traffic = Traffic()
    traffic.seconds = Histogram((1, 2))
    for value in (0.5, 1.5, 1.5, 9):
        traffic.seconds.add(value)
    lines = render(traffic, residency).decode().splitlines()
    assert [line for line in lines if line.startswith("simile_request_seconds")] == [
        'simile_request_seconds_bucket{le="1"} 1',
        'simile_request_seconds_bucket{le="2"} 3',
        'simile_request_seconds_bucket{le="+Inf"} 4',
        "simile_request_seconds_sum 12.5",
        "simile_request_seconds_count 4",
    ]


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
def test_an_answer_says_where_its_time_went(http, path):
    answer = http.post(path, json={"model": "all-minilm", "input": ["a b", "c"]})
    assert answer.headers["x-compute-tokens"] == "7"
    assert float(answer.headers["x-queue-time"]) >= 0
    assert float(answer.headers["x-inference-time"]) >= 0


def test_a_clients_request_id_comes_back(http):
    assert embed(http, **{"x-request-id": "abc-1:2.3_x"}).headers["x-request-id"] == "abc-1:2.3_x"


@pytest.mark.parametrize("strange", ["", "a b", 'a"b', "x" * 129, "<script>"])
def test_a_strange_request_id_is_replaced(http, strange):
    first = embed(http, **{"x-request-id": strange}).headers["x-request-id"]
    second = embed(http).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{14,}", first)
    assert first != second


def test_refusals_have_an_id_too(http):
    assert http.get("/nowhere").headers["x-request-id"]
    assert http.post("/api/embed", content=b"{").headers["x-request-id"]


def test_a_request_is_logged_in_one_line_without_its_text(http):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("simile.requests")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        embed(http, "a secret", **{"x-request-id": "one"})
        http.post("/api/embed", json={"model": "other", "input": "a secret"})
        http.get("/nowhere/secret")
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert "secret" not in stream.getvalue()
    first, second, third = lines
    assert first["request_id"] == "one"
    assert (first["method"], first["route"], first["status"]) == ("POST", "/api/embed", 200)
    assert (first["model"], first["texts"], first["tokens"]) == ("all-minilm", 1, 4)
    assert {"time", "level", "duration_ms", "queue_ms", "inference_ms"} <= first.keys()
    assert (second["status"], second["error"]) == (404, "ModelNotFoundError")
    assert third["route"] == "other"


def test_an_error_is_logged_as_one_line_with_its_request():
    token = REQUEST_ID.set("seven")
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError:
        record = logging.LogRecord("n", logging.ERROR, "", 0, "it %s", ("failed",), sys.exc_info())
        text = JsonFormatter().format(record)
    finally:
        REQUEST_ID.reset(token)
    line = json.loads(text)
    assert "\n" not in text
    assert (line["message"], line["request_id"], line["level"]) == ("it failed", "seven", "error")
    assert "ZeroDivisionError: why" in line["traceback"]
