"""What a model of one's own must be able to do, to be used in place of simile's.

`Index` takes any object with these members. Knows the shared nouns only.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simile.types import Embeddings, EmbedResult, Message, Ranked, Role


class EmbeddingModel(Protocol):
    """Anything that turns texts into vectors."""

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        ...

    @property
    def dim(self) -> int:
        """Width of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Longest text that is read whole, in tokens, special tokens included."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal for equal vectors: model digest, pooling, prompts, precision family, width."""
        ...

    def embed(self, texts: Sequence[str], *, role: Role) -> Embeddings:
        """Embed texts; float32 (n, dim) in their order. Blocks until done."""
        ...


@runtime_checkable
class CountingModel(Protocol):
    """An optional member of an EmbeddingModel; without it, chunk sizes are estimated."""

    def count_tokens(self, texts: Sequence[str]) -> Sequence[int]:
        """Count the tokens of each whole text, without special tokens; a list or an array."""
        ...


@runtime_checkable
class SpecialTokensModel(Protocol):
    """An optional member of an EmbeddingModel; without it, two tokens per text are assumed."""

    @property
    def special_tokens(self) -> int:
        """Number of tokens that are added to each text."""
        ...


class EmbeddingEngine(EmbeddingModel, Protocol):
    """An EmbeddingModel with all that the Embedder face offers; local or elsewhere."""

    @property
    def special_tokens(self) -> int:
        """Tokens that are added to each text."""
        ...

    def embed(self, texts: Sequence[str], *, role: Role, truncate: bool = True) -> Embeddings:
        """Embed texts; float32 (n, dim) in their order. Blocks until done."""
        ...

    def embed_counted(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> EmbedResult:
        """As embed, with what the engine tells of each text."""
        ...

    async def embed_async(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> Embeddings:
        """As embed, without blocking the event loop."""
        ...

    def embed_stream(self, texts: Iterable[str], *, role: Role) -> Iterator[Embeddings]:
        """Embed any number of texts in bounded memory; yields float32 (some, dim), in order."""
        ...

    def embed_stream_counted(self, texts: Iterable[str], *, role: Role) -> Iterator[EmbedResult]:
        """As embed_stream, with what the engine tells of each text."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Count the tokens of each whole text, special tokens left out; int32 (n,)."""
        ...

    def close(self) -> None:
        """Free what is held; no text can be embedded afterwards."""
        ...


class RankModel(Protocol):
    """Anything that orders texts by how well they answer a query."""

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        ...

    def rank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        top_k: int | None = None,
        raw_scores: bool = False,
    ) -> list[Ranked]:
        """Give the texts' places and scores, best first, equal ones in their order; top_k of them.

        A score is what the model's own files make of its logit, by default a sigmoid of it, from 0
        to 1; `raw_scores` gives logits. An embedding model's score is a cosine either way. Blocks
        until done. Raises InputError if an item is not a string, and EngineError if the computation
        failed.
        """
        ...


class ChatModel(Protocol):
    """Anything that answers a conversation in text."""

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        ...

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Give the answer in parts, as they come. Blocks between them."""
        ...
