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
        """Load a model; a known model that is not here yet is pulled first, announced on stderr.

        Args:
            model: A name (`all-minilm`, `hf.co/ORG/REPO`), a path (`./folder`, `./file.gguf`), or a
                model of a provider (`ollama/NAME`, `openai/NAME`), which is not contacted yet.
            precision: Arithmetic of a local model; `auto` is bf16 where the CPU has it.
            dimensions: Cut vectors to this width and scale them to length 1 again.
            strict: Reject dimensions that the model is not known to be trained for.

        Raises:
            InputError: `dimensions` is invalid, or set for a provider.
            ConfigError: A provider's setting is missing.
            ModelNameError, DownloadError, CheckpointError, UnsupportedModelError, EngineError: The
                model cannot be named, fetched, read, built or compiled.
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
        """Embed texts. Blocks until done.

        Args:
            texts: A list of strings.
            role: What the texts are, so that the model's prompt is never forgotten.
            truncate: Cut texts that are longer than max_tokens; otherwise they are errors.

        Returns:
            float32 (n, dim), in the order of the texts.

        Raises:
            InputError: An item is not a string, or the role is unknown.
            TextTooLongError: A text is too long and truncate is False.
            EngineError: The computation failed.
            RemoteEngineError, ModelNotFoundError, NotFiniteError: From a provider; the last one
                holds the vectors.
        """
        return self._engine.embed(texts, role=role, truncate=truncate)

    def embed_counted(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> EmbedResult:
        """Embed texts as `embed` does, and report the tokens read of each and which were cut.

        Providers report neither; see EmbedResult.
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
        """Embed a stream as `embed_stream` does, with the counts of each text."""
        return self._engine.embed_stream_counted(texts, role=role)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Count the tokens of each whole text, uncut and without special tokens; int32 (n,).

        Exact for a local model; for a provider a safe estimate, a third of the text's bytes. Raises
        InputError if an item is not a string.
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
