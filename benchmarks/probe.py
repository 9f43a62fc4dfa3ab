"""Print the longest wait of a client that asks every 20 ms beside single requests meant to harm.

    python -m benchmarks.probe FOLDER    # a folder with an embedding model

One process serves, another probes with GET /api/version and a short embedding in turn, and this
one attacks. Exits with 1 where any answer took more than 100 ms, and tells the server's memory.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx2

PERIOD_S = 0.02
LIMIT_S = 0.1
_MB = 2**20


def attacks() -> Mapping[str, bytes]:
    """Return bodies for POST /api/embed by what they are made of."""

    def of(value: object) -> bytes:
        fields = {"model": "probed", "input": value}
        return json.dumps(fields, ensure_ascii=False).encode()

    bodies = {name: of(char * (15 * _MB // len(char.encode()))) for name, char in _CHARS.items()}
    return bodies | {
        "16,000 texts": of(["the cat sat on the mat"] * 8000 + [f"word {n}" for n in range(8000)]),
        "malformed": b"[" + b"1," * (7 * _MB) + b"x",
        "malformed at its end": bodies["letters"][:-1],
        "empty arrays": b'{"input":[' + b"[]," * (5 * _MB) + b"1]}",
        "keys": b"{%b}" % b",".join(b'"k%d":1' % n for n in range(110_000)),
        "lone surrogates": b'{"model":"probed","input":"%b"}' % (rb"\ud800" * (2 * _MB)),
        "invalid UTF-8": b'{"input":"' + b"\xff" * (15 * _MB),
        "keep_alive": json.dumps({"model": "probed", "keep_alive": "1h" * (5 * _MB)}).encode(),
        "name": json.dumps({"model": "<" * (15 * _MB), "input": "a"}).encode(),
        "deep": b'{"options":' * 100_000,
        "not read": b"x" * (17 * _MB),
    }


_CHARS = {"letters": "a", "words": "the cat ", "blanks": " ", "emoji": "😀", "Hangul": "한국"}
_CHARS |= {
    "Thai": "ไทยนี้",
    "Arabic": "العربية",
    "Devanagari": "हिन्दी",
    "marks": "\u0301",
    "quotes": '"',
}


def probe(url: str, begin: Event, end: Event, pipe: Any) -> None:
    """Ask until told to end; send the longest wait in seconds and the number of answers."""
    longest, answers = 0.0, 0
    short = {"model": "probed", "input": "why is the sky blue"}
    with httpx2.Client(base_url=url, timeout=600) as client:
        client.post("/api/embed", json=short).raise_for_status()
        begin.set()
        while not end.is_set():
            start_s = time.perf_counter()
            if answers % 2:
                client.get("/api/version").raise_for_status()
            else:
                client.post("/api/embed", json=short).raise_for_status()
            took_s = time.perf_counter() - start_s
            longest, answers = max(longest, took_s), answers + 1
            time.sleep(max(0.0, PERIOD_S - took_s))
    pipe.send((longest, answers))


def measure(url: str, body: bytes) -> tuple[float, int, str]:
    """Attack once beside a probe; give its longest wait, its answers, and the attack's status."""
    context = get_context("spawn")
    begin, end = context.Event(), context.Event()
    ours, theirs = context.Pipe()
    process = context.Process(target=probe, args=(url, begin, end, theirs))
    process.start()
    begin.wait()
    try:
        status = str(httpx2.post(f"{url}/api/embed", content=body, timeout=600).status_code)
    except httpx2.TransportError as exc:
        status = type(exc).__name__
    end.set()
    longest, answers = ours.recv()
    process.join()
    return longest, answers, status


def main(folder: Path) -> int:
    """Serve the model of a folder, and print a line for each attack."""
    worst = 0.0
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "models").mkdir()
        (Path(home) / "models" / "probed").symlink_to(folder.resolve())
        environ = os.environ | {"SIMILE_HOME": home, "SIMILE_MODEL_FOLDERS": f"{home}/models"}
        command = [sys.executable, "-m", "simile", "serve", "--port", "0", "--model", "probed"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr
            lines = iter(server.stderr.readline, "")
            url = next(found[0] for line in lines if (found := re.search(r"http://\S+\d", line)))
            for name, body in {"nothing": b"{}", **attacks()}.items():
                longest, answers, status = measure(url, body)
                memory = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
                peak = re.search(r"VmHWM:\s+(\d+)", memory)
                peak_mb = int(peak[1]) // 1024 if peak else 0
                sys.stdout.write(
                    f"{name:22} {len(body) / _MB:5.1f} MB  status {status:4} longest wait"
                    f" {longest * 1e3:5.0f} ms of {answers:4} answers  peak {peak_mb:,} MB\n"
                )
                sys.stdout.flush()
                worst = max(worst, longest)
            server.terminate()
    return int(worst > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
