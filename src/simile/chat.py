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
    """A chat model of a provider; safe to use from any thread."""

    def __init__(self, model: str, *, context_tokens: int | None = None) -> None:
        """Choose a model; the provider is not contacted yet.

        Args:
            model: `ollama/NAME` or `openai/NAME`.
            context_tokens: Ollama's room for conversation and answer together, by default often
                4,096. Servers of OpenAI's interface have their own.

        Raises:
            InputError: The name is of another form.
            ConfigError: A setting is missing.
        """
        self._engine = open_chat(model, read_settings(), context_tokens)

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self._engine.name

    def stream(self, messages: Sequence[Message]) -> "ReplyStream":
        """Stream the answer to a conversation. Blocks between the parts.

        Args:
            messages: The conversation, the last question at its end.

        Returns:
            An iterator of parts. `.end_reason` is "length" if the answer was cut. Closing it early
            closes the connection.

        Raises:
            InputError, TextTooLongError: The conversation is invalid, or too long for the model.
            ModelNotFoundError, RemoteEngineError: There is no answer.
            BrokenAnswerError: The answer broke off after some parts.
        """
        return self._engine.stream(messages)

    def close(self) -> None:
        """Close the connections; also done at the end of a `with`."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
