"""The data types that packages exchange.

Depends on NumPy and the standard library only; contains no logic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Role = Literal["query", "document", "clustering", "classification", "similarity"]
"""How a text is used: some models prefix queries differently from documents."""

ROLES: tuple[Role, ...] = get_args(Role)

if TYPE_CHECKING:
    Embeddings = NDArray[np.float32]
    """Vectors, one row per text: float32 (n, dim)."""
else:  # so that processes that need no arrays, the readers of files, start quickly
    Embeddings = Any

MetadataValue = str | int | float | bool | None
"""The type of a document's metadata values."""

Precision = Literal["auto", "f32", "bf16", "int8"]
"""Arithmetic of the matrix products; `auto` is bf16 where the CPU computes it natively."""


@dataclass(frozen=True)
class EmbedResult:
    """Vectors, with the token count of each text and whether it was truncated.

    Providers (Ollama, OpenAI) report neither: token_counts is 0 and truncated is False.
    """

    vectors: Embeddings
    """float32 (n, dim), in the order of the texts."""
    token_counts: "NDArray[np.int32]"
    """int32 (n,): tokens that the model read, special tokens included, after truncation."""
    truncated: "NDArray[np.bool_]"
    """bool (n,): whether the end of the text was cut off."""
    queue_s: float = 0.0
    """Seconds until the first batch with one of the texts began."""
    inference_s: float = 0.0
    """Seconds that all batches with one of the texts took, other callers' texts included."""


@dataclass(frozen=True)
class Document:
    """A text with its metadata and access list, which its chunks inherit."""

    id: str
    """Its origin: a path, a URL, a key. Unique in an index."""
    text: str
    title: str | None = None
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    acl: Sequence[str] = ("public",)
    """Principals that may read it: `user:alice`, `group:eng`, `public`."""
    pages: Sequence[int] = ()
    """Offset in `text` where each page begins, for sources with pages."""


@dataclass(frozen=True)
class Chunk:
    """A span of a document: `document.text[start:end] == text`, always."""

    start: int
    """Offset of the first character in the document's text."""
    end: int
    """Offset just past the last character."""
    text: str
    headings: tuple[str, ...] = ()
    """The headings above it, outermost first."""
    lines: tuple[int, int] = (1, 1)
    """First and last line, counted from 1."""
    page: int | None = None
    """Page on which it starts, counted from 1; None if the source has no pages."""


@dataclass(frozen=True)
class Passage:
    """A span of a document wider than a chunk."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Hit:
    """A chunk found by a search; `document.text[start:end] == text`."""

    document_id: str
    chunk_id: int
    """Never reused in the index."""
    text: str
    start: int
    end: int
    score: float
    """Higher is better; comparable within one search only."""
    scores: Mapping[str, float]
    """By stage, if it took part: `dense` (cosine), `lexical` (BM25), `fused`, `rerank`."""
    metadata: Mapping[str, MetadataValue]
    headings: tuple[str, ...]
    page: int | None
    lines: tuple[int, int]
    title: str | None = None
    context: Passage | None = None
    """The chunk with its neighbors, if requested."""
    explanation: Mapping[str, object] | None = None
    """How it got its rank, if requested."""


@dataclass(frozen=True)
class Ranked:
    """A ranked text: its index in the input, and its score; higher is better."""

    index: int
    score: float
    model: str = ""
    """Name of the model that computed the score; empty if unknown."""


@dataclass(frozen=True)
class RerankResult:
    """Scores of texts for one query, with each text's token count and whether it was truncated."""

    scores: "NDArray[np.float32]"
    """float32 (n,), in the order of the texts; higher is better."""
    token_counts: "NDArray[np.int32]"
    """int32 (n,): tokens that the model read per text, including the query if read together."""
    truncated: "NDArray[np.bool_]"
    """bool (n,): whether the end of the text was cut off."""
    queue_s: float = 0.0
    """Seconds until the first batch with one of the texts began."""
    inference_s: float = 0.0
    """Seconds that all batches with one of the texts took, other callers' texts included."""


@dataclass(frozen=True)
class Message:
    """A message in a conversation with a chat model."""

    role: Literal["system", "user", "assistant"]
    content: str
