"""A reranker loaded on this machine: a query and texts in, scores out.

Joins cross-encoder, pair tokenizer and scheduler. Does not know HTTP, nor where the model's files
came from.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from concurrent.futures import Future
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from simile.engine.compile import Buildable, CompiledEncoder
from simile.engine.futures import converted
from simile.engine.scheduler import Scheduler
from simile.engine.stats import EngineStats
from simile.errors import InputError, WindowTooSmallError
from simile.models.cross_encoder import CrossEncoder
from simile.models.local_model import LocalModel
from simile.models.open import open_cross_encoder
from simile.models.pairs import Pair
from simile.models.tokenizer import TokenizedText
from simile.ranking import check_rerank_input, ranked
from simile.types import EmbedResult, Precision, Ranked, RerankResult


class LocalReranker:
    """One loaded reranker; safe to use from any thread."""

    def __init__(
        self,
        model: LocalModel,
        *,
        precision: Precision = "auto",
        stats: EngineStats | None = None,
        encoder: CrossEncoder | None = None,
        max_wait_s: float = math.inf,
    ) -> None:
        """Load and compile. Raises CheckpointError, UnsupportedModelError or EngineError.

        `encoder` is the model where it is open already; max_wait_s as the scheduler's.
        """
        encoder = encoder or open_cross_encoder(model)
        self.facts = encoder.facts
        self.name = model.name
        self.max_tokens = self.facts.max_tokens
        self.context_length = self.facts.sizes.context_length
        self._layout = encoder.layout
        self._tokenizer = encoder.tokenizer()
        # All in one precision: scores are compared with each other.
        compiled = CompiledEncoder(
            self._quantized(encoder, model) if precision == "int8" else encoder,
            precision=precision,
            exact_tokens=0,
            derived=model.derived,
        )
        self.precision = compiled.precision
        self.fingerprint = self._fingerprint(model.digest)
        self.special_tokens = self._tokenizer.special_count
        scheduler = Scheduler(
            self._tokenizer.encode,
            compiled.runners(),
            dim=1,
            batch_tokens=compiled.plan.batch_tokens,
            rest=compiled.rest,
            stats=stats,
            max_wait_s=max_wait_s,
        )
        self._scheduler = scheduler
        # Runs when this object is forgotten or the interpreter ends; threads in OpenVINO must not
        # outlive it.
        self._close = finalize(self, scheduler.close)

    def rank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        top_k: int | None = None,
        raw_scores: bool = False,
        instruction: str | None = None,
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> list[Ranked]:
        """See RankModel. Raises what `submit` raises and what its future fails with."""
        result = self.submit(
            query,
            texts,
            raw_scores=raw_scores,
            instruction=instruction,
            max_tokens=max_tokens,
            truncate=truncate,
        ).result()
        return ranked(result.scores, self.name, top_k)

    def submit(
        self,
        query: str,
        texts: Sequence[str],
        *,
        raw_scores: bool = False,
        instruction: str | None = None,
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> Future[RerankResult]:
        """Ask for the score of each text, and return at once; for servers.

        raw_scores gives logits instead of what the model's files make of them. An instruction says
        what is looked for, to a model whose template has one. max_tokens is the window of this
        call for query and text together, by default the model's, at most context_length.

        Raises InputError and WindowTooSmallError; the future fails with TextTooLongError (only if
        not truncate) or EngineError. Cancelling it drops the work.
        """
        check_rerank_input(query, texts)
        if instruction and not self._layout.has_template:
            raise InputError(f"{self.name} takes no instruction; it reads query and text alone")
        window = min(max_tokens or self.max_tokens, self.context_length)
        if window <= self.special_tokens:
            raise WindowTooSmallError("input after truncation exceeds maximum context length")
        if not self._layout.has_template:
            query = self._layout.prompt + query
        asked = self._tokenizer.query(query, instruction)
        future = self._scheduler.submit(
            [Pair(asked, text) for text in texts], window=window, truncate=truncate
        )
        activation = "identity" if raw_scores else self._layout.activation
        return converted(lambda result: _scored(result, activation), future)

    def close(self) -> None:
        """Stop the threads; waiting work fails with EngineClosedError."""
        self._close()

    def _quantized(self, encoder: CrossEncoder, model: LocalModel) -> Buildable:
        from simile.engine.quantize import QuantizedEncoder

        def tokenize(texts: list[str]) -> list[TokenizedText]:
            """Read each text with the beginning of the next for a query."""
            pairs = [
                Pair(self._tokenizer.query(query[:200]), text)
                for text, query in zip(texts, [*texts[1:], *texts[:1]], strict=True)
            ]
            return self._tokenizer.encode(pairs, [self.max_tokens] * len(pairs))

        return QuantizedEncoder(encoder, tokenize, model.derived)

    def _fingerprint(self, digest: str) -> str:
        parts = {
            "model": digest,
            "activation": self._layout.activation,
            "prompt": self._layout.prompt,
            "max_tokens": self.max_tokens,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _scored(result: EmbedResult, activation: str) -> RerankResult:
    logits = result.vectors[:, 0]
    scores = _sigmoid(logits) if activation == "sigmoid" else logits
    return RerankResult(
        scores,
        result.token_counts,
        result.truncated,
        queue_s=result.queue_s,
        inference_s=result.inference_s,
    )


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + e^-x), in float64, where e^-x overflows for no logit that float32 can tell."""
    with np.errstate(over="ignore"):
        return (1.0 / (1.0 + np.exp(-logits.astype(np.float64)))).astype(np.float32)
