"""Measure `simile search` in its own process, from start to exit, with its output read."""

import subprocess
from itertools import cycle
from pathlib import Path

from benchmarks.lib.collection import EVERYONE, Collection
from benchmarks.lib.embed_server import SIMILE
from benchmarks.lib.reports import TableReport
from benchmarks.lib.timing import time_runs

SECTION = "simile search, a fresh process each time"
MODES = ("hybrid", "dense", "lexical")


def measure(tables: TableReport, folder: Path, collection: Collection, *, runs: int = 5) -> None:
    """Time each mode; the files are in the system's cache, the model is the real one."""
    tables.section(SECTION, "best s", "median s")
    for mode in MODES:
        queries = cycle(collection.queries)

        def search(mode: str = mode, queries: "cycle[str]" = queries) -> None:
            command = [*SIMILE, "search", next(queries), "-i", str(folder), "--as", EVERYONE]
            subprocess.run([*command, "--mode", mode], check=True, capture_output=True)

        times = time_runs(search, runs=runs)
        tables.row(mode, times.best, times.middle, note=f"{runs} runs")
