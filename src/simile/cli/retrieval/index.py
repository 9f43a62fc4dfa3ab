"""`simile index`: make an index hold what files and folders hold."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options

if TYPE_CHECKING:
    from simile.index import Index
    from simile.retrieval.changes import Change


@click.command("index")
@click.argument("paths", nargs=-1, required=True, metavar="PATH... | -")
@options.index
@click.option(
    "--acl",
    multiple=True,
    metavar="PRINCIPAL",
    help="Who may read documents that do not say it themselves.  [default: public]",
)
@click.option("--model", "-m", help="For a new index.  [default: all-minilm]")
@click.option("--include", multiple=True, metavar="GLOB", help="Read only files that match one.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Skip what matches one.")
@click.option("--name", default="-", help="The id of the text that comes on stdin.")
@click.option("--language", help="Whose words are stemmed.  [default: english]")
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
@options.chunking
def command(
    paths: tuple[str, ...],
    folder: Path | None,
    acl: tuple[str, ...],
    model: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    name: str,
    language: str | None,
    *,
    dry_run: bool,
    max_tokens: int | None,
    min_tokens: int | None,
    overlap_tokens: int | None,
    whole: bool,
) -> int:
    """Add, update and forget, so that the index holds what each PATH holds now.

    `-` reads one text from stdin. What did not change is not read or embedded again. It can be
    interrupted at any time; run it again to go on.
    """
    from simile.cli.parts.folder import chunking_of, find_index
    from simile.cli.parts.progress import shown, tell
    from simile.index import Index

    sizes = chunking_of(max_tokens, min_tokens, overlap_tokens, whole=whole)
    readers = acl or ("public",)
    where = find_index(folder)
    with (
        Index(where, embedder=model, chunking=sizes, language=language) as index,
        shown() as progress,
    ):
        if "-" in paths:
            _require_alone(paths, dry_run=dry_run, globs=include + exclude)
            return _stdin(index, name, readers)
        report = index.sync(
            paths,
            acl=readers,
            include=include,
            exclude=exclude,
            dry_run=dry_run,
            changed=_print if dry_run else lambda _: None,
            progress=progress,
        )
    return tell(report)


def _require_alone(paths: tuple[str, ...], *, dry_run: bool, globs: tuple[str, ...]) -> None:
    from simile.errors import InputError

    if paths != ("-",):
        raise InputError("- stands alone: files and standard input are indexed one after another")
    if dry_run or globs:
        raise InputError("--dry-run, --include and --exclude are for files, not for -")


def _stdin(index: "Index", name: str, acl: tuple[str, ...]) -> int:
    from simile.cli.parts.progress import tell
    from simile.documents import load_stream
    from simile.documents.loaders import LoadFailure
    from simile.errors import InputError

    loaded = list(load_stream(sys.stdin.buffer, name=name, acl=acl))
    for failure in loaded:
        if isinstance(failure, LoadFailure):
            raise InputError(f"{failure.path}: {failure.reason}")
    return tell(index.add(part for part in loaded if not isinstance(part, LoadFailure)))


def _print(change: "Change") -> None:
    print(f"{change.sign} {change.id}")
