"""Probe a server under load: latency of single short queries, memory, open files.

The probe has its own process, so other clients do not affect its times. Memory and open files are
read from Linux's /proc, and missing on other systems.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from benchmarks.lib.http_clients import Client, embed_request

PAUSE_S = 0.02
SAMPLE_EVERY_S = 0.5


@dataclass
class Pulse:
    """The results of a probe."""

    seconds: list[float] = field(default_factory=list)
    """Latency of each query."""
    memory: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the start, resident bytes."""
    errors: list[str] = field(default_factory=list)

    def percentile_ms(self, rank: float) -> float:
        """Return a percentile of the latencies, in milliseconds."""
        return 1e3 * float(np.percentile(self.seconds, rank)) if self.seconds else float("nan")

    def memory_mib(self, start_s: float, stop_s: float) -> float | None:
        """Return the mean resident memory between two times; None without samples."""
        sizes = [size for at, size in self.memory if start_s <= at < stop_s]
        return float(np.mean(sizes)) / 2**20 if sizes else None


def feel(url: str, model: str, pid: int, going_on: Callable[[float], bool]) -> Pulse:
    """Send one short query after another while `going_on(seconds since the start)`."""
    pulse, client, number = Pulse(), Client(url), 0
    start_s = perf_counter()
    while going_on(now_s := perf_counter() - start_s):
        if (size := resident_bytes(pid)) and now_s >= len(pulse.memory) * SAMPLE_EVERY_S:
            pulse.memory.append((now_s, size))
        number += 1  # A new text each time: equal ones could be computed once.
        request = embed_request(url, model, [f"why is the sky so blue {number}"])
        sent_s = perf_counter()
        try:
            client.ask(request)
        except OSError as exc:
            pulse.errors.append(str(exc))
            client.close()
            client = Client(url)
        pulse.seconds.append(perf_counter() - sent_s)
        sleep(PAUSE_S)
    client.close()
    return pulse


def resident_bytes(pid: int) -> int | None:
    """Return a process's resident memory; None if unknown."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def open_files(pid: int) -> int | None:
    """Count a process's open files, including sockets; None if unknown."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
