"""The face that people import: an embedding model by name.

Chooses the implementation; holds no logic of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from simile.config import read_settings
from simile.errors import InputError
from simile.protocols import EmbeddingEngine
from simile.providers.named import open_embedder, provider_of
from simile.types import Embeddings, EmbedResult, Precision, Role

if TYPE_CHECKING:
    from simile.models.local_model import LocalModel


class Embedder:
    """A model that turns texts into vectors; safe to use from any thread and from asyncio."""

    def __init__(
        self,
        model: str,
        *,
        precision: Precision = "auto",
        dimensions: int | None = None,
        strict: bool = False,
    ) -> None:
        """Load a model by name (`all-minilm`, `hf.co/ORG/REPO`) or path (`./folder`).

        With `dimensions`, vectors are cut to so many numbers and brought to length 1 again.
        InputError if that is not from 1 to the model's width, or if the model is elsewhere; where
        strict, also for a width that the model is not known to be trained for.

        A known model that is not here yet is pulled first, which is announced on stderr. Raises
        ModelNameError, DownloadError, CheckpointError, UnsupportedModelError or EngineError.
        `ollama/NAME` and `openai/NAME` are providers: see docs/models.md; they choose their
        own precision, are asked nothing yet, and raise ConfigError where a setting is missing.
        """
        self._engine: EmbeddingEngine
        if provider_of(model):
            if dimensions is not None:
                raise InputError(f"dimensions is for models of this machine, not for {model}")
            self._engine = open_embedder(model, read_settings())
        else:
            from simile.engine.embedder import LocalEmbedder

            self._engine = LocalEmbedder(
                find_local(model), precision=precision, dimensions=dimensions, strict=strict
            )
        self.name = model

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._engine.dim

    @property
    def max_tokens(self) -> int:
        """Longest text that is read whole, in tokens, special tokens included."""
        return self._engine.max_tokens

    @property
    def fingerprint(self) -> str:
        """Equal for equal vectors: model digest, pooling, prompts, precision family, width."""
        return self._engine.fingerprint

    def embed(self, texts: Sequence[str], *, role: Role, truncate: bool = True) -> Embeddings:
        """Embed texts; float32 (n, dim) in their order. Blocks until done.

        Raises InputError for what is no text, TextTooLongError if a text is longer than
        max_tokens and truncate is False, EngineError if the computation failed; a provider
        also RemoteEngineError, ModelNotFoundError, and NotFiniteError, which holds the vectors.
        """
        return self._engine.embed(texts, role=role, truncate=truncate)

    def embed_counted(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> EmbedResult:
        """Embed texts, and say how many tokens of each were read and which were cut.

        A provider does not tell: see EmbedResult.
        """
        return self._engine.embed_counted(texts, role=role, truncate=truncate)

    async def embed_async(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> Embeddings:
        """Embed texts without blocking the event loop; cancelling it drops the work."""
        return await self._engine.embed_async(texts, role=role, truncate=truncate)

    def embed_stream(self, texts: Iterable[str], *, role: Role) -> Iterator[Embeddings]:
        """Embed any number of texts in bounded memory; yields float32 (some, dim), in order."""
        return self._engine.embed_stream(texts, role=role)

    def embed_stream_counted(self, texts: Iterable[str], *, role: Role) -> Iterator[EmbedResult]:
        """As embed_stream, with the counts of each text."""
        return self._engine.embed_stream_counted(texts, role=role)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Count the tokens of each whole text, uncut and without special tokens; int32 (n,).

        Exact for a local model; for a provider an estimate on the safe side, a third of
        the text's bytes. Raises InputError for what is no text.
        """
        return self._engine.count_tokens(texts)

    @property
    def special_tokens(self) -> int:
        """Tokens that are added to each text; count_tokens and this must not exceed max_tokens."""
        return self._engine.special_tokens

    def close(self) -> None:
        """Free the model; also done when the object is forgotten, or at the end of a `with`."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def find_local(model: str) -> "LocalModel":
    """Find a model on this machine, pulling a known one that is not here yet."""
    from simile.hub.hub import Hub
    from simile.pull_progress import find_or_pull

    settings = read_settings()
    hub = Hub(
        settings.home,
        settings.model_folders,
        ollama_models=settings.ollama_models,
        registry=settings.registry,
    )
    return find_or_pull(hub, model)
