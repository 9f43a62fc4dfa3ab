"""The options that several verbs share, each defined once."""

from collections.abc import Callable
from pathlib import Path

import click

from simile.config import DEFAULT_MODEL

model = click.option(
    "--model",
    "-m",
    default=DEFAULT_MODEL,
    show_default=True,
    help="A name (all-minilm), hf.co/ORG/REPO, a ./folder, ollama/NAME or openai/NAME.",
)
precision = click.option(
    "--precision",
    type=click.Choice(["auto", "f32", "bf16", "int8"]),
    default="auto",
    show_default=True,
    help="Arithmetic; auto is bf16 where the CPU has it, and f32 for a lone short text.",
)
index = click.option(
    "--index",
    "-i",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The index; by default .simile, here or in the nearest folder above.",
)
principals = click.option(
    "--as",
    "principals",
    multiple=True,
    metavar="PRINCIPAL",
    help="Read as user:alice, group:eng, …; without any, only what is public.",
)
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Another one, another chance.",
)
_CHUNKING = (
    click.option("--max-tokens", type=click.IntRange(1), help="Longest chunk.  [default: 400]"),
    click.option("--min-tokens", type=click.IntRange(0), help="Join shorter ones.  [default: 64]"),
    click.option(
        "--overlap-tokens", type=click.IntRange(0), help="Said twice at cuts.  [default: 0]"
    ),
    click.option("--whole", is_flag=True, help="Do not cut: each document is one chunk."),
)


def chunking(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say how documents are cut; an index keeps what it was made with."""
    for option in reversed(_CHUNKING):
        command = option(command)
    return command


chat = click.option(
    "--chat",
    metavar="MODEL",
    help="The chat model: ollama/NAME or openai/NAME (any server of that interface).",
)
passages = click.option("-k", default=8, show_default=True, help="Passages to look for.")
budget = click.option(
    "--budget-tokens",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Of all passages together; the rest is left out.",
)
room = click.option(
    "--context-tokens",
    "room",
    type=click.IntRange(1),
    help="Ollama's room for conversation and answer.  [default: its own, often 4096]",
)
