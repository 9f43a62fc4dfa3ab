"""Compare reranking with sentence-transformers' CrossEncoder, in pairs per second.

    python -m benchmarks.rerank [--model NAME] [--queries N] [--documents N] [--runs N]

Uses a cross-encoder of MiniLM-L6's size with random weights, and the tokenizer of --model. Requires
sentence-transformers. The figures are explained in benchmarks/README.md.
"""

import argparse
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.lib.reports import ListReport

    from simile.models.local_model import LocalModel

Scores = list[np.ndarray]
PEER = ("torch", "transformers", "sentence_transformers")
"""What makes the checkpoint, and is measured beside simile."""
LARGEST_DIFFERENCE = {"f32": 1e-4, "bf16": 5e-2, "int8": 0.2}
"""Maximum difference from the float32 reference's logits; beyond it, results are not comparable."""


def main() -> None:
    from benchmarks.lib import corpus, machine
    from benchmarks.lib.model import find_model
    from benchmarks.lib.reports import ListReport

    from simile.hub.plain_folder import open_folder

    options = _options()
    report, base = ListReport(), find_model(options.model)
    report.section("Machine")
    for name, value in machine.describe().items():
        report.row(name, value)
    texts = corpus.build(base.path / "tokenizer.json", 1000)
    step = 1000 // options.documents
    documents, queries = texts.texts[::step][: options.documents], texts.short[: options.queries]
    with tempfile.TemporaryDirectory() as folder:
        _write_checkpoint(base.path, Path(folder))
        report.section("Reranking, every query with every document, same cores")
        report.row("pairs", f"{len(queries)} queries x {len(documents)} documents")
        measure(report, open_folder(folder), queries, documents, runs=options.runs)


def measure(
    report: "ListReport",
    model: "LocalModel",
    queries: list[str],
    documents: list[str],
    *,
    runs: int,
) -> None:
    """Time the reference per query and all at once, then simile in each precision."""
    from benchmarks.lib.timing import time_runs

    pairs = len(queries) * len(documents)
    peer = _Peer(model.path)
    wanted = peer.by_query(queries, documents)
    best = 0.0
    for label, work in (
        ("one query at a time", peer.by_query),
        ("all pairs at once", peer.at_once),
    ):
        times = time_runs(partial(work, queries, documents), runs=runs, warm_up=0)
        best = max(best, pairs / times.best)
        note = f"{times.cores:.1f} cores busy"
        report.row(f"sentence-transformers float32, {label}", pairs / times.best, "pairs/s", note)
    for precision in ("f32", "auto", "int8"):
        ours = _Ours(model, precision)
        got = np.concatenate(ours.by_query(queries, documents))
        difference = float(np.abs(got - np.concatenate(wanted)).max())
        if difference > LARGEST_DIFFERENCE[ours.precision]:
            report.skipped(f"simile {precision}", f"logits differ by {difference:.2g}")
            continue
        times = time_runs(partial(ours.by_query, queries, documents), runs=runs, warm_up=0)
        rate = pairs / times.best
        note = f"{rate / best:.1f} times, logits within {difference:.1g}, {times.cores:.1f} cores"
        report.row(f"simile {precision}, one query at a time", rate, "pairs/s", note)
        ours.close()


class _Peer:
    def __init__(self, folder: Path) -> None:
        import torch
        from sentence_transformers import CrossEncoder

        self._identity = torch.nn.Identity()
        self._model = CrossEncoder(str(folder), device="cpu")

    def by_query(self, queries: list[str], documents: list[str]) -> Scores:
        """Score per query, with the default of 32 pairs per batch, sorted by length."""
        return [
            self._model.predict([(query, text) for text in documents], activation_fn=self._identity)
            for query in queries
        ]

    def at_once(self, queries: list[str], documents: list[str]) -> Scores:
        pairs = [(query, text) for query in queries for text in documents]
        return [self._model.predict(pairs, activation_fn=self._identity)]


class _Ours:
    def __init__(self, model: "LocalModel", precision: str) -> None:
        from simile.engine.cross_encoder import LocalReranker

        self._model = LocalReranker(model, precision=precision)  # type: ignore[arg-type]
        self.precision = self._model.precision
        self.close = self._model.close

    def by_query(self, queries: list[str], documents: list[str]) -> Scores:
        return [
            self._model.submit(query, documents, raw_scores=True).result().scores
            for query in queries
        ]


def _write_checkpoint(base: Path, folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base, model_max_length=512)
    sizes = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure reranking on this machine.")
    parser.add_argument("--model", default="all-minilm", help="its tokenizer (all-minilm)")
    parser.add_argument("--queries", type=int, default=20, help="how many (20)")
    parser.add_argument("--documents", type=int, default=100, help="for each query (100)")
    parser.add_argument("--runs", type=int, default=2, help="runs of which the best counts (2)")
    options = parser.parse_args()
    if missing := [name for name in PEER if not find_spec(name)]:
        parser.error(f"not installed: {' '.join(missing)}; see benchmarks/README.md")
    return options


if __name__ == "__main__":
    main()
