"""`simile reindex`: rebuild all vectors of an index beside the old ones."""

from pathlib import Path

import click

from simile.cli.parts import options


@click.command("reindex")
@options.index
@click.option("--model", "-m", help="New model.  [default: the index's own]")
@options.chunking
def command(
    folder: Path | None,
    model: str | None,
    *,
    max_tokens: int | None,
    min_tokens: int | None,
    overlap_tokens: int | None,
    whole: bool,
) -> int:
    """Cut and embed all documents again.

    Use it to change the model or the chunk sizes. Searches use the old vectors until the new ones
    are complete.
    """
    from simile.cli.parts.folder import chunking_of, find_index
    from simile.cli.parts.progress import shown, tell
    from simile.index import Index

    sizes = chunking_of(max_tokens, min_tokens, overlap_tokens, whole=whole)
    with Index(find_index(folder), embedder=model, chunking=sizes) as index:
        with shown("documents") as progress:
            report = index.reindex(progress=progress)
    return tell(report)
