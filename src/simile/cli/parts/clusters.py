"""Read, embed and cluster texts, for `simile cluster` and `simile map`."""

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
    """Return the texts with their vectors, and their clusters; `how` is (count, min_size, seed)."""
    from dataclasses import replace

    from simile.analysis.clustering import cluster
    from simile.cli.parts.texts import bar, read_texts
    from simile.embedder import Embedder

    count, min_size, seed = how
    if count is not None and min_size is not None:
        raise click.UsageError("--count and --min-size are mutually exclusive")
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
