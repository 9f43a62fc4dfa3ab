"""Count what the engine does: batches, their padding, and where time goes.

Turns single measurements into sums and histograms that any thread may add to or read. Knows no
HTTP and no text format; `server/metrics.py` writes it down.
"""

from bisect import bisect_left
from collections.abc import Sequence
from threading import Lock

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 8192)


class Histogram:
    """A histogram: how many measurements were at most each bound, and their sum."""

    __slots__ = ("_counts", "_lock", "_sum", "bounds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = Lock()

    def add(self, value: float) -> None:
        """Count one measurement."""
        place = bisect_left(self.bounds, value)
        with self._lock:
            self._counts[place] += 1
            self._sum += value

    def read(self) -> tuple[list[int], float]:
        """Return the counts of each step, the last one open, and the sum of all."""
        with self._lock:
            return list(self._counts), self._sum


class EngineStats:
    """The work of all schedulers of a process; they share one object."""

    def __init__(self) -> None:
        self.queue_s = Histogram(SECONDS)
        """Per call: from asking until its first batch began."""
        self.tokenize_s = Histogram(SECONDS)
        """Per slice of texts."""
        self.inference_s = Histogram(SECONDS)
        """Per batch, as the next two."""
        self.batch_texts = Histogram(SIZES)
        self.batch_tokens = Histogram(SIZES)
        """Tokens without padding; its sum is all tokens that were computed."""
        self.padded_tokens = 0
        """Padding tokens: computed only to make batches rectangular."""
        self._lock = Lock()

    def add_batch(self, *, texts: int, tokens: int, size: int, seconds: float) -> None:
        """Count one batch; size is rows times columns, padding included."""
        self.inference_s.add(seconds)
        self.batch_texts.add(texts)
        self.batch_tokens.add(tokens)
        with self._lock:
            self.padded_tokens += size - tokens
