"""`simile check`: compare an index's derived data with its documents."""

import sys
from pathlib import Path

import click

from simile.cli.parts import options


@click.command("check")
@options.index
@click.option("--repair", is_flag=True, help="Remove orphans and rebuild derived data.")
def command(folder: Path | None, *, repair: bool) -> int:
    """Check the index for damage and orphans.

    Prints nothing if the index is sound.
    """
    from simile.cli.parts.folder import open_index

    with open_index(folder) as index:
        report = index.check(repair=repair)
    for problem in report.problems:
        print(f"simile: {problem}", file=sys.stderr)
    if report.repaired:
        print("simile: repaired", file=sys.stderr)
    return 2 if report.problems and not report.repaired else 0
