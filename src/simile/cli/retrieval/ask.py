"""`simile ask`: answer a question from the index's passages, with citations."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options
from simile.cli.parts.answer import print_answer
from simile.cli.parts.printing import print_json
from simile.cli.parts.stdin import read_argument

if TYPE_CHECKING:
    from simile.retrieval.ask import Answer


@click.command("ask")
@click.argument("question", metavar="QUESTION | -")
@options.chat
@options.index
@options.principals
@options.passages
@options.budget
@options.room
@click.option("--filter", "expression", metavar="EXPR", help="As for `simile search`.")
@click.option("--rerank", metavar="MODEL", help="As for `simile search`.")
@click.option(
    "--min-cosine",
    type=options.FINITE,
    help="Do not ask the model if no passage is at least this similar.  [default: 0.2]",
)
@click.option(
    "--template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the prompt, containing {passages} and {question}.",
)
@click.option("--show-prompt", is_flag=True, help="Print the prompt instead of sending it.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object once the answer is complete."
)
def command(
    question: str,
    chat: str | None,
    folder: Path | None,
    principals: tuple[str, ...],
    k: int,
    budget_tokens: int,
    room: int | None,
    expression: str | None,
    rerank: str | None,
    min_cosine: float | None,
    template: Path | None,
    *,
    show_prompt: bool,
    as_json: bool,
) -> int:
    """Answer QUESTION from the index.

    Only the passages and the question are sent, to the model that --chat names. `-` reads the
    question from stdin.
    """
    from simile.chat import Chat
    from simile.cli.parts.folder import open_index
    from simile.retrieval.ask import MIN_COSINE
    from simile.retrieval.prompt import DEFAULT_TEMPLATE, Template

    if chat is None and not show_prompt:
        raise click.UsageError("--chat is missing; for example --chat ollama/llama3.2")
    words = Template(question=_read(template)) if template else DEFAULT_TEMPLATE
    with open_index(folder) as index:
        answer = index.ask(
            read_argument(question),
            chat=Chat(chat, context_tokens=room) if chat and not show_prompt else None,
            k=k,
            budget_tokens=budget_tokens,
            principals=principals,
            filter=expression,
            rerank=rerank,
            min_cosine=MIN_COSINE if min_cosine is None else min_cosine,
            template=words,
        )
        if not answer.sources:
            print(
                "simile: no relevant passage in the index; the model was not asked",
                file=sys.stderr,
            )
            return 1
        if show_prompt:
            for message in answer.messages:
                print(f"--- {message.role}\n{message.content}\n")
            return 0
        return _print_json(answer) if as_json else print_answer(index, answer)


def _read(template: Path) -> str:
    from simile.errors import InputError

    try:
        return template.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise InputError(f"{template} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"{template} is not UTF-8: {exc.reason}") from exc


def _print_json(answer: "Answer") -> int:
    from dataclasses import asdict

    whole = False
    try:
        for _ in answer:
            pass
        whole = not answer.cut
    finally:
        if answer.text or whole:
            told = {
                "answer": answer.text,
                "complete": whole,
                "cited": [source.number for source in answer.citations.sources],
                "unknown": list(answer.citations.unknown),
                "sources": [asdict(source) for source in answer.sources],
            }
            print_json(told)
    return 0 if answer.text else 1
