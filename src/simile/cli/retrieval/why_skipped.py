"""`simile why-skipped`: explain why a file is not indexed."""

import os
from pathlib import Path

import click


@click.command("why-skipped")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder given to `simile index`.  [default: the working folder]",
)
@click.option("--include", multiple=True, metavar="GLOB", help="As given to `simile index`.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="As given to `simile index`.")
def command(
    path: Path, root: Path | None, include: tuple[str, ...], exclude: tuple[str, ...]
) -> int:
    """Explain why `simile index` skips PATH.

    The exit code is 1 if PATH is not skipped.
    """
    from simile.documents import Folder, LoadFailure, load
    from simile.retrieval.walk import RULES

    folder = Folder(_absolute(root or Path.cwd()), include, exclude)
    reason = folder.why_skipped(_absolute(path))
    if path.name == RULES:
        reason = reason or "it holds rules for documents and is not a document itself"
    if reason is None and path.is_file():
        failures = (part for part in load(path) if isinstance(part, LoadFailure))
        reason = next((f"it cannot be read: {failure.reason}" for failure in failures), None)
    said = f"{path}: {reason or 'it is not skipped'}"
    print(os.fsencode(said).decode(errors="backslashreplace"))
    return 0 if reason else 1


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))
