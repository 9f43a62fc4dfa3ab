"""Read texts, embed them and cluster them: what `simile cluster` prints and `simile map` colors."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simile.analysis.clustering import Clustering
    from simile.cli.parts.texts import NamedTexts


def clustered(
    source: str | None,
    folder: Path | None,
    principals: tuple[str, ...],
    model: str,
    how: tuple[int | None, int | None, int],
) -> "tuple[NamedTexts, Clustering]":
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
