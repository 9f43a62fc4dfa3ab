"""Options that several verbs share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from simile.config import DEFAULT_MODEL


class Finite(click.ParamType[float]):
    """A number that is neither NaN nor infinite: those pass every comparison, or none."""

    name = "float"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; a usage error for anything else."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


FINITE = Finite()
model = click.option(
    "--model",
    "-m",
    default=DEFAULT_MODEL,
    show_default=True,
    help="Model: a name (all-minilm), hf.co/ORG/REPO, ./FOLDER, ollama/NAME or openai/NAME.",
)
precision = click.option(
    "--precision",
    type=click.Choice(["auto", "f32", "bf16", "int8"]),
    default="auto",
    show_default=True,
    help="Arithmetic; auto is bf16 if the CPU supports it, but f32 for a single short text.",
)
index = click.option(
    "--index",
    "-i",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Index folder.  [default: .simile in this folder or the nearest parent]",
)
principals = click.option(
    "--as",
    "principals",
    multiple=True,
    metavar="PRINCIPAL",
    help="Read as user:alice, group:eng, …; without it, only public documents.",
)
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Random seed; change it to get a different result.",
)
_CHUNKING = (
    click.option("--max-tokens", type=click.IntRange(1), help="Longest chunk.  [default: 400]"),
    click.option(
        "--min-tokens", type=click.IntRange(0), help="Merge shorter chunks.  [default: 64]"
    ),
    click.option(
        "--overlap-tokens",
        type=click.IntRange(0),
        help="Overlap of neighboring chunks.  [default: 0]",
    ),
    click.option("--whole", is_flag=True, help="Keep each document whole, as one chunk."),
)


def chunking(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options for cutting documents; an index keeps those that it was created with."""
    for option in reversed(_CHUNKING):
        command = option(command)
    return command


chat = click.option(
    "--chat",
    metavar="MODEL",
    help="Chat model: ollama/NAME or openai/NAME (any server with that API).",
)
passages = click.option("-k", default=8, show_default=True, help="Number of passages.")
budget = click.option(
    "--budget-tokens",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Limit for all passages together; the rest is left out.",
)
room = click.option(
    "--context-tokens",
    "room",
    type=click.IntRange(1),
    help="Context length for Ollama (num_ctx).  [default: Ollama's own, often 4096]",
)
