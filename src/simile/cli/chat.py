"""`simile chat`: questions that follow one another, each answered from the index."""

import sys
from pathlib import Path

import click

from simile.cli import options


@click.command("chat")
@options.chat
@options.index
@options.principals
@options.passages
@options.budget
def command(
    chat: str | None, folder: Path | None, principals: tuple[str, ...], k: int, budget_tokens: int
) -> int:
    """Read questions line by line, and answer each; what came before counts. Ctrl-D ends it."""
    from simile.chat import Chat
    from simile.cli.ask import print_answer
    from simile.cli.folder import open_index
    from simile.retrieval.ask import condense
    from simile.types import Message

    if chat is None:
        raise click.UsageError("--chat names no model; for example --chat ollama/llama3.2")
    history: list[Message] = []
    with open_index(folder) as index, Chat(chat) as model:
        while (question := _next_question()) is not None:
            alone = condense(history, question, model)
            if alone != question:
                print(f"simile: looking for: {alone}", file=sys.stderr)
            answer = index.ask(
                alone, chat=model, k=k, budget_tokens=budget_tokens, principals=principals
            )
            if not answer.sources:
                print("simile: nothing in the index has to do with this", file=sys.stderr)
                continue
            print_answer(index, answer)
            history += [Message("user", question), Message("assistant", answer.text)]
            del history[:-_REMEMBERED]
    return 0


_REMEMBERED = 8
"""Messages that a follow-up question is understood by."""


def _next_question() -> str | None:
    """The next line that is not empty; None at the end."""
    while True:
        if sys.stdin.isatty():
            print("> ", end="", flush=True, file=sys.stderr)
        line = sys.stdin.readline()
        if not line:
            return None
        if line.strip():
            return line.strip()
