"""What all providers share: batches of texts, several asked for at a time, order kept.

Does not know wire formats: a subclass turns one batch into vectors. The roles are checked and go
nowhere, since the wire formats have no prefixes.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from hashlib import sha256
from threading import Lock
from weakref import finalize

import numpy as np
import orjson
from numpy.typing import NDArray

from simile.errors import InputError, RemoteEngineError
from simile.providers import texts as outgoing
from simile.providers.answers import check_finite
from simile.providers.http import JsonApi
from simile.providers.workers import Workers
from simile.types import Embeddings, EmbedResult, Role

IN_FLIGHT = 4
"""Requests at a time; a stream holds so many batches of texts, and as many of vectors."""
PROBE = "width"
"""The text by which the width is learned."""


class RemoteEmbedder(ABC):
    """A model elsewhere, with the methods of a local one; safe to use from any thread."""

    special_tokens = outgoing.SPECIAL_TOKENS
    """Room to leave for tokens that the engine adds to each text; an assumption."""

    def __init__(self, name: str, api: JsonApi) -> None:
        """Nothing is asked yet; the first question to the engine is the first for a result."""
        if not name.rpartition("/")[2].strip():
            raise InputError(f"{name!r} names no model; expected for example {name}all-minilm")
        self.name = name
        self._model = name.partition("/")[2]
        self._api = api
        self._who = f"{name} at {api.url}"
        self._dim: int | None = None
        self._lock = Lock()
        self._workers: Workers[Embeddings] = Workers(IN_FLIGHT, "simile-remote")
        self._close = finalize(self, _shut, self._workers, api)

    @property
    @abstractmethod
    def max_tokens(self) -> int:
        """Longest text that is read whole, in tokens, special tokens included."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Equal for equal vectors, as far as the engine tells."""

    @abstractmethod
    def _embed_batch(self, texts: list[str], *, truncate: bool) -> Embeddings:
        """Ask for the vectors of one batch; float32 (n, dim), of which some may not be finite."""

    @property
    def dim(self) -> int:
        """Width of a vector; asked for once, by embedding one word, if no vector has come yet."""
        if self._dim is None:
            self._embed_checked([PROBE], truncate=True)
        assert self._dim is not None
        return self._dim

    def embed(self, texts: Sequence[str], *, role: Role, truncate: bool = True) -> Embeddings:
        """Embed texts; float32 (n, dim) in their order. Blocks until done.

        Raises InputError if an item is not a string, TextTooLongError if the provider rejects a
        text's length, ModelNotFoundError if it does not know the model, NotFiniteError, which holds
        all vectors, if some are not finite, and RemoteEngineError if there is no answer.
        """
        return self.embed_counted(texts, role=role, truncate=truncate).vectors

    def embed_counted(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> EmbedResult:
        """As embed; the engine does not tell tokens per text, so every count is 0."""
        futures = self._submit_all(texts, role, truncate)
        try:
            return self._joined([future.result() for future in futures])
        finally:
            _cancel(futures)

    async def embed_async(
        self, texts: Sequence[str], *, role: Role, truncate: bool = True
    ) -> Embeddings:
        """As embed, without blocking the event loop; cancelling drops what was not yet sent."""
        futures = self._submit_all(texts, role, truncate)
        try:
            parts = await asyncio.gather(*map(asyncio.wrap_future, futures))
            if not parts:
                await asyncio.to_thread(lambda: self.dim)
            return self._joined(parts).vectors
        finally:
            _cancel(futures)

    def embed_stream(self, texts: Iterable[str], *, role: Role) -> Iterator[Embeddings]:
        """Embed any number of texts in bounded memory; yields float32 (some, dim), in order.

        A NotFiniteError holds the vectors of one part, and ends the stream.
        """
        return (result.vectors for result in self.embed_stream_counted(texts, role=role))

    def embed_stream_counted(self, texts: Iterable[str], *, role: Role) -> Iterator[EmbedResult]:
        """As embed_stream; the engine does not tell tokens per text, so every count is 0."""
        outgoing.check_call(texts, role)
        return self._stream(texts)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Estimate the tokens of each whole text, int32 (n,): a third of its bytes, rounded up."""
        return outgoing.estimate_tokens(texts)

    def close(self) -> None:
        """Close the connections; what was not yet sent fails with EngineClosedError."""
        self._close()

    def _stream(self, texts: Iterable[str]) -> Iterator[EmbedResult]:
        ahead: deque[Future[Embeddings]] = deque()
        try:
            for batch in outgoing.batches(outgoing.checked(texts)):
                ahead.append(self._submit(batch, truncate=True))
                if len(ahead) == IN_FLIGHT:
                    yield self._joined([ahead.popleft().result()])
            while ahead:
                yield self._joined([ahead.popleft().result()])
        finally:
            _cancel(ahead)

    def _submit_all(
        self, texts: Sequence[str], role: str, truncate: bool
    ) -> list[Future[Embeddings]]:
        outgoing.check_call(texts, role)
        batches = list(outgoing.batches(outgoing.checked(texts)))
        return [self._submit(batch, truncate=truncate) for batch in batches]

    def _submit(self, batch: list[str], *, truncate: bool) -> Future[Embeddings]:
        return self._workers.submit(partial(self._embed_checked, batch, truncate=truncate))

    def _embed_checked(self, batch: list[str], *, truncate: bool) -> Embeddings:
        """Ask for one batch, and see that its width is that of the vectors before."""
        vectors = self._embed_batch(batch, truncate=truncate)
        with self._lock:
            if self._dim is None:
                self._dim = vectors.shape[1]
        if vectors.shape[1] != self._dim:
            raise RemoteEngineError(
                f"{self._who} answered vectors of width {vectors.shape[1]} after {self._dim};"
                " its model has changed, make another Embedder"
            )
        return vectors

    def _joined(self, parts: Sequence[Embeddings]) -> EmbedResult:
        vectors = np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)
        check_finite(vectors, engine=self._who)
        count = len(vectors)
        return EmbedResult(vectors, np.zeros(count, np.int32), np.zeros(count, np.bool_))


def fingerprint_of(parts: dict[str, str | int]) -> str:
    """Write what makes a model's vectors as 32 hexadecimal characters."""
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _shut(workers: Workers[Embeddings], api: JsonApi) -> None:
    # What still waits fails at once, with EngineClosedError of the API.
    api.close()
    workers.close()


def _cancel(futures: Iterable[Future[Embeddings]]) -> None:
    for future in futures:
        future.cancel()
