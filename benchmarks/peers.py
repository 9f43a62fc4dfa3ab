"""Measure other engines on the same texts, where they are installed: one after the other, alone.

A peer whose tokens or vectors are not ours is not timed. Knows sentence-transformers and llama.cpp
(through llama-cpp-python).
"""

import gc
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import engine, gguf_bert
from benchmarks.corpus import WINDOW, Corpus
from benchmarks.machine import cores
from benchmarks.report import Report
from benchmarks.timing import time_runs

from simile.models.local import LocalModel
from simile.types import Embeddings

SECTION = "Peers, same texts, same cores"
BATCH = 32
"""What sentence-transformers does by default."""
LEAST_COSINE = 0.999
SAMPLE = 100
"""Texts whose vectors are compared before a peer is timed; every tenth of a thousand."""


@dataclass(frozen=True)
class Peer:
    """An engine that is ready to be timed."""

    embed: Callable[[list[str]], Any]
    """Texts to an array-like (n, dim)."""
    count: Callable[[list[str]], int]
    """Tokens that it reads of these texts."""


def measure(
    report: Report, model: LocalModel, corpus: Corpus, ours: Embeddings, *, precision: str
) -> None:
    """Time each peer; `ours` are our f32 vectors of the corpus."""
    report.section(SECTION)
    if find_spec("sentence_transformers"):
        for kind in ("float32", "bfloat16"):
            name = f"sentence-transformers {kind}"
            _time(report, name, _sentence_transformers(model, kind), corpus, ours, precision)
    else:
        report.skipped("sentence-transformers", "not installed; pip install '.[bench]'")
    absent = [name for name in ("llama_cpp", "gguf", "safetensors") if not find_spec(name)]
    if absent:
        report.skipped("llama.cpp", f"not installed: {' '.join(absent)}; see benchmarks/README.md")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model-f16.gguf")
        gguf_bert.write(model.path, path)
        for flash in (False, True):
            name = "llama.cpp F16" + (", flash attention" if flash else "")
            _time(report, name, _llama(path, flash=flash), corpus, ours, precision)


def _time(
    report: Report, name: str, peer: Peer, corpus: Corpus, ours: Embeddings, precision: str
) -> None:
    step = max(1, len(corpus.texts) // SAMPLE)
    cosine = _least_cosine(np.asarray(peer.embed(corpus.texts[::step]), np.float32), ours[::step])
    tokens = peer.count(corpus.texts)
    if cosine < LEAST_COSINE or tokens != corpus.total:
        report.skipped(name, f"not the same work: cosine {cosine:.5f}, {tokens:,} tokens")
        return
    times = time_runs(lambda: peer.embed(corpus.texts), runs=2, warm_up=1)
    rate = corpus.total / times.best
    engine_rate = report.value(engine.SECTION, precision) or 0.0
    server_rate = report.value(
        "Server, a process of its own", f"one request of {len(corpus.texts):,} texts"
    )
    note = f"engine is {engine_rate / rate:.1f} times as fast"
    if server_rate:
        note += f", server {server_rate / rate:.1f}"
    report.row(name, rate, "tokens/s", f"{note}; cosine {cosine:.5f}; {times.cores:.2f} cores busy")
    gc.collect()


def _least_cosine(theirs: Embeddings, ours: Embeddings) -> float:
    norms = np.linalg.norm(theirs, axis=1) * np.linalg.norm(ours, axis=1)
    return float(((theirs * ours).sum(axis=1) / norms).min())


def _sentence_transformers(model: LocalModel, kind: str) -> Peer:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(cores())
    options = {"torch_dtype": getattr(torch, kind)}
    loaded = SentenceTransformer(str(model.path), device="cpu", model_kwargs=options)
    loaded.max_seq_length = WINDOW

    def embed(texts: list[str]) -> Any:
        return loaded.encode(
            texts, batch_size=BATCH, convert_to_numpy=False, convert_to_tensor=True
        ).float()

    def count(texts: list[str]) -> int:
        return int(sum(len(ids) for ids in loaded.tokenizer(texts)["input_ids"]))

    return Peer(embed, count)


def _llama(path: Path, *, flash: bool) -> Peer:
    from llama_cpp import LLAMA_POOLING_TYPE_UNSPECIFIED, Llama

    loaded = Llama(
        str(path),
        embedding=True,
        # It computes attention over all of a batch, so the smallest that holds a text is fastest.
        n_ctx=WINDOW,
        n_batch=WINDOW,
        n_ubatch=WINDOW,
        n_threads=cores(),
        n_threads_batch=cores(),
        flash_attn=flash,
        pooling_type=LLAMA_POOLING_TYPE_UNSPECIFIED,  # As the file says.
        verbose=False,
    )

    def count(texts: list[str]) -> int:
        return sum(len(loaded.tokenize(text.encode())) for text in texts)

    return Peer(lambda texts: loaded.embed(texts, normalize=True), count)
