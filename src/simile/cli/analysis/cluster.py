"""`simile cluster`: group texts; print each group's size, stability and distinguishing words."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options
from simile.cli.parts.clusters import clustered
from simile.cli.parts.console import print_bold
from simile.cli.parts.printing import print_json
from simile.texts import counted, shortened

if TYPE_CHECKING:
    from simile.analysis.clustering import Clustering
    from simile.cli.parts.texts import NamedTexts

_SHOWN_CHARS = 80


@click.command("cluster")
@click.argument("source", required=False, metavar="FILE | FOLDER | -")
@options.index
@options.principals
@click.option(
    "--count", "-n", type=click.IntRange(1), help="Number of clusters.  [default: detected]"
)
@click.option(
    "--min-size",
    type=click.IntRange(2),
    help="Minimum cluster size.  [default: sqrt(number of texts) / 4, at least 5]",
)
@options.seed
@click.option("--members", is_flag=True, help="Print a JSON line per text, not per cluster.")
@options.model
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines even on a terminal.")
def command(
    source: str | None,
    folder: Path | None,
    principals: tuple[str, ...],
    count: int | None,
    min_size: int | None,
    seed: int,
    model: str,
    *,
    members: bool,
    as_json: bool,
) -> int:
    """Group texts by meaning.

    Uses k-means with --count, else HDBSCAN. A text is a line of FILE, a row of a table with a
    `text` field, a file of FOLDER, or a visible chunk of an index (-i).
    """
    given, found = clustered(source, folder, principals, model, (count, min_size, seed))
    if members:
        _print_members(given, found)
    elif as_json or not sys.stdout.isatty():
        _print_json(given, found)
    else:
        _print_text(given.texts, found)
    outliers = int((found.labels < 0).sum())
    counts = {"text": len(given.texts), "cluster": len(found.clusters), "outlier": outliers}
    line = ", ".join(counted(number, noun) for noun, number in counts.items())
    print(f"simile: {line} ({found.method})", file=sys.stderr)
    return 0 if found.clusters else 1


def _print_members(given: "NamedTexts", found: "Clustering") -> None:
    for id, label, nearest in zip(
        given.ids, found.labels.tolist(), found.nearest.tolist(), strict=True
    ):
        print_json({"id": id, "cluster": label, "nearest": nearest})


def _print_json(given: "NamedTexts", found: "Clustering") -> None:
    for one in found.clusters:
        near = [{"id": given.ids[row], "text": given.texts[row]} for row in one.nearest]
        print_json(
            {
                "cluster": one.label,
                "size": one.size,
                "stability": round(one.stability, 4),
                "words": one.words,
                "nearest": near,
            }
        )


def _print_text(texts: Sequence[str], found: "Clustering") -> None:
    for one in found.clusters:
        print(
            f"{one.label:4}  {counted(one.size, 'text'):>13}  stability {one.stability:.2f}",
            end="  ",
        )
        print_bold(", ".join(one.words))
        print()
        for row in one.nearest[:3]:
            text = " ".join(texts[row].split())
            print(f"      {shortened(text, _SHOWN_CHARS)}")
