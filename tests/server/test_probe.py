"""Others are answered while one large request is at work: a real server, a probe, an attacker.

How long the answers take is measured by `python -m benchmarks.probe`; here only that they come.
"""

import json
import os
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.serving import Serving

M = 2**20
EMOJI = "\U0001f600"


def embed(text):
    return json.dumps({"model": "tiny", "input": text}, ensure_ascii=False).encode()


ATTACKS = {
    "prose": ("/api/embed", embed("the cat " * (15 * M // 8))),
    "emoji": ("/api/embed", embed(EMOJI * (15 * M // 4))),
    "Hangul": ("/v1/embeddings", embed("한" * (5 * M))),
    "blanks": ("/embed", json.dumps({"inputs": " " * (15 * M)}).encode()),
    "malformed": ("/api/embed", b'{"model":"tiny","input":"' + b"a" * 15 * M),
    "surrogates": ("/api/embed", b'{"model":"tiny","input":"' + b"\\ud800" * (2 * M) + b'"}'),
    "texts": ("/api/embed", embed([f"the cat {i}" for i in range(16_000)])),
    "ids": ("/v1/embeddings", json.dumps({"model": "tiny", "input": [5] * 500_000}).encode()),
    "arrays": ("/v1/embeddings", b'{"input":[' + b"[]," * 400_000 + b"[]]}"),
    "deep": ("/api/embed", b'{"input":' + b"[" * M),
    "keep_alive": (
        "/api/embed", json.dumps({"model": "tiny", "input": "a", "keep_alive": "1h" * M}).encode()
    ),
    "name": ("/api/show", json.dumps({"model": "m" * 900_000}).encode()),
    "tokenize": ("/tokenize", json.dumps({"inputs": EMOJI * 65_000}).encode()),
    "rerank": (
        "/v1/rerank",
        json.dumps({"model": "tiny", "query": "q", "documents": ["the cat"] * 10_000}).encode(),
    ),
    "too large": ("/api/embed", embed("a" * (17 * M))),
    "large where small": ("/api/pull", json.dumps({"model": "a" * (2 * M)}).encode()),
}  # fmt: skip


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    write_tiny_bert(folder / "folders" / "tiny")
    environ = os.environ | {
        "SIMILE_HOME": str(folder / "home"),
        "SIMILE_MODEL_FOLDERS": str(folder / "folders"),
        "PYTHONUTF8": "1",
    }
    running = Serving(["--port", "0", "--model", "tiny"], environ)
    yield running
    running.kill()


def ask(url, method, path, body=None):
    client = HTTPConnection(urlsplit(url).netloc, timeout=120)
    try:
        client.request(method, path, body)
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_others_are_answered_beside_one_request(serving, name):
    path, body = ATTACKS[name]
    expected = ask(serving.url, "POST", "/api/embed", embed("the cat is blue"))[1]
    told: list[object] = []

    def attack():
        try:
            told.append(ask(serving.url, "POST", path, body)[0])
        except (OSError, HTTPException) as exc:  # refused before all of it was sent
            told.append(exc)

    attacker = threading.Thread(target=attack)
    attacker.start()
    rounds = 0
    while attacker.is_alive() or rounds < 3:
        assert ask(serving.url, "GET", "/api/version")[0] == 200
        status, answer = ask(serving.url, "POST", "/api/embed", embed("the cat is blue"))
        assert status == 200
        assert json.loads(answer)["embeddings"] == json.loads(expected)["embeddings"]
        rounds += 1
    attacker.join()
    assert isinstance(told[0], Exception) or told[0] in (200, 400, 404, 413, 422, 501)
    assert not any("Traceback" in line for line in serving.said)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc")
def test_memory_stays_bounded_after_all_of_them(serving):
    """One body after another leaves little behind: less than all bodies together."""
    for _ in range(3):
        ask(serving.url, "POST", *ATTACKS["prose"])
    status = Path(f"/proc/{serving.process.pid}/status").read_text("utf-8")
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    assert peak < 600 * M
