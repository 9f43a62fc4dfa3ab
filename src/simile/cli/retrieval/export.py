"""`simile export`: write chunks and vectors to files for other programs."""

import sys
from pathlib import Path

import click

from simile.cli.parts import options
from simile.texts import counted


@click.command("export")
@click.argument("output", type=click.Path(path_type=Path))
@options.index
@options.principals
@click.option(
    "--all", "everything", is_flag=True, help="Export every document, whoever may read it."
)
def command(
    output: Path, folder: Path | None, principals: tuple[str, ...], *, everything: bool
) -> int:
    """Export chunks and vectors to OUTPUT.

    OUTPUT is x.parquet, x.faiss, or a folder (.npy and NDJSON). Only documents that the principals
    of --as may read are exported.
    """
    from simile.cli.parts.folder import open_index

    with open_index(folder) as index:
        count = index.export(output, principals=principals, everything=everything)
    print(f"simile: {counted(count, 'chunk')} in {output}", file=sys.stderr)
    return 0 if count else 1
