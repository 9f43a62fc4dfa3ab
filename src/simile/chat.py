"""The face that people import: a chat model by name.

Chooses the implementation; holds no logic of its own.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from simile.config import Settings, read_settings
from simile.errors import InputError
from simile.types import Message

if TYPE_CHECKING:
    from simile.providers.remote_chat import Answer, RemoteChat


class Chat:
    """A model elsewhere that answers conversations; safe to use from any thread."""

    def __init__(self, model: str, *, context_tokens: int | None = None) -> None:
        """Choose a model by name, `ollama/NAME` or `openai/NAME`; nothing is asked yet.

        context_tokens is the room that Ollama makes for conversation and answer together, by
        default often 4,096; what speaks as OpenAI has its own, and is not told. Raises InputError
        for another name, and ConfigError where a setting is missing.
        """
        provider, slash, name = model.partition("/")
        engine = _ELSEWHERE.get(provider) if slash else None
        if engine is None:
            raise InputError(
                f"{model!r} is no chat model; expected ollama/NAME or openai/NAME, for example"
                " ollama/llama3.2"
            )
        self._engine = engine(name, read_settings(), context_tokens)

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self._engine.name

    def stream(self, messages: Sequence[Message]) -> "Answer":
        """Give the answer in parts, as they come; `.end_reason` is "length" if it was cut.

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _ollama(name: str, settings: Settings, context_tokens: int | None) -> "RemoteChat":
    from simile.providers.ollama_chat import OllamaChat

    return OllamaChat(name, host=settings.ollama_url, context_tokens=context_tokens)


def _openai(name: str, settings: Settings, context_tokens: int | None) -> "RemoteChat":
    from simile.providers.openai_chat import OpenAIChat

    return OpenAIChat(name, base_url=settings.openai_url, api_key=settings.openai_api_key)


_ELSEWHERE: dict[str, Callable[[str, Settings, int | None], "RemoteChat"]] = {
    "ollama": _ollama,
    "openai": _openai,
}
