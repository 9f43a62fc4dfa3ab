"""`simile index`: bring an index up to date with files and folders."""

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
    help="Readers of the paths' documents that name none themselves; kept. `default` forgets.",
)
@click.option(
    "--default-acl",
    multiple=True,
    metavar="PRINCIPAL",
    help="Readers of all documents that nothing else gives any; kept.  [default: public]",
)
@click.option("--model", "-m", help="Model of a new index.  [default: all-minilm]")
@click.option("--include", multiple=True, metavar="GLOB", help="Index only matching files.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Skip matching files.")
@click.option("--name", default="-", help="Id of the text from stdin.", show_default=True)
@click.option("--language", help="Language to stem words in.  [default: english]")
@click.option("--dry-run", is_flag=True, help="Print what would change; change nothing.")
@options.chunking
def command(
    paths: tuple[str, ...],
    folder: Path | None,
    acl: tuple[str, ...],
    default_acl: tuple[str, ...],
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
    """Bring the index up to date with each PATH.

    Adds new documents, updates changed ones, forgets missing ones and skips the rest. `-` reads
    one text from stdin. You can interrupt it at any time; run it again to resume.
    """
    from simile.cli.parts.folder import chunking_of, find_index
    from simile.cli.parts.progress import shown, tell
    from simile.index import Index

    sizes = chunking_of(max_tokens, min_tokens, overlap_tokens, whole=whole)
    where = find_index(folder)
    with (
        Index(where, embedder=model, chunking=sizes, language=language) as index,
        shown() as progress,
    ):
        if "-" in paths:
            _require_alone(paths, dry_run=dry_run, globs=include + exclude)
            if default_acl:
                index.sync((), default_acl=default_acl)
            return _stdin(index, name, acl)
        report = index.sync(
            paths,
            acl=acl or None,
            default_acl=default_acl or None,
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
        raise InputError("- must be the only PATH; index files and stdin with separate commands")
    if dry_run or globs:
        raise InputError("--dry-run, --include and --exclude do not apply to -")


def _stdin(index: "Index", name: str, acl: tuple[str, ...]) -> int:
    from simile.cli.parts.progress import tell
    from simile.documents import load_stream
    from simile.documents.reading import LoadFailure
    from simile.errors import InputError

    readers = acl or index.default_acl()
    loaded = list(load_stream(sys.stdin.buffer, name=name, acl=readers))
    for failure in loaded:
        if isinstance(failure, LoadFailure):
            raise InputError(f"{failure.path}: {failure.reason}")
    return tell(index.add(part for part in loaded if not isinstance(part, LoadFailure)))


def _print(change: "Change") -> None:
    print(f"{change.sign} {change.id}")
