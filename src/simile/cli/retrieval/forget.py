"""`simile forget`: remove documents from an index."""

import sys
from pathlib import Path

import click

from simile.cli.parts import options
from simile.texts import counted


@click.command("forget")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@options.index
def command(ids: tuple[str, ...], folder: Path | None) -> int:
    """Remove documents from the index.

    A file that still exists is added again when it is next indexed.
    """
    from simile.cli.parts.folder import open_index

    with open_index(folder) as index:
        for id in ids:
            if index.get(id, everything=True) is None:
                print(f"simile: no document has the id {id!r}", file=sys.stderr)
        count = index.delete(ids)
    print(f"simile: {counted(count, 'document')} forgotten", file=sys.stderr)
    return 0 if count else 1
