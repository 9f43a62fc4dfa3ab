"""A model loaded on this machine: texts in, float32 vectors out.

Joins encoder, tokenizer and scheduler; the local implementation of the EmbeddingModel protocol.
Does not know HTTP, nor where the model's files came from.
"""

import asyncio
import hashlib
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from simile.engine import memory
from simile.engine.compile import Buildable, CompiledEncoder
from simile.engine.matryoshka import CutRunner, check_dimensions
from simile.engine.runner import BatchRunner
from simile.engine.scheduler import MAX_BATCH_TOKENS, Scheduler
from simile.engine.stats import EngineStats
from simile.errors import InputError, WindowTooSmallError
from simile.models.encoder import Encoder
from simile.models.local_model import LocalModel
from simile.models.open import open_encoder
from simile.models.static_encoder import StaticEncoder
from simile.models.tokenizer import Text, TokenizedText
from simile.texts import require_texts
from simile.types import ROLES, Embeddings, EmbedResult, Precision, Role

STREAM_TEXTS = 2048
STREAM_SLICES = 2
"""A stream is embedded in slices of STREAM_TEXTS texts, STREAM_SLICES slices at a time."""


class LocalEmbedder:
    """One loaded model; safe to use from any thread and from asyncio."""

    def __init__(
        self,
        model: LocalModel,
        *,
        precision: Precision = "auto",
        dimensions: int | None = None,
        strict: bool = False,
        stats: EngineStats | None = None,
        encoder: Encoder | StaticEncoder | None = None,
        max_wait_s: float = math.inf,
    ) -> None:
        """Load and compile. Raises CheckpointError, UnsupportedModelError or EngineError.

        `encoder` is the model where it is open already; max_wait_s as the scheduler's. InputError
        for dimensions that are not from 1 to the model's width or, where strict, not known to be
        trained for.
        """
        encoder = encoder or open_encoder(model)
        self.facts = encoder.facts
        self.name = model.name
        self.dim = check_dimensions(
            dimensions, self.facts.dim, self.facts.dimensions, strict=strict
        )
        self.max_tokens = self.facts.max_tokens
        self.context_length = self.facts.sizes.context_length
        self._tokenizer = encoder.tokenizer()
        runners: Sequence[BatchRunner]
        if isinstance(encoder, StaticEncoder):
            self.precision, runners = "f32", [encoder.runner()]
            batch_tokens, rest = MAX_BATCH_TOKENS, memory.trim
        else:
            compiled = CompiledEncoder(
                self._quantized(encoder, model) if precision == "int8" else encoder,
                precision=precision,
                width=self.facts.sizes.width,
                derived=model.derived,
            )
            self.precision, runners = compiled.precision, compiled.runners()
            batch_tokens, rest = compiled.plan.batch_tokens, compiled.rest
        norm = self.facts.layer_norm_before_cut
        runners = [CutRunner(runner, self.dim, layer_norm=norm) for runner in runners]
        self.fingerprint = self._fingerprint(model.digest)
        scheduler = Scheduler(
            self._tokenizer.encode,
            runners,
            dim=self.dim,
            batch_tokens=batch_tokens,
            rest=rest,
            stats=stats,
            max_wait_s=max_wait_s,
        )
        self._scheduler = scheduler
        self.special_tokens = self._tokenizer.special_count
        # Runs when this object is forgotten or the interpreter ends; threads in OpenVINO must not
        # outlive it.
        self._close = finalize(self, scheduler.close)

    def embed(self, texts: Sequence[str], *, role: Role, truncate: bool = True) -> Embeddings:
        """Embed texts; float32 (n, dim) in their order. Blocks until done.

        Raises InputError if an item is not a string, TextTooLongError if a text is longer than
        max_tokens and truncate is False, EngineError if the computation failed.
        """
        return self.embed_counted(texts, role=role, truncate=truncate).vectors

    def embed_counted(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> EmbedResult:
        """Embed texts, and say how many tokens of each were read and which were cut."""
        prefixed = self._prefixed(texts, self._prefix(role))
        return self._scheduler.embed(prefixed, window=self._window(None), truncate=truncate)

    async def embed_async(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> Embeddings:
        """Embed texts without blocking the event loop; cancelling it drops the work."""
        future = self._submit_role(texts, role=role, truncate=truncate)
        return (await asyncio.wrap_future(future)).vectors

    def embed_stream(self, texts: Iterable[str], *, role: Role) -> Iterator[Embeddings]:
        """Embed any number of texts in bounded memory; yields float32 (some, dim), in order."""
        return (result.vectors for result in self.embed_stream_counted(texts, role=role))

    def embed_stream_counted(self, texts: Iterable[str], *, role: Role) -> Iterator[EmbedResult]:
        """Embed a stream, with the counts of each text."""
        if isinstance(texts, str):
            require_texts(texts)
        return self._stream(texts, role)

    def _stream(self, texts: Iterable[str], role: Role) -> Iterator[EmbedResult]:
        source, ahead = iter(texts), deque[Future[EmbedResult]]()
        while part := list(islice(source, STREAM_TEXTS)):
            ahead.append(self._submit_role(part, role=role, truncate=True))
            if len(ahead) == STREAM_SLICES:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Count the tokens of each whole text, uncut and without special tokens; int32 (n,).

        Without a role's prefix, too. Blocks; raises InputError if an item is not a string.
        """
        require_texts(texts)
        return self._tokenizer.count(texts)

    def submit(
        self,
        texts: Sequence[str],
        *,
        role: Role | None = None,
        prompt_name: str = "",
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> Future[EmbedResult]:
        """Ask for vectors, and return at once; for servers.

        A text is read after the prefix of its role, or after a prompt that the checkpoint names.
        max_tokens is the window of this call, by default the model's, at most context_length.
        Raises InputError and WindowTooSmallError; the future fails with TextTooLongError or
        EngineError. Cancelling it drops the work.
        """
        prefixed = self._prefixed(texts, self._prompt(role, prompt_name))
        return self._submit(prefixed, max_tokens, truncate)

    def submit_tokens(
        self,
        token_ids: Sequence[Sequence[int]],
        *,
        role: Role | None = None,
        prompt_name: str = "",
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> Future[EmbedResult]:
        """As submit, for texts that the caller has tokenized; missing special tokens are added.

        Raises InputError for an id that is not in the vocabulary, and for a role or prompt that
        puts text before them.
        """
        if self._prompt(role, prompt_name):
            raise InputError("input_type puts a prompt before text; expected text, got token ids")
        for ids in token_ids:
            self._tokenizer.check_ids(ids)
        return self._submit([tuple(ids) for ids in token_ids], max_tokens, truncate)

    def close(self) -> None:
        """Stop the threads; waiting work fails with EngineClosedError."""
        self._close()

    def _submit_role(
        self, texts: Sequence[str], *, role: Role, truncate: bool
    ) -> Future[EmbedResult]:
        return self._submit(self._prefixed(texts, self._prefix(role)), None, truncate)

    def _submit(
        self, texts: Sequence[Text], max_tokens: int | None, truncate: bool
    ) -> Future[EmbedResult]:
        return self._scheduler.submit(texts, window=self._window(max_tokens), truncate=truncate)

    def _prefix(self, role: Role) -> str:
        if role not in ROLES:
            raise InputError(f"role is {role!r}; expected {' or '.join(map(repr, ROLES))}")
        return self.facts.prefix(role)

    def _prompt(self, role: Role | None, name: str) -> str:
        return self._prefix(role) if role else self.facts.named_prompt(name) if name else ""

    def _prefixed(self, texts: Sequence[str], prefix: str) -> Sequence[str]:
        require_texts(texts)
        return [prefix + text for text in texts]

    def _window(self, max_tokens: int | None) -> int:
        window = min(max_tokens or self.max_tokens, self.context_length)
        if window <= self._tokenizer.special_count:
            raise WindowTooSmallError("input after truncation exceeds maximum context length")
        return window

    def _quantized(self, encoder: Encoder, model: LocalModel) -> Buildable:
        from simile.engine.quantize import QuantizedEncoder

        def tokenize(texts: list[str]) -> list[TokenizedText]:
            return self._tokenizer.encode(texts, [self.max_tokens] * len(texts))

        return QuantizedEncoder(encoder, tokenize, model.derived)

    def _fingerprint(self, digest: str) -> str:
        parts = {
            "model": digest,
            "pooling": self.facts.pooling,
            "normalize": self.facts.normalize,
            "prompts": dict(self.facts.prompts),
            "max_tokens": self.max_tokens,
            "dim": self.dim,
            # f32 and bf16 agree to four digits of cosine: one family, one index.
            "precision": "int8" if self.precision == "int8" else "float",
            # Left out where it has no effect, so that older indexes keep their fingerprint.
            **({"default_prompt": name} if (name := self.facts.default_prompt) else {}),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
