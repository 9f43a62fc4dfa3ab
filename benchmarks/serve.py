"""Try to break a server: a crowd with a bulk job, 2,000 connections, harmful clients.

    python -m benchmarks.serve [--model NAME] [--seconds 60] [--connections 2000] [--json FILE]

The figures are explained in benchmarks/README.md.
"""

import argparse
from contextlib import suppress
from pathlib import Path
from socket import SHUT_RDWR
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.lib.corpus import Corpus
    from benchmarks.lib.probing import Pulse
    from benchmarks.lib.report import Report

WARM_UP_S = 15.0
WINDOW_S = 10.0
ALONE_S = 3.0
ONE_REQUEST_S = 120.0
"""Timeout of the one long request."""


def main() -> None:
    from benchmarks.lib import corpus, machine, serving
    from benchmarks.lib.report import Report

    from simile.config import read_settings
    from simile.hub.hub import Hub
    from simile.pull_progress import find_or_pull

    options = _options()
    report, settings = Report(), read_settings()
    model = find_or_pull(Hub(settings.home, settings.model_folders), options.model)
    report.section("Machine")
    for name, value in machine.describe().items():
        report.row(name, value)
    texts = corpus.build(model.path / "tokenizer.json", 1000)
    with serving.running(options.model) as (url, pid):
        report.section("Alone")
        _pulse_alone(report, url, options.model, pid)
        _crowd(report, url, options.model, pid, texts, options.seconds)
        _one_request(report, url, options.model, pid, texts)
        _flood(report, url, options.model, pid, options.connections)
        _villains(report, url, options.model, pid)
    if options.json:
        report.write(options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a server under load and abuse.")
    parser.add_argument("--model", default="all-minilm", help="model (all-minilm)")
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the crowd (60)")
    parser.add_argument(
        "--connections", type=int, default=2000, help="simultaneous connections (2000)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def _pulse_alone(report: "Report", url: str, model: str, pid: int) -> None:
    from benchmarks.lib.probing import feel

    _report_pulse(report, feel(url, model, pid, lambda now_s: now_s < ALONE_S))


def _report_pulse(report: "Report", pulse: "Pulse") -> None:
    note = f"{len(pulse.seconds)} queries, {len(pulse.errors)} errors"
    for rank in (50, 99):
        report.row(f"short query, p{rank}", pulse.percentile_ms(rank), "ms", note)
    report.row("short query, longest", pulse.percentile_ms(100), "ms", "".join(pulse.errors[:1]))


def _crowd(
    report: "Report", url: str, model: str, pid: int, corpus: "Corpus", seconds: float
) -> None:
    """Run 64 clients of mixed sizes, a bulk job and the probe."""
    import numpy as np
    from benchmarks.lib import crowding
    from benchmarks.lib.probing import feel

    report.section(f"{crowding.CLIENTS} clients, 1 to 64 texts each, and a bulk job")
    with crowding.running(url, model, corpus, warm_up_s=WARM_UP_S, seconds=seconds) as told:
        assert told.recv() == "warm"
        pulse = feel(url, model, pid, lambda now_s: now_s < seconds)
        crowd: crowding.Crowd = told.recv()
    _report_pulse(report, pulse)
    for rank in (50, 99):
        taken_ms = 1e3 * float(np.percentile(crowd.short_s or [np.nan], rank))
        note = f"{len(crowd.short_s)} queries"
        report.row(f"the crowd's own short queries, p{rank}", taken_ms, "ms", note)
    first = pulse.memory_mib(0, WINDOW_S)
    last = pulse.memory_mib(seconds - WINDOW_S, seconds)
    if first and last:
        report.row("memory, first 10 s", first, "MiB")
        report.row("memory, last 10 s", last, "MiB", f"{100 * (last / first - 1):+.1f} %")
    report.row("texts of all", crowd.texts / crowd.seconds, "texts/s")
    note = f"requests of {crowding.BULK_REQUEST_TEXTS:,}"
    report.row("texts of the bulk job", crowd.bulk_texts / crowd.seconds, "texts/s", note)
    note = f"{crowd.checked} read whole"
    report.row("requests", crowd.requests / crowd.seconds, "/s", note)
    report.row("errors", len(crowd.errors), "", "".join(crowd.errors[:1]))


def _one_request(report: "Report", url: str, model: str, pid: int, corpus: "Corpus") -> None:
    """Send all texts of a bulk job, shortened, in one request, and run the probe meanwhile."""
    from threading import Thread

    from benchmarks.lib.crowding import BULK_TEXTS
    from benchmarks.lib.load import Client, embed_request
    from benchmarks.lib.probing import feel

    report.section(f"One request of {BULK_TEXTS:,} short texts")
    rounds = range(-(-BULK_TEXTS // len(corpus.short)))
    texts = [f"{number} {text}" for number in rounds for text in corpus.short][:BULK_TEXTS]
    request, client = embed_request(url, model, texts), Client(url)
    taken_s = list[float]()

    def ask() -> None:
        start_s = perf_counter()
        with suppress(OSError):  # Shut down below after the timeout.
            client.ask(request)
            taken_s.append(perf_counter() - start_s)

    thread = Thread(target=ask)
    thread.start()
    pulse = feel(url, model, pid, lambda now_s: thread.is_alive() and now_s < ONE_REQUEST_S)
    with suppress(OSError):
        client.socket.shutdown(SHUT_RDWR)
    thread.join()
    client.close()
    for seconds in taken_s:
        report.row("taken", seconds, "s")
    if not taken_s:
        report.row("taken", f"given up after {ONE_REQUEST_S:.0f} s")
    _report_pulse(report, pulse)


def _flood(report: "Report", url: str, model: str, pid: int, connections: int) -> None:
    """Open many connections at once, then probe the server."""
    from benchmarks.lib.harm import flood
    from benchmarks.lib.probing import open_files

    from simile.server.http.connections import allow_files

    report.section(f"{connections:,} connections at once, a short query each")
    allow_files()
    before, start_s = open_files(pid), perf_counter()
    for outcome, count in flood(url, model, connections).most_common():
        report.row(outcome, count, "clients")
    report.row("all answered after", perf_counter() - start_s, "s")
    _pulse_alone(report, url, model, pid)
    report.row("open files, before and after", f"{before} and {open_files(pid)}")


def _villains(report: "Report", url: str, model: str, pid: int) -> None:
    """Run harmful clients and the probe."""
    from benchmarks.lib.harm import Villains
    from benchmarks.lib.probing import feel

    report.section("Beside clients that do harm")
    villains = Villains(url, model)
    _report_pulse(report, feel(url, model, pid, lambda _: villains.at_work()))
    for name, got in villains.got.items():
        report.row(f"who {name}", got)


if __name__ == "__main__":
    main()
