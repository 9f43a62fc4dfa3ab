"""Measure chunking: how often the best three chunks contain the answer to a question.

    python -m benchmarks.chunking FOLDER... [--sizes 100 200] [--json FILE]

Compares simile with LangChain's RecursiveCharacterTextSplitter at the same sizes in tokens of the
same model, ranked by the same model's cosines. The figures are explained in benchmarks/README.md.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from simile.embedder import Embedder
    from simile.evaluation.judged import Judged
    from simile.evaluation.metrics import Span
    from simile.types import Document

PACKAGES = ("langchain-text-splitters", "tokenizers", "openvino", "numpy")
TOP = 3
Cut = tuple["Span", str]
"""A chunk's span and the text embedded for it."""


def main() -> None:
    from benchmarks.lib import machine
    from benchmarks.lib.reports import TableReport

    from simile.embedder import Embedder

    options = _options()
    tables = TableReport()
    tables.section("Machine")
    tables.row("date", note=date.today().isoformat())
    for name, value in machine.describe(PACKAGES).items():
        tables.row(name, note=value)
    with Embedder(options.model) as embedder:
        for folder in options.folders:
            documents, judged = read(folder)
            tables.section(
                f"{folder.name}: answers in the best {TOP} chunks", "whole", "characters"
            )
            for size in options.sizes:
                for name, cuts in (
                    ("simile", ours(documents, embedder, size)),
                    ("LangChain", langchain(documents, embedder, size)),
                ):
                    whole, characters = measure(list(cuts), judged, embedder)
                    note = f"{len(judged):,} questions, {len(documents):,} documents"
                    figures = f"{whole:.4f}", f"{characters:.4f}"
                    tables.row(f"{name}, {size} tokens", *figures, note=note)
    if options.json:
        tables.write(options.json)


def read(folder: Path) -> tuple[list["Document"], list["Judged"]]:
    """Read documents and questions with spans.

    The folder is a BEIR collection with `spans.jsonl`, or has `questions.jsonl` and a folder
    `corpora`, whose files are named by their stems.
    """
    from simile.evaluation.datasets import read_corpus, read_judged, read_judged_lines
    from simile.types import Document

    if (folder / "corpus.jsonl").exists():
        return list(read_corpus(folder / "corpus.jsonl")), read_judged(folder)
    files = sorted((folder / "corpora").iterdir())
    documents = [
        Document(file.stem, file.read_bytes().decode(), metadata={"suffix": file.suffix})
        for file in files
    ]
    return documents, read_judged_lines(folder / "questions.jsonl")


def ours(documents: Sequence["Document"], embedder: "Embedder", size: int) -> Iterator[Cut]:
    """Yield simile's chunks, with the heading path that is embedded before them."""
    from simile.documents import embedded_text
    from simile.evaluation.metrics import Span
    from simile.retrieval.recipe import Chunking, chunks_of

    chunking = Chunking(max_tokens=size, min_tokens=min(64, size // 2))
    for document in documents:
        named = replace(document, id=f"{document.id}{document.metadata.get('suffix', '')}")
        for chunk in chunks_of(named, embedder, chunking):
            span = Span(document.id, chunk.start, chunk.end)
            yield span, embedded_text(document.title, chunk)


def langchain(documents: Sequence["Document"], embedder: "Embedder", size: int) -> Iterator[Cut]:
    """Yield LangChain's chunks, without overlap, at the offsets that it reports."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    from simile.evaluation.metrics import Span

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=size,
        chunk_overlap=0,
        length_function=lambda text: int(embedder.count_tokens([text])[0]),
        add_start_index=True,
    )
    for document in documents:
        for part in splitter.create_documents([document.text]):
            start, text = part.metadata["start_index"], part.page_content
            title = f"{document.title}\n" if document.title else ""
            yield Span(document.id, start, start + len(text)), title + text


def measure(
    cuts: Sequence[Cut], judged: Sequence["Judged"], embedder: "Embedder"
) -> tuple[float, float]:
    """Return the share of fully found answers, and the mean share of answer characters found."""
    from simile.evaluation.metrics import span_recall

    chunks = embedder.embed([text for _, text in cuts], role="document")
    queries = embedder.embed([one.query for one in judged], role="query")
    found = []
    for one, query in zip(judged, queries, strict=True):
        best: Any = np.argsort(-(chunks @ query), kind="stable")[:TOP]
        found.append(span_recall([cuts[place][0] for place in best], one.spans))
    return float(np.mean([share == 1.0 for share in found])), float(np.mean(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how well chunks contain answers.")
    parser.add_argument("folders", nargs="+", type=Path, help="judged collections with spans")
    parser.add_argument(
        "--sizes", nargs="+", type=int, default=[100, 200], help="chunk sizes in tokens"
    )
    parser.add_argument("--model", default="all-minilm")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
