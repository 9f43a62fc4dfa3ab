"""`simile rerank`: order texts by how well they answer a query, with scores."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simile.cli.parts import options
from simile.cli.parts.console import print_bold
from simile.cli.parts.printing import print_json
from simile.cli.parts.stdin import read_whole
from simile.errors import InputError
from simile.texts import shortened
from simile.types import Precision

if TYPE_CHECKING:
    from simile.types import Ranked

_SHOWN_CHARS = 200


@click.command("rerank")
@click.argument("query")
@click.option(
    "--documents",
    "-d",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE | -",
    help='One text per line, or JSON: strings or {"text": …}, in an array or one per line.',
)
@options.model
@click.option("-k", type=click.IntRange(1), help="Number of texts to print.  [default: all]")
@click.option("--raw-scores", is_flag=True, help="Print the model's raw logits.")
@click.option("--instruction", help="Task description, for Qwen3-Reranker.")
@options.precision
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines even on a terminal.")
def command(
    query: str,
    documents: Path,
    model: str,
    k: int | None,
    instruction: str | None,
    precision: Precision,
    *,
    raw_scores: bool,
    as_json: bool,
) -> int:
    """Order texts by how well they answer QUERY.

    Reads the texts from --documents, where `-` is stdin.
    """
    import numpy as np

    from simile.cli.parts.output import require_finite
    from simile.reranker import Reranker

    is_stdin = str(documents) == "-"
    texts = _read(read_whole() if is_stdin else documents.read_bytes())
    if not texts:
        print("simile: no texts to rank", file=sys.stderr)
        return 1
    with Reranker(model, precision=precision) as reranker:
        ranked = reranker.rank(
            query, texts, top_k=k, raw_scores=raw_scores, instruction=instruction
        )
    require_finite(np.array([one.score for one in ranked]), model)
    if as_json or not sys.stdout.isatty():
        _print_json(ranked, texts)
    else:
        _print_text(ranked, texts)
    return 0


def _read(content: bytes) -> list[str]:
    """Parse texts as JSON if all of the content is JSON, else as lines."""
    whole = content.decode("utf-8-sig", "replace")
    if whole.lstrip().startswith("["):
        listed = _parse(whole)
        if isinstance(listed, list):
            return [_text(item, place) for place, item in enumerate(listed)]
    lines = [line.removesuffix("\r") for line in whole.removesuffix("\n").split("\n")]
    values = [_parse(line) for line in lines if line.strip()]
    if values and all(_is_text(value) for value in values):
        return [_text(value, place) for place, value in enumerate(values)]
    return lines if whole else []


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str | dict)


def _text(value: Any, place: int) -> str:
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise InputError(f'document {place} is {value!r:.80}; expected a string or {{"text": …}}')
    return text


def _print_json(ranked: "list[Ranked]", texts: list[str]) -> None:
    for one in ranked:
        line = {
            "index": one.index,
            "score": one.score,
            "text": texts[one.index],
            "model": one.model,
        }
        print_json(line)


def _print_text(ranked: "list[Ranked]", texts: list[str]) -> None:
    for one in ranked:
        text = " ".join(texts[one.index].split())
        shown = shortened(text, _SHOWN_CHARS)
        print(f"{one.score:8.4f}", end="  ")
        print_bold(str(one.index))
        print(f"  {shown}")
