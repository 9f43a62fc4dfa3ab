"""`simile check`: compare what an index derives with what it knows."""

import sys
from pathlib import Path

import click

from simile.cli.parts import options


@click.command("check")
@options.index
@click.option("--repair", is_flag=True, help="Remove orphans, and rebuild what is derived.")
def command(folder: Path | None, *, repair: bool) -> int:
    """Look for damage and orphans; nothing to say means that all is sound."""
    from simile.cli.parts.folder import open_index

    with open_index(folder) as index:
        report = index.check(repair=repair)
    for problem in report.problems:
        print(f"simile: {problem}", file=sys.stderr)
    if report.repaired:
        print("simile: repaired", file=sys.stderr)
    return 2 if report.problems and not report.repaired else 0
