"""`simile chat`: a conversation whose questions are answered from the index."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simile.cli.parts import options

if TYPE_CHECKING:
    from simile.index import Index
    from simile.protocols import ChatModel
    from simile.retrieval.ask import Answer
    from simile.types import Message


@click.command("chat")
@options.chat
@options.index
@options.principals
@options.passages
@options.budget
@options.room
def command(
    chat: str | None,
    folder: Path | None,
    principals: tuple[str, ...],
    k: int,
    budget_tokens: int,
    room: int | None,
) -> int:
    """Answer questions line by line, as a conversation.

    Follow-up questions may refer to earlier ones. Ctrl-D ends the conversation.
    """
    from simile.chat import Chat
    from simile.cli.parts.folder import open_index
    from simile.errors import RemoteEngineError, TextTooLongError

    if chat is None:
        raise click.UsageError("--chat is missing; for example --chat ollama/llama3.2")
    history: list[Message] = []
    code = 0
    with open_index(folder) as index, Chat(chat, context_tokens=room) as model:
        ask = partial(index.ask, chat=model, k=k, budget_tokens=budget_tokens)
        while (question := _next_question()) is not None:
            try:
                alone = _alone(history, question, model)
                _answer(index, ask(alone, principals=principals), question, history)
            except (RemoteEngineError, TextTooLongError) as exc:  # The next question may succeed.
                print(f"simile: {exc}", file=sys.stderr)
                code = 2
    return code


def _alone(history: Sequence["Message"], question: str, model: "ChatModel") -> str:
    from simile.retrieval.ask import condense

    alone = condense(history, question, model)
    if alone != question:
        print(f"simile: searching for: {alone}", file=sys.stderr)
    return alone


def _answer(index: "Index", answer: "Answer", question: str, history: list["Message"]) -> None:
    """Print the answer and add it to the history."""
    from simile.cli.parts.answer import print_answer
    from simile.types import Message

    if not answer.sources:
        print("simile: no relevant passage in the index", file=sys.stderr)
        return
    try:
        print_answer(index, answer)
    finally:
        if answer.text:
            history += [Message("user", question), Message("assistant", answer.text)]
            del history[:-_REMEMBERED]


_REMEMBERED = 8
"""Messages of history used to interpret a follow-up question."""


def _next_question() -> str | None:
    """Read the next non-empty line; None at the end."""
    while True:
        if sys.stdin.isatty():
            print("> ", end="", flush=True, file=sys.stderr)
        line = sys.stdin.buffer.readline().decode(errors="replace")
        if not line:
            return None
        if line.strip():
            return line.strip()
