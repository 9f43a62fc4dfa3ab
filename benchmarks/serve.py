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
    from benchmarks.lib.probe import Pulse
    from benchmarks.lib.reports import ListReport

WARM_UP_S = 15.0
WINDOW_S = 10.0
ALONE_S = 3.0
ONE_REQUEST_S = 120.0
"""Timeout of the one long request."""


def main() -> None:
    from benchmarks.lib import corpus, embed_server, machine
    from benchmarks.lib.model import find_model
    from benchmarks.lib.reports import ListReport

    options = _options()
    report, model = ListReport(), find_model(options.model)
    report.section("Machine")
    for name, value in machine.describe().items():
        report.row(name, value)
    texts = corpus.build(model.path / "tokenizer.json", 1000)
    with embed_server.running(options.model) as (url, pid):
        report.section("Alone")
        _pulse_alone(report, url, options.model, pid)
        _crowd(report, url, options.model, pid, texts, options.seconds)
        _one_request(report, url, options.model, pid, texts)
        _flood(report, url, options.model, pid, options.connections)
        _hostile(report, url, options.model, pid)
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


def _pulse_alone(report: "ListReport", url: str, model: str, pid: int) -> None:
    from benchmarks.lib.probe import feel

    _report_pulse(report, feel(url, model, pid, lambda now_s: now_s < ALONE_S))


def _report_pulse(report: "ListReport", pulse: "Pulse") -> None:
    note = f"{len(pulse.seconds)} queries, {len(pulse.errors)} errors"
    for rank in (50, 99):
        report.row(f"short query, p{rank}", pulse.percentile_ms(rank), "ms", note)
    report.row("short query, longest", pulse.percentile_ms(100), "ms", "".join(pulse.errors[:1]))


def _crowd(
    report: "ListReport", url: str, model: str, pid: int, corpus: "Corpus", seconds: float
) -> None:
    """Run 64 clients of mixed sizes, a bulk job and the probe."""
    import numpy as np
    from benchmarks.lib import mixed_load
    from benchmarks.lib.probe import feel

    report.section(f"{mixed_load.CLIENTS} clients, 1 to 64 texts each, and a bulk job")
    with mixed_load.running(url, model, corpus, warm_up_s=WARM_UP_S, seconds=seconds) as told:
        assert told.recv() == "warm"
        pulse = feel(url, model, pid, lambda now_s: now_s < seconds)
        crowd: mixed_load.Crowd = told.recv()
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
    note = f"requests of {mixed_load.BULK_REQUEST_TEXTS:,}"
    report.row("texts of the bulk job", crowd.bulk_texts / crowd.seconds, "texts/s", note)
    note = f"{crowd.checked} read whole"
    report.row("requests", crowd.requests / crowd.seconds, "/s", note)
    report.row("errors", len(crowd.errors), "", "".join(crowd.errors[:1]))


def _one_request(report: "ListReport", url: str, model: str, pid: int, corpus: "Corpus") -> None:
    """All texts of a bulk job, shortened, in one request, and the probe beside it."""
    from threading import Thread

    from benchmarks.lib.http_clients import Client, embed_request
    from benchmarks.lib.mixed_load import BULK_TEXTS
    from benchmarks.lib.probe import feel

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


def _flood(report: "ListReport", url: str, model: str, pid: int, connections: int) -> None:
    """Many connections at once, and the server afterwards."""
    from benchmarks.lib.hostile_clients import flood
    from benchmarks.lib.probe import open_files

    from simile.server.http.connections import allow_files

    report.section(f"{connections:,} connections at once, a short query each")
    allow_files()
    before, start_s = open_files(pid), perf_counter()
    for outcome, count in flood(url, model, connections).most_common():
        report.row(outcome, count, "clients")
    report.row("all answered after", perf_counter() - start_s, "s")
    _pulse_alone(report, url, model, pid)
    report.row("open files, before and after", f"{before} and {open_files(pid)}")


def _hostile(report: "ListReport", url: str, model: str, pid: int) -> None:
    """Clients that do harm, and the probe beside them."""
    from benchmarks.lib.hostile_clients import HostileClients
    from benchmarks.lib.probe import feel

    report.section("Beside clients that do harm")
    hostile = HostileClients(url, model)
    _report_pulse(report, feel(url, model, pid, lambda _: hostile.at_work()))
    for name, got in hostile.got.items():
        report.row(f"who {name}", got)


if __name__ == "__main__":
    main()
