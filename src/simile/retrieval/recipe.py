"""What an index is made with: a model and the sizes of its chunks, as one fingerprint.

Two indexes of one fingerprint hold equal vectors for equal documents; with another, scores mean
nothing, so a mismatch is an error that names the command which mends it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from simile.documents import chunk
from simile.documents.chunking import require_sizes, whole
from simile.errors import FingerprintError, StoreError
from simile.protocols import EmbeddingModel
from simile.types import Chunk, Document

MODEL, MODEL_FINGERPRINT, CHUNKING = "model", "model_fingerprint", "chunking"
"""Names of the index's notes."""

BYTES_PER_TOKEN = 3
"""Assumed where a model does not count; English has 4 to 5, so that the estimate is safe."""
_SPECIAL_TOKENS = 2


@dataclass(frozen=True)
class Chunking:
    """Sizes of chunks, in tokens of the model."""

    max_tokens: int = 400
    min_tokens: int = 64
    overlap_tokens: int = 0
    whole: bool = False
    """Do not cut: a document is one chunk, of which the model reads as much as its window holds."""

    def __post_init__(self) -> None:
        """InputError for sizes that contradict each other."""
        require_sizes(self.max_tokens, self.min_tokens, self.overlap_tokens)


def fingerprint(model: EmbeddingModel, chunking: Chunking) -> str:
    """What the vectors of an index are known by: 32 hexadecimal digits."""
    parts = {MODEL: model.fingerprint, CHUNKING: asdict(chunking)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def notes(model: EmbeddingModel, chunking: Chunking) -> dict[str, str]:
    """What is noted in an index made with these."""
    return {
        MODEL: model.name,
        MODEL_FINGERPRINT: model.fingerprint,
        CHUNKING: json.dumps(asdict(chunking), sort_keys=True),
    }


def chunking_of(meta: Mapping[str, str]) -> Chunking | None:
    """The sizes that an index was made with; None where nothing is noted yet."""
    try:
        return Chunking(**json.loads(meta[CHUNKING])) if CHUNKING in meta else None
    except (ValueError, TypeError) as exc:
        raise StoreError(
            f"the index is damaged: its sizes of chunks are {meta[CHUNKING]!r}"
        ) from exc


def require_model(meta: Mapping[str, str], model: EmbeddingModel) -> None:
    """FingerprintError unless the index was made with this model, or with none yet."""
    if meta.get(MODEL_FINGERPRINT, model.fingerprint) != model.fingerprint:
        made = meta[MODEL]
        again = f"{model.name} as it is now" if made == model.name else model.name
        raise FingerprintError(
            f"the index was made with {made} ({meta[MODEL_FINGERPRINT][:12]}); {again} "
            f"({model.fingerprint[:12]}) gives other vectors. Rebuild it with: "
            f"simile reindex --model {model.name}"
        )


def require_chunking(meta: Mapping[str, str], chunking: Chunking) -> None:
    """FingerprintError unless the index was made with these sizes, or with none yet."""
    made = chunking_of(meta)
    if made not in (None, chunking):
        sizes = (
            f"--max-tokens {chunking.max_tokens} --min-tokens {chunking.min_tokens} "
            f"--overlap-tokens {chunking.overlap_tokens}"
        )
        raise FingerprintError(
            f"the index was made with {made}; {chunking} gives other chunks. Rebuild it with: "
            f"simile reindex {'--whole' if chunking.whole else sizes}"
        )


def counter(model: EmbeddingModel) -> Callable[[Sequence[str]], Sequence[int]]:
    """How the model counts tokens, special ones left out; an estimate if it cannot."""
    count: Callable[[Sequence[str]], Sequence[int]] = getattr(model, "count_tokens", _estimate)
    return count


def chunks_of(document: Document, model: EmbeddingModel, chunking: Chunking) -> list[Chunk]:
    """Cut a document for a model: no chunk, its heading path included, is beyond its window."""
    if chunking.whole:
        return whole(document)
    special: int = getattr(model, "special_tokens", _SPECIAL_TOKENS)
    return chunk(
        document,
        count_tokens=counter(model),
        max_tokens=chunking.max_tokens,
        min_tokens=chunking.min_tokens,
        overlap_tokens=chunking.overlap_tokens,
        window_tokens=max(1, model.max_tokens - special),
    )


def _estimate(texts: Sequence[str]) -> Sequence[int]:
    sizes = [len(text.encode("utf-8", "replace")) for text in texts]
    counts: list[int] = (np.ceil(np.array(sizes) / BYTES_PER_TOKEN)).astype(int).tolist()
    return counts


def holds_vectors(meta: Mapping[str, str]) -> bool:
    """Whether any text was ever stored. StoreError for vectors without a note of their model."""
    if MODEL not in meta and "dim" in meta:
        raise StoreError("the index is damaged: it has vectors, but notes no model")
    return MODEL in meta
