"""Ask a server for its version and a short embedding every 20 ms, beside single large requests.

    python -m benchmarks.probe [--model M] [--json FILE]

Each attacker sends one request that the limits admit, or just refuse, again and again for some
seconds. Prints the slowest answer of the probe, and the server's memory at its peak beside the
body's size. Exits with 1 if an answer took more than 100 ms.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from multiprocessing.synchronize import Event
from pathlib import Path
from time import monotonic, perf_counter, sleep
from urllib.parse import urlsplit

from benchmarks.lib.embed_server import running
from benchmarks.lib.machine import peak_memory_bytes
from benchmarks.lib.probe import PAUSE_S
from benchmarks.lib.reports import TableReport

MAX_MS = 100.0
SECONDS = 4.0
_WARM_UP = 20
M = 2**20
_EMOJI, _HANGUL, _THAI, _ARABIC = "\U0001f600", "한", "ท", "ع"


def _embed(text: str) -> bytes:
    return json.dumps({"model": "MODEL", "input": text}, ensure_ascii=False).encode()


def _listed(texts: list[str]) -> bytes:
    return json.dumps({"model": "MODEL", "input": texts}, ensure_ascii=False).encode()


def _raw(text: bytes) -> bytes:
    return b'{"model":"MODEL","input":"%b"}' % text


ATTACKS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("/api/embed", lambda: b""),
    "15 MB of prose": ("/api/embed", lambda: _embed("the quick brown fox, " * (15 * M // 21))),
    "15 MB of one word": ("/api/embed", lambda: _embed("x" * 15 * M)),
    "15 MB of blanks": ("/api/embed", lambda: _embed(" " * 15 * M)),
    "15 MB of emoji": ("/api/embed", lambda: _embed(_EMOJI * (15 * M // 4))),
    "15 MB of Hangul": ("/api/embed", lambda: _embed(_HANGUL * (15 * M // 3))),
    "15 MB of Thai": ("/api/embed", lambda: _embed(_THAI * (15 * M // 3))),
    "15 MB of Arabic": ("/api/embed", lambda: _embed(_ARABIC * (15 * M // 2))),
    "15 MB of escapes": ("/api/embed", lambda: _raw(b"\\n" * (15 * M // 2))),
    "lone surrogates": (
        "/api/embed", lambda: _raw(b"\\ud800" * M)
    ),
    "malformed, 15 MB": ("/api/embed", lambda: b'{"model":"MODEL","input":"' + b"a" * 15 * M),
    "32,000 texts": ("/api/embed", lambda: _listed([f"text {i}" for i in range(32_000)])),
    "2,000 long texts": ("/v1/embeddings", lambda: _listed(["word " * 700] * 2000)),
    "390,000 ids": (
        "/v1/embeddings",
        lambda: json.dumps({"model": "MODEL", "input": [5] * 390_000}).encode(),
    ),
    "99,000 arrays": ("/v1/embeddings", lambda: b'{"input":[' + b"[]," * 99_000 + b"[]]}"),
    "a million commas": ("/v1/embeddings", lambda: b'{"input":[' + b"1," * 990_000 + b"1]}"),
    "a name of 900 kB": ("/api/show", lambda: json.dumps({"model": "m" * 900_000}).encode()),
    "keep_alive of 4 MB": (
        "/api/embed",
        lambda: json.dumps({"model": "MODEL", "input": "a", "keep_alive": "1h" * 2 * M}).encode(),
    ),
    "65,000 characters to /tokenize": (
        "/tokenize", lambda: json.dumps({"inputs": _EMOJI * 65_000}, ensure_ascii=False).encode()
    ),
    "5,000 documents to rerank": (
        "/v1/rerank",
        lambda: json.dumps(
            {"model": "MODEL", "query": "q", "documents": ["word " * 100] * 5000}
        ).encode(),
    ),
}  # fmt: skip


def main() -> int:
    """Run every attack in turn."""
    options = _options()
    tables = TableReport()
    tables.section("The slowest answer beside one request", "ms", "MiB at peak", "MiB of body")
    worst = 0.0
    for name, (path, make) in ATTACKS.items():
        if options.only and options.only not in name:
            continue
        body = make().replace(b"MODEL", options.model.encode())
        with running(options.model) as (url, pid):
            before = peak_memory_bytes(pid) or 0
            slowest, status = _beside(url, options.model, path, body)
            grown = (peak_memory_bytes(pid) or 0) - before
        worst = max(worst, slowest)
        tables.row(name, slowest, grown / M, len(body) / M, note=status)
    if options.json:
        tables.write(options.json)
    return int(worst > MAX_MS)


def _beside(url: str, model: str, path: str, body: bytes) -> tuple[float, str]:
    """Return the probe's slowest answer in ms, and what the attacker was answered."""
    if body:  # the first batch of a new shape is compiled for, for up to 0.3 s
        _attack(url, path, body, timeout_s=20 * SECONDS)
    begun, done = multiprocessing.Event(), multiprocessing.Event()
    found: multiprocessing.Queue[float] = multiprocessing.Queue()
    arguments = (url, model, begun, done, found)
    probe = multiprocessing.Process(target=_probe, args=arguments, daemon=True)
    probe.start()
    begun.wait(60)
    status, end_s = "", monotonic() + SECONDS
    while monotonic() < end_s:
        if body:
            status = _attack(url, path, body, timeout_s=SECONDS)
        else:
            sleep(0.1)
    done.set()
    slowest = found.get(timeout=60)
    probe.join(10)
    return slowest, status


def _attack(url: str, path: str, body: bytes, *, timeout_s: float) -> str:
    client = HTTPConnection(urlsplit(url).netloc, timeout=timeout_s)
    try:
        client.request("POST", path, body, {"Content-Type": "application/json"})
        answer = client.getresponse()
        return f"{answer.status}, {len(answer.read()):,} bytes"
    except (OSError, HTTPException) as exc:
        return type(exc).__name__
    finally:
        client.close()


def _probe(
    url: str, model: str, begun: Event, done: Event, found: "multiprocessing.Queue[float]"
) -> None:
    client = HTTPConnection(urlsplit(url).netloc, timeout=60)
    body = json.dumps({"model": model, "input": "why is the sky so blue"})
    slowest, rounds = 0.0, 0
    while not done.is_set():
        for method, path, sent in (("GET", "/api/version", None), ("POST", "/api/embed", body)):
            start_s = perf_counter()
            client.request(method, path, sent)
            client.getresponse().read()
            took_s = perf_counter() - start_s
            slowest = max(slowest, took_s) if rounds >= _WARM_UP else slowest
        rounds += 1
        if rounds == _WARM_UP:
            begun.set()
        sleep(PAUSE_S)
    found.put(1e3 * slowest)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Probe a server beside single large requests.")
    parser.add_argument("--model", default="all-minilm", help="model (all-minilm)")
    parser.add_argument("--only", help="only attacks whose name contains this")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
