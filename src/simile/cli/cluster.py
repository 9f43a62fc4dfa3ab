"""`simile cluster`: the groups that texts fall into, how stable each is and what it is about."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options

if TYPE_CHECKING:
    from simile.analysis.clustering import Clustering
    from simile.cli.parts.texts import Texts

_SHOWN_CHARS = 80


@click.command("cluster")
@click.argument("source", required=False, metavar="FILE | FOLDER | -")
@options.index
@options.principals
@click.option(
    "--count", "-n", type=click.IntRange(1), help="How many clusters.  [default: found out]"
)
@click.option(
    "--min-size",
    type=click.IntRange(2),
    help="Least texts of a cluster.  [default: a quarter of the root of all, at least 5]",
)
@options.seed
@click.option("--members", is_flag=True, help="A JSON line for each text, not for each cluster.")
@options.model
@click.option("--json", "as_json", is_flag=True, help="JSON lines on a terminal, too.")
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
    """Group texts by meaning: k-means where --count says how many, else HDBSCAN.

    Of a FILE each line, or each row of a table with a `text`, is one text; of a FOLDER each file;
    of an index (-i) each chunk that may be read.
    """
    given, found = clustered(source, folder, principals, model, (count, min_size, seed))
    if members:
        _print_members(given, found)
    elif as_json or not sys.stdout.isatty():
        _print_json(given, found)
    else:
        _print_text(given.texts, found)
    outliers = int((found.labels < 0).sum())
    line = f"{len(given.texts):,} texts, {len(found.clusters):,} clusters, {outliers:,} outliers"
    print(f"simile: {line} ({found.method})", file=sys.stderr)
    return 0 if found.clusters else 1


def clustered(
    source: str | None,
    folder: Path | None,
    principals: tuple[str, ...],
    model: str,
    how: tuple[int | None, int | None, int],
) -> "tuple[Texts, Clustering]":
    """The texts with their vectors, and their clusters; `how`: count, least size, seed."""
    from dataclasses import replace

    from simile.analysis.clustering import cluster
    from simile.cli.parts.texts import bar, read_texts
    from simile.embedder import Embedder

    count, min_size, seed = how
    if count is not None and min_size is not None:
        raise click.UsageError("--count and --min-size exclude each other")
    given = read_texts(source, folder, principals)
    if given.vectors is None:
        with Embedder(model) as embedder:
            given = replace(given, vectors=given.embedded(embedder, role="clustering"))
    assert given.vectors is not None
    with bar(1.0, "of clustering") as shown:
        found = cluster(
            given.vectors,
            given.texts,
            count=count,
            min_size=min_size,
            seed=seed,
            progress=lambda share: shown.update(share - shown.n),
        )
    return given, found


def _print_members(given: "Texts", found: "Clustering") -> None:
    for id, label, nearest in zip(
        given.ids, found.labels.tolist(), found.nearest.tolist(), strict=True
    ):
        _line({"id": id, "cluster": label, "nearest": nearest})


def _print_json(given: "Texts", found: "Clustering") -> None:
    for one in found.clusters:
        near = [{"id": given.ids[row], "text": given.texts[row]} for row in one.nearest]
        _line(
            {
                "cluster": one.label,
                "size": one.size,
                "stability": round(one.stability, 4),
                "words": one.words,
                "nearest": near,
            }
        )


def _line(value: dict[str, object]) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _print_text(texts: Sequence[str], found: "Clustering") -> None:
    for one in found.clusters:
        words = click.style(", ".join(one.words), bold=True)
        print(f"{one.label:4}  {one.size:7,} texts  stability {one.stability:.2f}  {words}")
        for row in one.nearest[:3]:
            text = " ".join(texts[row].split())
            print(f"      {text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + '…'}")
