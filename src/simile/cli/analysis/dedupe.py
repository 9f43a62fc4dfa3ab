"""`simile dedupe`: find near-duplicates; print which to keep and why the others may go."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options
from simile.cli.parts.console import print_bold
from simile.cli.parts.printing import json_line
from simile.texts import counted, shortened

if TYPE_CHECKING:
    from simile.analysis.dedupe import Group, NearDuplicates

_SHOWN_CHARS = 70


@click.command("dedupe")
@click.argument("source", required=False, metavar="FILE | FOLDER | - | SAVED.npz")
@options.index
@options.principals
@click.option(
    "--threshold", type=options.FINITE, help="Minimum cosine of near-duplicates.  [default: 0.92]"
)
@click.option(
    "--floor", type=options.FINITE, help="Lowest --threshold that --save supports.  [default: 0.85]"
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SAVED.npz",
    help="Save the result; pass it instead of FILE to try other thresholds.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write NDJSON to this file.",
)
@click.option("--all", "everything", is_flag=True, help="Also list texts without duplicates.")
@options.model
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines even on a terminal.")
def command(
    source: str | None,
    folder: Path | None,
    principals: tuple[str, ...],
    threshold: float | None,
    floor: float | None,
    save: Path | None,
    output: Path | None,
    model: str,
    *,
    everything: bool,
    as_json: bool,
) -> int:
    """Find near-duplicates and suggest which to keep.

    Suggests the longest text of a group, or the first of equally long ones. Deletes nothing. A text
    is a line of FILE, a row of a table with a `text` field, a file of FOLDER, or a visible chunk of
    an index (-i).
    """
    from simile.analysis.dedupe import FLOOR, THRESHOLD, require_cosine
    from simile.analysis.files import load_duplicates, save_duplicates

    level = THRESHOLD if threshold is None else threshold
    require_cosine(level)
    texts: Sequence[str] = ()
    if source is not None and source.endswith(".npz"):
        if folder is not None or floor is not None or save is not None:
            raise click.UsageError("--index, --floor and --save do not apply to SAVED.npz")
        found = load_duplicates(Path(source))
    else:
        if floor is not None and floor > level:
            raise click.UsageError(f"--floor {floor:g} is above --threshold {level:g}")
        lowest = min(level, FLOOR) if floor is None else floor
        found, texts = _find(source, folder, principals, lowest, model)
        if save is not None:
            save_duplicates(save, found)
    groups = found.groups(level)
    as_text = sys.stdout.isatty() and not as_json and output is None
    if as_text:
        _print_text(found, groups, texts)
    else:
        _write_json(found, groups, output, everything=everything)
    _tell(found, groups, level)
    return 0 if groups or (everything and found.count) else 1


def _find(
    source: str | None, folder: Path | None, principals: tuple[str, ...], floor: float, model: str
) -> "tuple[NearDuplicates, Sequence[str]]":
    from simile.analysis.dedupe import near_duplicates, require_cosine
    from simile.cli.parts.texts import bar, read_texts
    from simile.embedder import Embedder

    require_cosine(floor)
    given = read_texts(source, folder, principals)
    vectors = given.vectors
    if vectors is None:
        with Embedder(model) as embedder:
            vectors = given.embedded(embedder, role="similarity")
    with bar(1.0, "of all pairs") as shown:
        found = near_duplicates(
            vectors,
            given.texts,
            floor=floor,
            ids=given.ids,
            progress=lambda share: shown.update(share - shown.n),
        )
    return found, given.texts


def _lines(
    found: "NearDuplicates", groups: "list[Group]", *, everything: bool
) -> Iterator[dict[str, object]]:
    """Yield a line per group, with the rows that may go and why; in the order of the kept rows."""
    by_keep = {group.keep: group for group in groups}
    dropped = {one.row for group in groups for one in group.drop}
    rows = range(found.count) if everything else sorted(by_keep)
    for row in rows:
        if row in dropped:
            continue
        drop = by_keep[row].drop if row in by_keep else ()
        yield {
            "keep": found.ids[row],
            "drop": [
                {"id": found.ids[one.row], "reason": one.reason, "cosine": round(one.cosine, 6)}
                | ({"via": found.ids[one.via]} if one.reason == "chain" else {})
                for one in drop
            ],
        }


def _write_json(
    found: "NearDuplicates", groups: "list[Group]", output: Path | None, *, everything: bool
) -> None:
    from simile.output_file import writing

    lines = (json_line(line) for line in _lines(found, groups, everything=everything))
    if output is None:
        sys.stdout.buffer.writelines(lines)
        return
    with writing(output) as aside, aside.open("wb") as file:
        file.writelines(lines)


def _print_text(found: "NearDuplicates", groups: "list[Group]", texts: Sequence[str]) -> None:
    def shown(row: int) -> str:
        text = " ".join(texts[row].split()) if texts else ""
        return shortened(text, _SHOWN_CHARS)

    for group in groups:
        print("keep", end="          ")
        print_bold(found.ids[group.keep])
        print(f"  {shown(group.keep)}")
        for one in group.drop:
            print(f"  {one.reason:5} {one.cosine:.3f} {found.ids[one.row]}  {shown(one.row)}")
        print()


def _tell(found: "NearDuplicates", groups: "list[Group]", threshold: float) -> None:
    drop = sum(len(group.drop) for group in groups)
    line = f"{counted(found.count, 'text')}: keep {found.count - drop:,}, drop {drop:,} in "
    line += f"{counted(len(groups), 'group')} at threshold {threshold:g}"
    if found.sample is not None:
        recall = found.recall(threshold)
        line += f"; approximate search, recall {recall:.3f} on the pairs of 200 sampled texts"
    print(f"simile: {line}", file=sys.stderr)
