"""`simile tune`: choose an index's fusion settings on judged queries."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options

if TYPE_CHECKING:
    from simile.evaluation.judged import Judged
    from simile.index import Index


@click.command("tune")
@click.argument("judged", type=click.Path(exists=True, path_type=Path))
@options.index
@options.principals
@click.option("--metric", default="ndcg@10", show_default=True, help="Metric to maximize.")
@click.option(
    "--max-tokens",
    "sizes",
    type=click.IntRange(1),
    multiple=True,
    help="Also try chunks of this size; embeds all documents again for each.",
)
@click.option("--dry-run", is_flag=True, help="Print the choice; change nothing.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write a plot (.png or .svg).")
def command(
    judged: Path,
    folder: Path | None,
    principals: tuple[str, ...],
    metric: str,
    sizes: tuple[int, ...],
    plot: Path | None,
    *,
    dry_run: bool,
) -> None:
    """Choose the best search settings on judged queries.

    Tries fusion weights and candidate counts on JUDGED. A significantly better setting is saved
    and becomes the index's default.
    """
    from simile.cli.parts.folder import open_index
    from simile.evaluation.datasets import read_judged

    if plot:
        from simile.evaluation.plot import require_plot

        require_plot(plot)  # Fail before the work, and before anything is saved.
    with open_index(folder) as index:
        queries = read_judged(judged)
        found = index.tune(queries, metric=metric, principals=principals, dry_run=dry_run)
        print(found.to_text())
        if sizes:
            _try_sizes(index, queries, sizes, principals, metric, found.chosen.alpha)
    if plot:
        from simile.evaluation.plot import plot_alpha

        plot_alpha(found, plot)


def _try_sizes(
    index: "Index",
    judged: Sequence["Judged"],
    sizes: Sequence[int],
    principals: tuple[str, ...],
    metric: str,
    alpha: float,
) -> None:
    """Index the documents again for each size, in temporary folders, and compare.

    All are searched with the same weight, because a new index has only the default.
    """
    from simile.evaluation.run import searching
    from simile.evaluation.sizes import compare_sizes
    from simile.index import Chunking, Index

    with ExitStack() as stack:
        searches = {}
        for size in sizes:
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            sized = Chunking(max_tokens=size, min_tokens=min(Chunking.min_tokens, size))
            other = Index(Path(folder) / "index", embedder=index.stats().model, chunking=sized)
            stack.enter_context(other).add(index.documents(everything=True))
            searches[size] = searching(partial(other.search, alpha=alpha), principals=principals)
        present = searching(partial(index.search, alpha=alpha), principals=principals)
        value, found = compare_sizes(judged, present, searches, metric)
    print(f"{'current chunks':<18}{value:>14.4f}")
    for one in found:
        said = "noise" if one.noise else f"simile reindex --max-tokens {one.max_tokens}"
        shown = f"{one.value:.4f}  {one.difference:+.4f}, p {one.p:.4f}: {said}"
        print(f"at most {one.max_tokens:>5} tokens      {shown}")
