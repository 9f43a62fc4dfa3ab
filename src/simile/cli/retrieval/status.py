"""`simile status`: describe an index, as a table on a terminal and as JSON otherwise."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from simile.cli.parts import options
from simile.cli.parts.printing import print_json, shown


@click.command("status")
@options.index
def command(folder: Path | None) -> None:
    """Show the index's contents, settings and size."""
    from simile.cli.parts.folder import open_index

    with open_index(folder) as index:
        fields = {"index": str(index.path), **asdict(index.stats())}
    if not sys.stdout.isatty():
        print_json(fields)
        return
    width = max(map(len, fields))
    for name, value in fields.items():
        print(f"{name:{width}}  {shown(value)}")
