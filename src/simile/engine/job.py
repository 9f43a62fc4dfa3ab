"""One caller's texts on their way to vectors.

Holds what is asked for and fills in what has come; the scheduler moves it along under its lock.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock
from time import perf_counter
from typing import Generic, TypeVar

import numpy as np

from simile.types import Embeddings, EmbedResult

Text = TypeVar("Text")


class Job(Generic[Text]):
    """Texts of one call, each distinct one once, and the arrays that their vectors go to."""

    def __init__(self, texts: Sequence[Text], *, dim: int, window: int, truncate: bool) -> None:
        places: dict[Text, int] = {}
        self._inverse = [places.setdefault(text, len(places)) for text in texts]
        self.texts = list(places)
        self.window = window
        self.truncate = truncate
        self.tokenized = 0
        """How many of `texts` have been handed to the tokenizer."""
        self.future: Future[EmbedResult] = Future()
        self._unanswered = Lock()
        self._asked_s = perf_counter()
        self._first_batch_s = 0.0
        self._last_batch_s = 0.0
        self._inference_s = 0.0
        count = len(self.texts)
        self._left = count
        self._vectors = np.empty((count, dim), dtype=np.float32)
        self._token_counts = np.zeros(count, dtype=np.int32)
        self._truncated = np.zeros(count, dtype=np.bool_)

    @property
    def wanted(self) -> bool:
        """Whether the caller is still waiting."""
        return not self.future.done()

    def count(self, place: int, tokens: int, truncated: bool) -> None:
        """Note how a text was tokenized."""
        self._token_counts[place] = tokens
        self._truncated[place] = truncated

    def deliver(self, place: int, vector: Embeddings) -> bool:
        """Put a vector (dim,) in its place; say whether it was the last."""
        self._vectors[place] = vector
        self._left -= 1
        return self._left == 0

    def computed(self, start_s: float, seconds: float) -> float | None:
        """Note a batch that held texts of this job; give the time in the queue if it was the first.

        Told once for each text; times of one batch count once.
        """
        if start_s == self._last_batch_s:
            return None
        self._last_batch_s = start_s
        self._inference_s += seconds
        if self._first_batch_s:
            return None
        self._first_batch_s = start_s
        return self.queue_s

    @property
    def queue_s(self) -> float:
        """Seconds from asking until the first batch began; 0 before."""
        return self._first_batch_s - self._asked_s if self._first_batch_s else 0.0

    def finish(self) -> None:
        """Answer the caller, unless it has gone."""
        if not self._may_answer():
            return
        arrays = (self._vectors, self._token_counts, self._truncated)
        if len(self._inverse) != len(self.texts):
            arrays = tuple(array[self._inverse] for array in arrays)  # type: ignore[assignment]
        self.future.set_result(
            EmbedResult(*arrays, queue_s=self.queue_s, inference_s=self._inference_s)
        )

    def fail(self, error: Exception) -> None:
        """Answer the caller with an error, unless it has gone or been answered."""
        if self._may_answer():
            self.future.set_exception(error)

    def _may_answer(self) -> bool:
        """Return True once, and only if the caller is still there; safe to call from any thread."""
        return self._unanswered.acquire(blocking=False) and (
            self.future.set_running_or_notify_cancel()
        )


Owner = tuple[Job[Text], int]
"""A call, and the place of one of its texts."""
