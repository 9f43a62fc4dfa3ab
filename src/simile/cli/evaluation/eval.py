"""`simile eval`: measure search on judged queries, or similarity on judged pairs."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options

if TYPE_CHECKING:
    from simile.evaluation.judged import Judged
    from simile.index import Index

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("eval")
@click.argument("judged", nargs=-1, metavar="JUDGED | sts FILE")
@options.index
@click.option("--corpus", type=_FILE, help="BEIR corpus to index and evaluate.")
@click.option("--queries", type=_FILE, help="BEIR queries, for --corpus.")
@click.option("--qrels", type=_FILE, help="BEIR relevance judgments, for --corpus.")
@click.option("--chunked", is_flag=True, help="Cut the documents of --corpus into chunks.")
@options.model
@options.principals
@click.option("--rerank", metavar="MODEL", help="Also measure reranking with this model.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write a plot (.png or .svg).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON even on a terminal.")
def command(
    judged: tuple[str, ...],
    folder: Path | None,
    corpus: Path | None,
    queries: Path | None,
    qrels: Path | None,
    model: str,
    principals: tuple[str, ...],
    rerank: str | None,
    plot: Path | None,
    *,
    chunked: bool,
    as_json: bool,
) -> None:
    """Measure search quality on judged queries.

    Compares each arm, the fusion and the rerank, and marks differences that may be noise. JUDGED
    has one line per query of the index: {"query": …, "relevant": [ids] or "spans": […]}. With
    --corpus, a BEIR collection is indexed first. `sts FILE` correlates cosines with the scores of
    a file of score, sentence, sentence, separated by tabs.
    """
    if corpus is None and (queries or qrels or chunked):
        raise click.UsageError("--queries, --qrels and --chunked require --corpus")
    if judged[:1] == ("sts",):
        _sts(judged[1:], model, as_json=as_json)
        return
    if plot:
        from simile.evaluation.plot import require_plot

        require_plot(plot)  # Fail before the work.
    with ExitStack() as stack:
        if corpus is not None:
            if judged or queries is None or qrels is None:
                raise click.UsageError(
                    "--corpus requires --queries and --qrels, and excludes JUDGED"
                )
            from simile.evaluation.datasets import read_beir

            index = _indexed(corpus, model, stack, chunked=chunked)
            _evaluate(index, read_beir(queries, qrels), principals, rerank, plot, as_json=as_json)
            return
        if len(judged) != 1:
            raise click.UsageError("expected one JUDGED file, --corpus, or sts FILE")
        from simile.cli.parts.folder import open_index
        from simile.evaluation.datasets import read_judged

        index = stack.enter_context(open_index(folder))
        _evaluate(index, read_judged(Path(judged[0])), principals, rerank, plot, as_json=as_json)


def _indexed(corpus: Path, model: str, stack: ExitStack, *, chunked: bool) -> "Index":
    """Index the collection in a temporary folder, which the stack deletes."""
    from simile.cli.parts.progress import shown
    from simile.evaluation.datasets import read_corpus
    from simile.index import Index
    from simile.retrieval.recipe import Chunking

    folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    sizes = Chunking() if chunked else Chunking(whole=True)
    index = stack.enter_context(Index(Path(folder) / "index", embedder=model, chunking=sizes))
    with shown("documents") as progress:
        index.add(read_corpus(corpus), progress=progress)
    return index


def _evaluate(
    index: "Index",
    judged: Sequence["Judged"],
    principals: tuple[str, ...],
    rerank: str | None,
    plot: Path | None,
    *,
    as_json: bool,
) -> None:
    from simile.evaluation.judged import absent
    from simile.evaluation.run import ARMS, evaluate, searching
    from simile.evaluation.table import to_text

    missing = absent(judged, lambda id: index.get(id, everything=True) is not None)
    if missing:
        told = f"{len(missing):,} relevant documents are not in the index, first {missing[0]!r}"
        print(f"simile: {told}", file=sys.stderr)
    arms = (*ARMS, *(("rerank",) if rerank else ()))
    search = searching(index.search, principals=principals, rerank=rerank)
    found = evaluate(judged, search, arms=arms)
    print(found.to_json() if as_json or not sys.stdout.isatty() else to_text(found))
    if plot:
        from simile.evaluation.plot import plot_arms

        plot_arms(found, plot)


def _sts(files: tuple[str, ...], model: str, *, as_json: bool) -> None:
    from simile.embedder import Embedder
    from simile.evaluation.datasets import read_sts
    from simile.evaluation.sts import correlate

    if len(files) != 1:
        raise click.UsageError("sts takes one FILE of score, sentence, sentence, separated by tabs")
    pairs = read_sts(Path(files[0]))
    with Embedder(model) as embedder:
        found = correlate(embedder, pairs)
    print(found.to_json() if as_json or not sys.stdout.isatty() else found.to_text())
