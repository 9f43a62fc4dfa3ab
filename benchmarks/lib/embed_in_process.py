"""Measure the engine in this process: tokens/s, and its share of the machine's peak."""

from pathlib import Path

from benchmarks.lib import gemm
from benchmarks.lib.corpus import Corpus, Sample
from benchmarks.lib.reports import ListReport
from benchmarks.lib.similarity import cosines
from benchmarks.lib.timing import time_runs

from simile.checkpoints.folder import FolderCheckpoint
from simile.engine.embedder import LocalEmbedder
from simile.engine.stats import EngineStats
from simile.models.local_model import LocalModel
from simile.types import Embeddings, Precision

SECTION = "Engine, in this process"


def flop_per_token(folder: Path, texts: Corpus | Sample) -> float:
    """Return FLOP per token: twice the matrix parameters, plus attention over the text's length."""
    config = FolderCheckpoint(folder).config
    width, inner = config["hidden_size"], config["intermediate_size"]
    layers = config["num_hidden_layers"]
    matrices = layers * (4 * width * width + 2 * width * inner)
    return float(2 * matrices + layers * 4 * width * texts.squares / texts.total)


def measure_gemm(report: ListReport, precisions: list[str]) -> None:
    """The rate of big and of the model's own matrix products."""
    report.section("Matrix products through OpenVINO")
    for precision in precisions:
        for name, shape in gemm.SHAPES.items():
            report.row(f"{precision}, {name}", gemm.measure(precision, shape), "GFLOP/s")


def measure(report: ListReport, model: LocalModel, corpus: Corpus, *, runs: int) -> Embeddings:
    """Time each precision on all texts and on the short ones; gives the f32 vectors."""
    auto = _precision_here(model)
    precisions: list[Precision] = ["int8", "f32"] if auto == "f32" else ["auto", "int8", "f32"]
    names = [auto if precision == "auto" else precision for precision in precisions]
    measure_gemm(report, names)
    flop = flop_per_token(model.path, corpus)
    report.section(SECTION)
    report.row("FLOP per token", flop / 1e6, "MFLOP")
    vectors = {}
    for precision, name in zip(precisions, names, strict=True):
        stats = EngineStats()
        embedder = LocalEmbedder(model, precision=precision, stats=stats)
        vectors[name] = _measure_one(report, embedder, corpus, name, flop, runs, stats)
        embedder.close()
    exact = vectors.pop("f32")
    for name, rounded in vectors.items():
        alike = cosines(rounded, exact)
        report.row(
            f"{name}, cosine to f32", float(alike.min()), "least", f"mean {alike.mean():.5f}"
        )
    return exact


def measure_again(report: ListReport, model: LocalModel, corpus: Corpus, *, runs: int) -> None:
    """Once more after everything else, so that a machine that drifts is seen."""
    report.section(SECTION + ", again at the end")
    embedder = LocalEmbedder(model)
    times = time_runs(lambda: embedder.embed(corpus.texts, role="document"), runs=runs)
    embedder.close()
    before = report.value(SECTION, embedder.precision) or 0.0
    rate = corpus.total / times.best
    report.row(
        embedder.precision,
        rate,
        "tokens/s",
        f"{rate / before:.2f} of the first; {times.cores:.2f} cores busy",
    )


def _measure_one(
    report: ListReport,
    embedder: LocalEmbedder,
    corpus: Corpus,
    name: str,
    flop: float,
    runs: int,
    stats: EngineStats,
) -> Embeddings:
    result = embedder.embed_counted(corpus.texts, role="document")
    assert result.token_counts.tolist() == corpus.tokens, "expected equal token counts"
    times = time_runs(lambda: embedder.embed(corpus.texts, role="document"), runs=runs)
    rate = corpus.total / times.best
    note = f"median {corpus.total / times.middle:,.0f}; {times.cores:.2f} cores busy"
    report.row(name, rate, "tokens/s", note)
    padding = stats.padded_tokens / (stats.padded_tokens + stats.batch_tokens.read()[1])
    report.row(f"{name}, padding", 100 * padding, "%")
    for shape in gemm.SHAPES:
        limit = report.value("Matrix products through OpenVINO", f"{name}, {shape}") or 0.0
        part = rate * flop / 1e9 / limit
        report.row(f"{name}, part of {shape}", 100 * part, "%")
    times = time_runs(lambda: embedder.embed(corpus.short, role="document"), runs=2 * runs)
    count, tokens = len(corpus.short), sum(corpus.short_tokens)
    note = f"{tokens / times.best:,.0f} tokens/s, median {count / times.middle:,.0f} texts/s"
    report.row(f"{name}, short texts", count / times.best, "texts/s", note)
    one = time_runs(lambda: embedder.embed(corpus.short[:1], role="query"), runs=200, warm_up=20)
    report.row(f"{name}, one short text", 1e3 * one.middle, "ms", "p50")
    return result.vectors


def _precision_here(model: LocalModel) -> str:
    embedder = LocalEmbedder(model)
    embedder.close()
    return embedder.precision
