"""The face that people import: a chat model by name.

Chooses the implementation; holds no logic of its own.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from simile.config import read_settings
from simile.providers.named import open_chat
from simile.types import Message

if TYPE_CHECKING:
    from simile.providers.remote_chat import ReplyStream


class Chat:
    """A model elsewhere that answers conversations; safe to use from any thread."""

    def __init__(self, model: str, *, context_tokens: int | None = None) -> None:
        """Choose a model by name, `ollama/NAME` or `openai/NAME`; nothing is asked yet.

        context_tokens is the room that Ollama makes for conversation and answer together, by
        default often 4,096; what speaks as OpenAI has its own, and is not told. Raises InputError
        for another name, and ConfigError where a setting is missing.
        """
        self._engine = open_chat(model, read_settings(), context_tokens)

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self._engine.name

    def stream(self, messages: Sequence[Message]) -> "ReplyStream":
        """Return the answer in parts, as they come; `.end_reason` is "length" if it was cut.

        Blocks between them. Raises InputError for what is no conversation, TextTooLongError for one
        that the engine finds too long, ModelNotFoundError, RemoteEngineError if there is no answer
        and, after the parts that came, BrokenAnswerError if it is incomplete. Closing the answer
        before its end closes its connection.
        """
        return self._engine.stream(messages)

    def close(self) -> None:
        """Close the connections; also done at the end of a `with`."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
