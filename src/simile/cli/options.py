"""The options that several verbs share, each defined once."""

import click

from simile.config import DEFAULT_MODEL

model = click.option(
    "--model",
    "-m",
    default=DEFAULT_MODEL,
    show_default=True,
    help="A name (all-minilm), hf.co/ORG/REPO, or a ./folder.",
)
precision = click.option(
    "--precision",
    type=click.Choice(["auto", "f32", "bf16"]),
    default="auto",
    show_default=True,
    help="Arithmetic; auto is bf16 where the CPU has it, and f32 for a lone short text.",
)
