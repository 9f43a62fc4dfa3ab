"""Stream an answer to the terminal, then list the passages that it cites."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simile.index import Index
    from simile.retrieval.ask import Answer
    from simile.retrieval.prompt import CitedPassage


def print_answer(index: "Index", answer: "Answer") -> int:
    """Stream the answer to stdout, then its sources, even after an error; return the exit code."""
    try:
        for part in answer:
            print(part, end="", flush=True)
    finally:
        if answer.text:
            print("\n", flush=True)
            _print_sources(index, answer)
    if not answer.text:
        print("simile: the model returned an empty answer", file=sys.stderr)
    return 0 if answer.text else 1


def _print_sources(index: "Index", answer: "Answer") -> None:
    citations = answer.citations
    if answer.cut:
        print("simile: the answer was cut off at the model's length limit", file=sys.stderr)
    for number in citations.unknown:
        print(
            f"simile: the answer cites [{number}], but no passage has that number", file=sys.stderr
        )
    if not citations.sources:
        print("simile: the answer cites no passages; the model was given these:", file=sys.stderr)
    for source in citations.sources or answer.sources:
        print(f"[{source.number}] {_place(index, source)}")


def _place(index: "Index", source: "CitedPassage") -> str:
    from simile.cli.parts.folder import shown_path

    page = f", page {source.page}" if source.page is not None else ""
    first, last = source.lines
    lines = f"{first}" if first == last else f"{first}-{last}"
    return f"{shown_path(index, source.document_id)}:{lines}{page}"
