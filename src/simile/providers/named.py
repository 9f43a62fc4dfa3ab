"""Turn `PROVIDER/NAME` into the client of a provider; each is imported when it is named.

A new provider needs a line in each of the two tables.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simile.config import Settings
from simile.errors import InputError
from simile.protocols import EmbeddingEngine

if TYPE_CHECKING:
    from simile.providers.remote_chat import RemoteChat


def provider_of(model: str) -> str | None:
    """Return the provider that a model's name begins with; None for a model of this machine."""
    provider, slash, _ = model.partition("/")
    return provider if slash and provider in _EMBEDDERS else None


def open_embedder(model: str, settings: Settings) -> EmbeddingEngine:
    """Open an embedding model by name. Raises ConfigError if a setting is missing."""
    provider, _, name = model.partition("/")
    return _EMBEDDERS[provider](name, settings)


def open_chat(model: str, settings: Settings, context_tokens: int | None) -> "RemoteChat":
    """Open a chat model by name. Raises InputError for another name, ConfigError for settings."""
    provider, slash, name = model.partition("/")
    if not slash or provider not in _CHATS:
        raise InputError(
            f"{model!r} is not a chat model; expected ollama/NAME or openai/NAME, for example"
            " ollama/llama3.2"
        )
    return _CHATS[provider](name, settings, context_tokens)


def _ollama_embedder(name: str, settings: Settings) -> EmbeddingEngine:
    from simile.providers.ollama import OllamaEmbedder

    return OllamaEmbedder(name, host=settings.ollama_url)


def _openai_embedder(name: str, settings: Settings) -> EmbeddingEngine:
    from simile.providers.openai import OpenAIEmbedder

    return OpenAIEmbedder(name, base_url=settings.openai_url, api_key=settings.openai_api_key)


def _ollama_chat(name: str, settings: Settings, context_tokens: int | None) -> "RemoteChat":
    from simile.providers.ollama_chat import OllamaChat

    return OllamaChat(name, host=settings.ollama_url, context_tokens=context_tokens)


def _openai_chat(name: str, settings: Settings, context_tokens: int | None) -> "RemoteChat":
    from simile.providers.openai_chat import OpenAIChat

    return OpenAIChat(name, base_url=settings.openai_url, api_key=settings.openai_api_key)


_EMBEDDERS: dict[str, Callable[[str, Settings], EmbeddingEngine]] = {
    "ollama": _ollama_embedder,
    "openai": _openai_embedder,
}
_CHATS: dict[str, Callable[[str, Settings, int | None], "RemoteChat"]] = {
    "ollama": _ollama_chat,
    "openai": _openai_chat,
}
