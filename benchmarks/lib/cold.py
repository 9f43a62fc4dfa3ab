"""Measure `simile search` in its own process, from start to exit, with its output read."""

import subprocess
from itertools import cycle
from pathlib import Path

from benchmarks.lib.collection import EVERYONE, Collection
from benchmarks.lib.serving import SIMILE
from benchmarks.lib.tables import Tables
from benchmarks.lib.timing import time_runs

SECTION = "simile search, a fresh process each time"
MODES = ("hybrid", "dense", "lexical")


def measure(tables: Tables, folder: Path, collection: Collection, *, runs: int = 5) -> None:
    """Time each mode with the real model; the files are in the page cache."""
    tables.section(SECTION, "best s", "median s")
    for mode in MODES:
        queries = cycle(collection.queries)

        def search(mode: str = mode, queries: "cycle[str]" = queries) -> None:
            command = [*SIMILE, "search", next(queries), "-i", str(folder), "--as", EVERYONE]
            subprocess.run([*command, "--mode", mode], check=True, capture_output=True)

        times = time_runs(search, runs=runs)
        tables.row(mode, times.best, times.middle, note=f"{runs} runs")
