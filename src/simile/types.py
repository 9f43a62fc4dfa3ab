"""The shared nouns: what the rooms hand to each other.

Knows NumPy and the standard library only; holds no logic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Role = Literal["query", "document", "clustering", "classification", "similarity"]
"""What a text is to the model: some models put another prefix before queries than documents."""

ROLES: tuple[Role, ...] = get_args(Role)

Embeddings = NDArray[np.float32]
"""Vectors, one row per text: float32 (n, dim)."""

MetadataValue = str | int | float | bool | None
"""What a document's metadata may hold under a name."""

Precision = Literal["auto", "f32", "bf16", "int8"]
"""Arithmetic of the matrix products; `auto` is bf16 where the CPU computes it natively."""


@dataclass(frozen=True)
class EmbedResult:
    """Vectors, and what became of each text on the way, as far as the engine tells.

    Providers (Ollama, OpenAI) tell neither: their token_counts are 0, truncated is False.
    """

    vectors: Embeddings
    """float32 (n, dim), in the order of the texts."""
    token_counts: NDArray[np.int32]
    """int32 (n,): tokens that the model read, special tokens included, after truncation."""
    truncated: NDArray[np.bool_]
    """bool (n,): whether the end of the text was cut off."""
    queue_s: float = 0.0
    """Seconds until the first batch with one of the texts began."""
    inference_s: float = 0.0
    """Seconds that all batches with one of the texts took, other callers' texts included."""


@dataclass(frozen=True)
class Document:
    """A text with what is known of it; its chunks inherit its access list."""

    id: str
    """Where it came from: a path, a URL, a key. Unique in an index."""
    text: str
    title: str | None = None
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    acl: Sequence[str] = ("public",)
    """Principals that may read it: `user:alice`, `group:eng`, `public`."""
    pages: Sequence[int] = ()
    """Offset in `text` at which each page begins, for sources that have pages."""


@dataclass(frozen=True)
class Chunk:
    """A span of a document: `document.text[start:end] == text`, always."""

    start: int
    """Offset of the first character in the document's text."""
    end: int
    """Offset behind the last character."""
    text: str
    headings: tuple[str, ...] = ()
    """The headings above it, outermost first."""
    lines: tuple[int, int] = (1, 1)
    """First and last line, counted from 1."""
    page: int | None = None
    """Page on which it starts, counted from 1; None where the source has no pages."""


@dataclass(frozen=True)
class Passage:
    """A span of a document wider than a chunk."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Hit:
    """A chunk that a search found; `document.text[start:end] == text`."""

    document_id: str
    chunk_id: int
    """Given to no other chunk of the index, ever."""
    text: str
    start: int
    end: int
    score: float
    """Higher is better; comparable within one search only."""
    scores: Mapping[str, float]
    """By arm: `dense` (cosine), `lexical` (BM25), `fused`, `rerank`; those that there are."""
    metadata: Mapping[str, MetadataValue]
    headings: tuple[str, ...]
    page: int | None
    lines: tuple[int, int]
    title: str | None = None
    context: Passage | None = None
    """The chunk with its neighbors, where they were asked for."""
    explanation: Mapping[str, object] | None = None
    """How it came to its place, where that was asked for."""


@dataclass(frozen=True)
class Ranked:
    """The place of a text among those that were ranked, and its score; higher is better."""

    index: int
    score: float
    model: str = ""
    """The name of the model that gave the score; empty where it was not said."""


@dataclass(frozen=True)
class RerankResult:
    """Scores of texts for one query, and what became of each text on the way."""

    scores: NDArray[np.float32]
    """float32 (n,), in the order of the texts; higher is better."""
    token_counts: NDArray[np.int32]
    """int32 (n,): tokens that the model read for each text; with the query where it reads both."""
    truncated: NDArray[np.bool_]
    """bool (n,): whether the end of the text was cut off."""
    queue_s: float = 0.0
    """Seconds until the first batch with one of the texts began."""
    inference_s: float = 0.0
    """Seconds that all batches with one of the texts took, other callers' texts included."""


@dataclass(frozen=True)
class Message:
    """A part of a conversation with a chat model."""

    role: Literal["system", "user", "assistant"]
    content: str
