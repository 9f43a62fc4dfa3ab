"""The face that people import: an embedding model by name.

Chooses the implementation; holds no logic of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from simile.config import read_settings
from simile.types import Embeddings, EmbedResult, Precision, Role


class Embedder:
    """A model that turns texts into vectors; safe to use from any thread and from asyncio."""

    def __init__(self, model: str, *, precision: Precision = "auto") -> None:
        """Load a model by name (`all-minilm`, `hf.co/ORG/REPO`) or path (`./folder`).

        A known model that is not here yet is pulled first, which is announced on stderr. Raises
        ModelNameError, DownloadError, CheckpointError, UnsupportedModelError or EngineError.
        """
        from simile.engine.embedder import LocalEmbedder
        from simile.models.hub import Hub
        from simile.models.progress import find_or_pull

        settings = read_settings()
        hub = Hub(settings.home, settings.model_folders)
        self._local = LocalEmbedder(find_or_pull(hub, model), precision=precision)
        self.name = model

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._local.dim

    @property
    def max_tokens(self) -> int:
        """Longest text that is read whole, in tokens, special tokens included."""
        return self._local.max_tokens

    @property
    def fingerprint(self) -> str:
        """Equal for equal vectors: model digest, pooling, prompts, precision family, width."""
        return self._local.fingerprint

    def embed(self, texts: Sequence[str], *, role: Role, truncate: bool = True) -> Embeddings:
        """Embed texts; float32 (n, dim) in their order. Blocks until done.

        Raises InputError for what is no text, TextTooLongError if a text is longer than
        max_tokens and truncate is False, EngineError if the computation failed.
        """
        return self._local.embed(texts, role=role, truncate=truncate)

    def embed_counted(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> EmbedResult:
        """Embed texts, and say how many tokens of each were read and which were cut."""
        return self._local.embed_counted(texts, role=role, truncate=truncate)

    async def embed_async(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> Embeddings:
        """Embed texts without blocking the event loop; cancelling it drops the work."""
        return await self._local.embed_async(texts, role=role, truncate=truncate)

    def embed_stream(self, texts: Iterable[str], *, role: Role) -> Iterator[Embeddings]:
        """Embed any number of texts in bounded memory; yields float32 (some, dim), in order."""
        return self._local.embed_stream(texts, role=role)

    def embed_stream_counted(self, texts: Iterable[str], *, role: Role) -> Iterator[EmbedResult]:
        """As embed_stream, with the counts of each text."""
        return self._local.embed_stream_counted(texts, role=role)

    def close(self) -> None:
        """Free the model; also done when the object is forgotten, or at the end of a `with`."""
        self._local.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
