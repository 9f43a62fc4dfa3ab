"""`simile map`: draw texts as points, near each other if similar, as a page or an image."""

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
    help="A page that needs no network, or an image.",
)
@click.option("--title", help="Heading.  [default: the name of the input]")
@click.option(
    "--count", "-n", type=click.IntRange(1), help="Number of clusters.  [default: detected]"
)
@click.option("--min-size", type=click.IntRange(2), help="Minimum cluster size.")
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
    """Draw a map of texts, colored and named by cluster.

    The page shows and searches the texts. It contains them: anyone who has the page can read them.
    A text is a line of FILE, a row of a table with a `text` field, a file of FOLDER, or a visible
    chunk of an index (-i).
    """
    from simile.analysis.page import Map, require_output, write_map
    from simile.analysis.projection import project
    from simile.cli.parts.clusters import clustered
    from simile.cli.parts.texts import bar

    require_output(output)
    given, found = clustered(source, folder, principals, model, (count, min_size, seed))
    if not given.texts:
        print("simile: no texts to draw", file=sys.stderr)
        return 1
    assert given.vectors is not None
    with bar(1.0, "of projection") as shown:
        placed = project(
            given.vectors, seed=seed, progress=lambda share: shown.update(share - shown.n)
        )
    name = title or (Path(source).name if source and source != "-" else "Texts")
    page = Map(name, given.texts, given.ids, found, placed)
    write_map(output, page)
    print(f"simile: {page.summary} in {output}, placed by {placed.method}", file=sys.stderr)
    return 0
