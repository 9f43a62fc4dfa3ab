"""What the environment says reaches the server."""

import json

import httpx2


def test_a_wrong_setting_is_told_before_anything_is_loaded(simile, environ, monkeypatch):
    monkeypatch.setitem(environ, "SIMILE_KEEP_ALIVE", "1d")
    done = simile("serve", "--port", "0", "--model", "tiny")
    assert done.returncode == 2
    assert b"SIMILE_KEEP_ALIVE" in done.stderr


def test_keep_alive_queue_and_log(serving, environ, monkeypatch):
    monkeypatch.setitem(environ, "SIMILE_KEEP_ALIVE", "-1")
    monkeypatch.setitem(environ, "SIMILE_MAX_QUEUE", "7")
    monkeypatch.setitem(environ, "SIMILE_LOG", "json")
    server = serving()
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        assert http.get("/health").json()["status"] == "ready"
        body = {"model": "tiny", "input": "a secret"}
        answer = http.post("/api/embed", json=body, headers={"x-request-id": "one"})
        (loaded,) = http.get("/api/ps").json()["models"]
        metrics = http.get("/metrics").text
    assert float(answer.headers["x-inference-time"]) > 0
    assert int(answer.headers["x-compute-tokens"]) > 0
    assert int(loaded["expires_at"][:4]) > 2200
    assert "\nsimile_queue_max_requests 7\n" in metrics
    assert "\nsimile_inference_seconds_count 1\n" in metrics
    assert '\nsimile_model_bytes{model="tiny:latest"}' in metrics
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.said if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "one"]
    assert (line["route"], line["status"], line["model"]) == ("/api/embed", 200, "tiny")
    assert not any("secret" in line for line in server.said)
