"""`simile suggest-threshold`: find the cosine that best separates judged duplicates."""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from simile.cli.parts import options
from simile.cli.parts.printing import print_json
from simile.errors import InputError

_YES = {"1", "true", "yes", "duplicate", "same"}
_NO = {"0", "false", "no", "different"}


@click.command("suggest-threshold")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--cut", type=options.FINITE, help="Labels are scores; duplicates have at least this."
)
@options.model
@click.option("--json", "as_json", is_flag=True, help="Print JSON even on a terminal.")
def command(file: Path, cut: float | None, model: str, *, as_json: bool) -> None:
    """Find a threshold for `simile dedupe` from judged pairs.

    FILE has one pair per line: text, tab, text, tab, 1 or 0; or {"a": …, "b": …, "label": true}.
    With --cut the label is a number, as in STS-B (0 to 5), and may come first.
    """
    from simile.analysis.suggest import suggest_threshold
    from simile.analysis.unit_rows import unit_rows
    from simile.cli.parts.texts import embed_shown
    from simile.embedder import Embedder

    pairs = list(_pairs(file, cut))
    if not pairs:
        raise InputError(f"{file} has no pairs")
    places = {text: row for row, text in enumerate(dict.fromkeys(t for p in pairs for t in p[:2]))}
    with Embedder(model) as embedder:
        unit = unit_rows(embed_shown(embedder, list(places), role="similarity"))
    first = unit[[places[one] for one, _, _ in pairs]].astype(np.float64)
    second = unit[[places[other] for _, other, _ in pairs]].astype(np.float64)
    found = suggest_threshold(np.einsum("ij,ij->i", first, second), [same for *_, same in pairs])
    if as_json or not sys.stdout.isatty():
        print_json(found)
        return
    low, high = found.interval
    print(f"--threshold {found.threshold:.3f}   (95% of resamples: {low:.3f} to {high:.3f})")
    print(f"F1 {found.f1:.3f}, precision {found.precision:.3f}, recall {found.recall:.3f}")
    print(f"on {found.pairs:,} pairs, {found.duplicates:,} of them duplicates")


def _pairs(file: Path, cut: float | None) -> Iterator[tuple[str, str, bool]]:
    lines = file.read_text("utf-8-sig", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = _fields(line)
        same = None if fields is None else _same(fields[2], cut)
        if fields is None or same is None:
            if number == 1 and not line.lstrip().startswith("{"):
                continue  # A header.
            wanted = "text, tab, text, tab, label" if cut is not None else "… label (1 or 0)"
            raise InputError(f"line {number} of {file} is {line!r:.80}; expected {wanted}")
        yield fields[0], fields[1], same


def _fields(line: str) -> tuple[str, str, Any] | None:
    if line.lstrip().startswith("{"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        one, other, label = row.get("a"), row.get("b"), row.get("label")
        return (one, other, label) if isinstance(one, str) and isinstance(other, str) else None
    parts = line.split("\t")
    if len(parts) != 3:
        return None
    if _number(parts[0]) is not None and _number(parts[2]) is None:
        parts = [*parts[1:], parts[0]]
    return parts[0], parts[1], parts[2]


def _same(label: object, cut: float | None) -> bool | None:
    if cut is not None:
        number = _number(label)
        return None if number is None else number >= cut
    if isinstance(label, bool):
        return label
    word = str(label).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _number(label: object) -> float | None:
    try:
        number = float(str(label))
    except ValueError:
        return None
    return None if math.isnan(number) else number
