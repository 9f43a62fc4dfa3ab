"""`simile map`: texts in the plane, near where they mean the same, as a page or a picture."""

import sys
from pathlib import Path

import click

from simile.cli.parts import options


@click.command("map")
@click.argument("source", required=False, metavar="FILE | FOLDER | -")
@options.index
@options.principals
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="MAP.html | MAP.png",
    help="A page that needs no network, or a picture.",
)
@click.option("--title", help="Its heading.  [default: what was given]")
@click.option("--count", "-n", type=click.IntRange(1), help="Clusters.  [default: found out]")
@click.option("--min-size", type=click.IntRange(2), help="Least texts of a cluster.")
@options.seed
@options.model
def command(
    source: str | None,
    folder: Path | None,
    principals: tuple[str, ...],
    output: Path,
    title: str | None,
    count: int | None,
    min_size: int | None,
    seed: int,
    model: str,
) -> int:
    """Draw texts as points, colored and named by cluster; the page shows and searches them.

    Of a FILE each line, or each row of a table with a `text`, is one text; of a FOLDER each file;
    of an index (-i) each chunk that may be read. The texts are in the page: who has it, reads them.
    """
    from simile.analysis.page import Map, require_output, write_map
    from simile.analysis.projection import project
    from simile.cli.parts.clusters import clustered
    from simile.cli.parts.texts import bar

    require_output(output)
    given, found = clustered(source, folder, principals, model, (count, min_size, seed))
    if not given.texts:
        print("simile: there is no text to draw", file=sys.stderr)
        return 1
    assert given.vectors is not None
    with bar(1.0, "of placing") as shown:
        placed = project(
            given.vectors, seed=seed, progress=lambda share: shown.update(share - shown.n)
        )
    name = title or (Path(source).name if source and source != "-" else "Texts")
    page = Map(name, given.texts, given.ids, found, placed)
    write_map(output, page)
    print(f"simile: {page.summary} in {output}, placed by {placed.method}", file=sys.stderr)
    return 0
