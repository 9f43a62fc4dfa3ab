"""An index's recipe: its model and chunk sizes, combined into one fingerprint.

Indexes with equal fingerprints have equal vectors for equal documents. With different ones scores
are meaningless, so a mismatch is an error that names the command to fix it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from simile.documents import chunk
from simile.documents.chunking import require_sizes, whole
from simile.errors import FingerprintError, StoreError
from simile.protocols import CountingModel, EmbeddingModel, SpecialTokensModel
from simile.types import Chunk, Document

MODEL, MODEL_FINGERPRINT, CHUNKING = "model", "model_fingerprint", "chunking"
"""Names of the index's notes."""

BYTES_PER_TOKEN = 3
"""Assumed if a model cannot count tokens; English has 4 to 5, so the estimate is safe."""
_SPECIAL_TOKENS = 2
"""Assumed if a model does not report them: BERT adds [CLS] and [SEP]."""


@dataclass(frozen=True)
class Chunking:
    """Chunk sizes, in tokens of the model."""

    max_tokens: int = 400
    min_tokens: int = 64
    overlap_tokens: int = 0
    whole: bool = False
    """Do not cut: each document is one chunk; the model truncates it to its window."""

    def __post_init__(self) -> None:
        """Raise InputError for contradictory sizes."""
        require_sizes(self.max_tokens, self.min_tokens, self.overlap_tokens)


def fingerprint(model: EmbeddingModel, chunking: Chunking) -> str:
    """Return the fingerprint of an index's vectors: 32 hexadecimal digits."""
    parts = {MODEL: model.fingerprint, CHUNKING: asdict(chunking)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def notes(model: EmbeddingModel, chunking: Chunking) -> dict[str, str]:
    """Return the notes of an index made with this model and chunking."""
    return {
        MODEL: model.name,
        MODEL_FINGERPRINT: model.fingerprint,
        CHUNKING: json.dumps(asdict(chunking), sort_keys=True),
    }


def chunking_of(meta: Mapping[str, str]) -> Chunking | None:
    """Return the chunk sizes that an index was made with; None if not noted yet."""
    try:
        return Chunking(**json.loads(meta[CHUNKING])) if CHUNKING in meta else None
    except (ValueError, TypeError) as exc:
        raise StoreError(
            f"the index is damaged: its note on chunk sizes is {meta[CHUNKING]!r}"
        ) from exc


def require_model(meta: Mapping[str, str], model: EmbeddingModel) -> None:
    """Raise FingerprintError if the index was made with another model."""
    if meta.get(MODEL_FINGERPRINT, model.fingerprint) != model.fingerprint:
        made = meta[MODEL]
        again = f"{model.name} as it is now" if made == model.name else model.name
        raise FingerprintError(
            f"the index was made with {made} ({meta[MODEL_FINGERPRINT][:12]}); {again} "
            f"({model.fingerprint[:12]}) has other vectors. Rebuild it with: "
            f"simile reindex --model {model.name}"
        )


def require_chunking(meta: Mapping[str, str], chunking: Chunking) -> None:
    """Raise FingerprintError if the index was made with other chunk sizes."""
    made = chunking_of(meta)
    if made not in (None, chunking):
        sizes = (
            f"--max-tokens {chunking.max_tokens} --min-tokens {chunking.min_tokens} "
            f"--overlap-tokens {chunking.overlap_tokens}"
        )
        raise FingerprintError(
            f"the index was made with {made}; {chunking} makes other chunks. Rebuild it with: "
            f"simile reindex {'--whole' if chunking.whole else sizes}"
        )


def counter(model: EmbeddingModel) -> Callable[[Sequence[str]], Sequence[int]]:
    """Return the model's token counter, without special tokens; or an estimate if it has none."""
    return model.count_tokens if isinstance(model, CountingModel) else _estimate


def chunks_of(document: Document, model: EmbeddingModel, chunking: Chunking) -> list[Chunk]:
    """Cut a document so that each chunk, with its heading path, fits the model's window."""
    if chunking.whole:
        return whole(document)
    special = model.special_tokens if isinstance(model, SpecialTokensModel) else _SPECIAL_TOKENS
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
    """Return whether any text was ever stored. Raises StoreError for vectors without a model."""
    if MODEL not in meta and "dim" in meta:
        raise StoreError("the index is damaged: it has vectors, but no note of their model")
    return MODEL in meta
