"""`simile search`: print hits as `path:line` on a terminal, as JSON lines otherwise."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from simile.cli.parts import options
from simile.cli.parts.console import print_bold
from simile.cli.parts.printing import print_json, shown
from simile.cli.parts.stdin import read_argument

if TYPE_CHECKING:
    from simile.index import Index
    from simile.types import Hit

_SHOWN_LINES = 4


@click.command("search")
@click.argument("query", metavar="QUERY | -")
@options.index
@click.option("-k", default=10, show_default=True, help="Number of hits.")
@options.principals
@click.option(
    "--filter",
    "expression",
    metavar="EXPR",
    help="Metadata filter: \"year >= 2020 and lang = 'en'\".",
)
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "lexical"]),
    default="hybrid",
    show_default=True,
)
@click.option(
    "--alpha",
    type=options.FINITE,
    help="Weight of the dense arm, 0 to 1.  [default: 0.6, or as set by `simile tune`]",
)
@click.option("--fusion", type=click.Choice(["convex", "rrf"]), default="convex", show_default=True)
@click.option("--rerank", metavar="MODEL", help="Rerank the candidates with this model.")
@click.option("--per-document", type=int, metavar="N", help="At most N hits per document.")
@click.option(
    "--collapse",
    type=options.FINITE,
    metavar="COSINE",
    help="Drop hits at least this similar to a better one; 0.95 drops near-duplicates.",
)
@click.option("--context", default=0, metavar="N", help="Show N neighboring chunks on each side.")
@click.option("--explain", is_flag=True, help="Explain each hit's rank.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines even on a terminal.")
def command(
    query: str,
    folder: Path | None,
    k: int,
    principals: tuple[str, ...],
    expression: str | None,
    mode: Literal["hybrid", "dense", "lexical"],
    alpha: float | None,
    fusion: Literal["convex", "rrf"],
    rerank: str | None,
    per_document: int | None,
    collapse: float | None,
    context: int,
    *,
    explain: bool,
    as_json: bool,
) -> int:
    """Find the chunks that answer QUERY, best first.

    `-` reads the query from stdin.
    """
    from simile.cli.parts.folder import open_index

    with open_index(folder) as index:
        hits = index.search(
            read_argument(query),
            k=k,
            mode=mode,
            principals=principals,
            filter=expression,
            alpha=alpha,
            fusion=fusion,
            rerank=rerank,
            per_document=per_document,
            collapse=collapse,
            context=context,
            explain=explain,
        )
        if as_json or not sys.stdout.isatty():
            _print_json(hits)
        else:
            _print_text(index, hits)
    if not hits:
        print("simile: nothing found", file=sys.stderr)
    return 0 if hits else 1


def _print_json(hits: list["Hit"]) -> None:
    for hit in hits:
        print_json(hit)


def _print_text(index: "Index", hits: list["Hit"]) -> None:
    from simile.cli.parts.folder import shown_path

    for hit in hits:
        print_bold(f"{shown_path(index, hit.document_id)}:{hit.lines[0]}")
        page = f"  page {hit.page}" if hit.page is not None else ""
        print(f"  {hit.score:.3f}{page}  {' > '.join(hit.headings)}".rstrip())
        lines = (hit.context or hit).text.splitlines()
        excerpt = lines if hit.context else lines[:_SHOWN_LINES]
        print("\n".join(f"    {line}" for line in excerpt if line.strip()))
        if hit.explanation:
            print(f"    {shown(hit.explanation)}")
        print()
