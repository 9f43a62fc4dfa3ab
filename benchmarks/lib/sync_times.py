"""Compare a sync from scratch with the engine alone on the same texts, then time later syncs.

The engine is timed before and after each sync in the same process, so drift of the machine is
visible and affects both. Later syncs run the real command in a fresh process.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from time import perf_counter

from benchmarks.lib.embed_server import SIMILE
from benchmarks.lib.machine import peak_memory_bytes
from benchmarks.lib.reports import TableReport
from benchmarks.lib.sample_folder import Folder
from benchmarks.lib.timing import Times, time_runs

from simile.config import DEFAULT_MODEL, read_settings
from simile.documents import Folder as Tree
from simile.documents import LoadFailure, embedded_text, load
from simile.embedder import Embedder
from simile.index import Index
from simile.retrieval.recipe import Chunking, chunks_of
from simile.retrieval.report import SyncReport

SECTION = "From nothing, in this process"
_SETTLED_S = 2.5
"""Pause before a sync: files younger than about two seconds are always read again."""
_COMMAND_RUNS = 5


@dataclass(frozen=True)
class Work:
    """What a sync of the folder embeds: each distinct text once."""

    texts: list[str]
    tokens: int
    """Tokens that the model reads: truncated at its window, special tokens included."""
    cutting_s: float
    """Seconds for only reading and cutting the files, on one thread."""


def measure(tables: TableReport, folder: Folder, home: Path, *, rounds: int) -> None:
    """Sync from nothing, in turn with the engine alone; then unchanged, then with one change."""
    index = folder.path.parent / "index"
    tables.section(SECTION, "seconds", "tokens/s")
    with Embedder(DEFAULT_MODEL) as model:
        work = _work(model, folder)
        _show_work(tables, work)
        model.embed(work.texts[:256], role="document")
        rates = [_engine(tables, model, work, "engine alone, before")]
        for number in range(1, rounds + 1):
            _forget(index, home)
            seconds = _sync(tables, model, work, folder, index, number)
            rates.append(_engine(tables, model, work, f"engine alone, after sync {number}"))
            share = work.tokens / seconds / mean(rates[-2:])
            tables.row(f"sync {number}, part of the engine's rate", note=f"{100 * share:.1f} %")
    _measure_commands(tables, folder, index)


def _work(model: Embedder, folder: Folder) -> Work:
    start = perf_counter()
    texts: dict[str, None] = {}
    for path in Tree(folder.path).files():
        for document in load(path, root=folder.path.parent):
            if not isinstance(document, LoadFailure):
                chunks = chunks_of(document, model, Chunking())
                texts.update((embedded_text(document.title, chunk), None) for chunk in chunks)
    cutting_s = perf_counter() - start
    counts = model.count_tokens(list(texts)) + model.special_tokens
    return Work(list(texts), int(counts.clip(max=model.max_tokens).sum()), cutting_s)


def _show_work(tables: TableReport, work: Work) -> None:
    each = work.tokens / len(work.texts)
    note = f"{len(work.texts):,} distinct texts, {work.tokens:,} tokens, {each:.0f} per text"
    tables.row("reading and cutting alone, one thread", work.cutting_s, note=note)


def _engine(tables: TableReport, model: Embedder, work: Work, name: str) -> float:
    start, busy = perf_counter(), time.process_time()
    for _ in model.embed_stream(work.texts, role="document"):
        pass
    seconds = perf_counter() - start
    cores = (time.process_time() - busy) / seconds
    tables.row(name, seconds, work.tokens / seconds, note=f"{cores:.2f} cores busy")
    return work.tokens / seconds


def _forget(index: Path, home: Path) -> None:
    """Delete the index and the embedding cache."""
    cache = read_settings().embedding_cache
    assert cache.is_relative_to(home), "expected the cache in the temporary home"
    for path in (cache, *cache.parent.glob(f"{cache.name}-*"), *index.rglob("*")):
        if path.is_file():
            path.unlink()


def _sync(
    tables: TableReport, model: Embedder, work: Work, folder: Folder, path: Path, number: int
) -> float:
    _wait_until_settled(folder)
    resets = _reset_peak_memory()
    busy, start = time.process_time(), perf_counter()
    with Index(path, embedder=model) as index:
        report = index.sync(folder.path)
        seconds = perf_counter() - start
        cores = (time.process_time() - busy) / seconds
        size = index.stats().size_bytes
    note = f"{cores:.2f} cores busy; {_told(report, work)}"
    tables.row(f"sync {number}", seconds, work.tokens / seconds, note=note)
    peak = peak_memory_bytes(os.getpid())
    if peak:
        when = "during the sync" if resets else "of the whole run"
        tables.row(
            f"sync {number}, peak memory {when}",
            note=f"{peak / 1e6:,.0f} MB, including the model and {len(work.texts):,} texts",
        )
    note = f"{size / 1e6:,.0f} MB, {size / max(1, report.chunks):,.0f} B per chunk"
    tables.row(f"sync {number}, on disk", note=note)
    return seconds


def _told(report: SyncReport, work: Work) -> str:
    """Describe what the sync did, and any difference from the engine's work."""
    told = f"{report.added:,} documents, {report.chunks:,} chunks, {report.embedded:,} embedded"
    if report.embedded != len(work.texts):
        told += f", {report.embedded - len(work.texts):+,} compared with the engine alone"
    return told + (f", {len(report.failures)} failed" if report.failures else "")


def _measure_commands(tables: TableReport, folder: Folder, index: Path) -> None:
    """The whole process, from its start to its exit."""
    tables.section("simile index, a fresh process each time", "best s", "median s")
    command = [*SIMILE, "index", str(folder.path), "-i", str(index)]
    said: list[str] = []

    def run() -> None:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        said[:] = done.stderr.strip().splitlines()[-1:]

    _show_command(tables, "nothing changed", time_runs(run, runs=_COMMAND_RUNS), said)
    file = _middling(folder.path)
    taken = []
    for number in range(_COMMAND_RUNS):
        with file.open("a", encoding="utf-8") as text:
            text.write(f"\n# change number {number + 1}\n")
        time.sleep(_SETTLED_S)
        start = perf_counter()
        run()
        taken.append(perf_counter() - start)
    _show_command(tables, "one file changed", Times(tuple(taken), 0.0), said)


def _show_command(tables: TableReport, name: str, times: Times, said: Sequence[str]) -> None:
    tables.row(name, times.best, times.middle, note=f"{len(times.runs)} runs; {''.join(said)}")


def _middling(folder: Path) -> Path:
    """Return a file of median size."""
    files = sorted((file.stat().st_size, file) for file in Tree(folder).files())
    return files[len(files) // 2][1]


def _wait_until_settled(folder: Folder) -> None:
    newest = max(file.stat().st_ctime for file in folder.path.rglob("*") if file.is_file())
    time.sleep(max(0.0, newest + _SETTLED_S - time.time()))


def _reset_peak_memory() -> bool:
    """Reset the peak memory (Linux, proc(5)); return whether that is supported."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return True
    return False
