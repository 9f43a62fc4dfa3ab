"""Measure the whole server: `simile serve` in its own process, over loopback."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep

import numpy as np
from benchmarks.lib import embed_in_process
from benchmarks.lib.corpus import Corpus
from benchmarks.lib.http_clients import Client, crowd, drain, embed_request
from benchmarks.lib.machine import memory_bytes, peak_memory_bytes
from benchmarks.lib.reports import ListReport
from benchmarks.lib.timing import time_runs

SECTION = "Server, a process of its own"
SIMILE = (sys.executable, "-m", "simile.cli.main")
CLIENTS = (1, 8, 64)
GROUP = 32
"""Texts per medium-sized request."""
SECONDS = 3.0
WINDOWS = 3
REST_S = 2.0
QUERY = "why is the sky so blue"
"""Eight tokens, special tokens included."""


@contextmanager
def running(model: str) -> Iterator[tuple[str, int]]:
    """Start the server on a free port; yield its URL and process id, then stop it."""
    command = [*SIMILE, "serve", "--port", "0", "--model", model]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stderr, "expected a pipe"
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"ready on (\S+?);", line):
                Thread(target=process.stderr.read, daemon=True).start()
                yield found[1], process.pid
                return
        raise RuntimeError("simile serve did not start: " + "".join(said))
    finally:
        process.terminate()
        process.wait()


def measure(report: ListReport, model: str, corpus: Corpus, *, precision: str, runs: int) -> None:
    """Time large, middling and single requests, and one query alone; then the memory."""
    report.section(SECTION)
    start_s = perf_counter()
    with running(model) as (url, pid):
        client = Client(url)
        client.ask(embed_request(url, model, [QUERY]))
        report.row("from start to the first answer", perf_counter() - start_s, "s")
        _report_memory(report, pid, "peak memory after one query")
        _measure_latency(report, client, embed_request(url, model, [QUERY]))
        _measure_large(report, client, url, model, corpus, precision, runs)
        _report_memory(report, pid, "peak memory after these requests")
        client.close()
        _measure_crowds(report, url, model, corpus, precision)
        _measure_wrk(report, url, model, corpus)
        _report_memory(report, pid, "peak memory after all")
        sleep(REST_S)
        if (size := memory_bytes(pid)) is not None:
            report.row("memory then, at rest", size / 2**20, "MiB")


def measure_start(report: ListReport, model: str, *, runs: int = 5) -> None:
    """From starting `simile embed` to its exit, output read."""
    command = [*SIMILE, "embed", "x", "--model", model]
    times = time_runs(lambda: subprocess.run(command, check=True, capture_output=True), runs=runs)
    report.section("Start-up")
    report.row('simile embed "x", best', times.best, "s")
    report.row('simile embed "x", median', times.middle, "s")


def _measure_latency(report: ListReport, client: Client, request: bytes) -> None:
    taken = []
    for _ in range(550):
        start = perf_counter()
        client.ask(request)
        taken.append(1e3 * (perf_counter() - start))
    p50, p99 = np.percentile(taken[50:], (50, 99))
    report.row("one query of 8 tokens, p50", float(p50), "ms")
    report.row("one query of 8 tokens, p99", float(p99), "ms")


def _measure_large(
    report: ListReport,
    client: Client,
    url: str,
    model: str,
    corpus: Corpus,
    precision: str,
    runs: int,
) -> None:
    request = embed_request(url, model, corpus.texts)
    rate = corpus.total / time_runs(lambda: client.ask(request), runs=runs).best
    alone = report.value(embed_in_process.SECTION, precision) or 0.0
    note = f"{100 * (1 - rate / alone):.1f} % below the engine"
    report.row(f"one request of {len(corpus.texts):,} texts", rate, "tokens/s", note)


def _measure_crowds(
    report: ListReport, url: str, model: str, corpus: Corpus, precision: str
) -> None:
    single = [embed_request(url, model, [text]) for text in corpus.short]
    groups = [
        embed_request(url, model, corpus.varied[at : at + GROUP])
        for at in range(0, len(corpus.varied) - GROUP + 1, GROUP)
    ]
    tokens = sum(corpus.varied_tokens[: GROUP * len(groups)])
    alone = report.value(embed_in_process.SECTION, f"{precision}, short texts") or 0.0
    bulk = report.value(embed_in_process.SECTION, precision) or 0.0
    for clients in CLIENTS:
        loads = [crowd(url, single, clients=clients, seconds=SECONDS) for _ in range(WINDOWS)]
        best = max(loads, key=lambda load: load.requests_per_s)
        middle = float(np.median([load.requests_per_s for load in loads]))
        note = f"{100 * best.requests_per_s / alone:.0f} % of the engine, median {middle:,.0f};"
        note += f" clients use {best.client_cores:.2f} cores"
        report.row(f"{clients} clients, one short text each", best.requests_per_s, "texts/s", note)
    for clients in CLIENTS if groups else ():
        rate = tokens / drain(url, groups, clients=clients)
        note = f"{100 * rate / bulk:.0f} % of the engine"
        report.row(f"{clients} clients, {GROUP} texts each", rate, "tokens/s", note)


def _measure_wrk(report: ListReport, url: str, model: str, corpus: Corpus) -> None:
    """The same single texts from wrk, where it is installed; it always sends one text."""
    if not shutil.which("wrk"):
        return
    body = embed_request(url, model, corpus.short[:1]).partition(b"\r\n\r\n")[2].decode()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "post.lua")
        script.write_text(f"wrk.method='POST'\nwrk.body=[==[{body}]==]\n", encoding="utf-8")
        options = ["-t1", f"-d{SECONDS:.0f}s", "-s", str(script)]
        for clients in CLIENTS:
            command = ["wrk", *options, f"-c{clients}", f"{url}/api/embed"]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            if found := re.search(r"Requests/sec:\s+([\d.]+)", said):
                report.row(f"{clients} clients, wrk, one and the same text", float(found[1]), "/s")


def _report_memory(report: ListReport, pid: int, label: str) -> None:
    size = peak_memory_bytes(pid)
    if size is None:
        report.skipped(label, "unavailable on this platform; install psutil")
    else:
        report.row(label, size / 2**20, "MiB")
