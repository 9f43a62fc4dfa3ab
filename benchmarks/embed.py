"""Measure embedding in one run: the engine, the whole server, and other engines.

    python -m benchmarks.embed [--model NAME] [--texts N] [--skip-peers] [--json FILE]

The figures are explained in benchmarks/README.md.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.lib.corpus import Corpus
    from benchmarks.lib.reports import ListReport


def main() -> None:
    from benchmarks.lib import corpus, embed_in_process, embed_peers, embed_server, machine
    from benchmarks.lib.model import find_model
    from benchmarks.lib.reports import ListReport

    from simile.engine.embedder import LocalEmbedder

    options = _options()
    report = ListReport()
    model = find_model(options.model)
    report.section("Machine")
    for name, value in machine.describe().items():
        report.row(name, value)
    texts = corpus.build(model.path / "tokenizer.json", options.texts)
    _describe(report, texts)
    embedder = LocalEmbedder(model)
    precision = embedder.precision
    embedder.close()
    vectors = embed_in_process.measure(report, model, texts, runs=options.runs)
    embed_server.measure(report, options.model, texts, precision=precision, runs=options.runs)
    embed_server.measure_start(report, options.model)
    if not options.skip_peers:
        embed_peers.measure(report, model, texts, vectors, precision=precision)
    embed_in_process.measure_again(report, model, texts, runs=options.runs)
    if options.json:
        report.write(options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure embedding on this machine.")
    parser.add_argument("--model", default="all-minilm", help="model (all-minilm)")
    parser.add_argument("--texts", type=int, default=1000, help="number of texts (1000)")
    parser.add_argument("--runs", type=int, default=3, help="runs; the best counts (3)")
    parser.add_argument("--skip-peers", action="store_true", help="measure only simile")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def _describe(report: "ListReport", texts: "Corpus") -> None:
    report.section("Texts: docstrings of this Python's standard library")
    report.row("texts", len(texts.texts), "", f"sha256 {texts.digest[:16]}")
    report.row("tokens", texts.total, "", f"{texts.total / len(texts.texts):.0f} per text")
    places = texts.percentiles(5, 25, 50, 75, 90)
    report.row("tokens at 5, 25, 50, 75, 90 %", ", ".join(map(str, places)))
    mean = sum(texts.short_tokens) / len(texts.short)
    report.row("tokens of a short text, mean", mean)


if __name__ == "__main__":
    main()
