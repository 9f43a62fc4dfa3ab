"""Measure other engines in this process, one after the other.

A peer whose tokens or vectors differ from simile's is not timed. benchmarks/against.py measures all
engines, each in its own process.
"""

import gc
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.lib import embed_in_process
from benchmarks.lib.corpus import Corpus
from benchmarks.lib.engines import KINDS, Engine
from benchmarks.lib.reports import ListReport
from benchmarks.lib.similarity import cosines
from benchmarks.lib.timing import time_runs

from simile.models.local_model import LocalModel
from simile.types import Embeddings

SECTION = "Peers, same texts, same cores"
PEERS = ("sentence-transformers", "sentence-transformers, bf16", "llama.cpp, F16")
SAMPLE = 100
"""Number of texts whose vectors are compared before timing; every tenth of a thousand."""


def measure(
    report: ListReport, model: LocalModel, corpus: Corpus, ours: Embeddings, *, precision: str
) -> None:
    """Time each peer; `ours` are simile's f32 vectors of the corpus."""
    report.section(SECTION)
    for name in PEERS:
        kind = KINDS[name]
        if kind.missing:
            report.skipped(
                name, f"not installed: {' '.join(kind.missing)}; see benchmarks/README.md"
            )
            continue
        with tempfile.TemporaryDirectory() as folder:
            peer = kind.open(model, Path(folder))
            _time(report, name, peer, kind.least_cosine, corpus, ours, precision)
        del peer
        gc.collect()


def _time(
    report: ListReport,
    name: str,
    peer: Engine,
    least_cosine: float,
    corpus: Corpus,
    ours: Embeddings,
    precision: str,
) -> None:
    step = max(1, len(corpus.texts) // SAMPLE)
    theirs = np.asarray(peer.embed(corpus.texts[::step]), np.float32)
    cosine = float(cosines(theirs, ours[::step]).min())
    tokens = peer.count(corpus.texts)
    if not cosine >= least_cosine or tokens != corpus.total:
        report.skipped(name, f"results differ: cosine {cosine:.5f}, {tokens:,} tokens")
        return
    times = time_runs(lambda: peer.embed(corpus.texts), runs=2, warm_up=1)
    rate = corpus.total / times.best
    engine_rate = report.value(embed_in_process.SECTION, precision) or 0.0
    server_rate = report.value(
        "Server, a process of its own", f"one request of {len(corpus.texts):,} texts"
    )
    note = f"engine is {engine_rate / rate:.1f} times as fast"
    if server_rate:
        note += f", server {server_rate / rate:.1f}"
    report.row(name, rate, "tokens/s", f"{note}; cosine {cosine:.5f}; {times.cores:.2f} cores busy")
