"""A loaded model: what it computes, and how long it stays.

Belongs to one event loop, as its residency does.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simile.engine.cosines import CosineScorer
from simile.engine.cross_encoder import LocalReranker
from simile.engine.embedder import LocalEmbedder
from simile.engine.loading import Engine
from simile.errors import InputError
from simile.models.local_model import LocalModel


@dataclass(eq=False, slots=True)
class Resident:
    """A loaded model and how long it stays."""

    model: LocalModel
    engine: Engine
    keep_alive_s: float
    """Seconds after the last request; infinite = for ever."""
    in_flight: int = 0
    """Requests that hold it."""
    expires_at: datetime | None = None
    """None = never."""
    timer: asyncio.TimerHandle | None = None

    @property
    def embedder(self) -> LocalEmbedder:
        """The model as an embedder. Raises InputError for a reranker."""
        if isinstance(self.engine, LocalReranker):
            raise InputError(
                f"{self.engine.name} makes no embeddings: it is a reranker, which scores texts for"
                " a query"
            )
        return self.engine

    @property
    def reranker(self) -> LocalReranker | CosineScorer:
        """The model as a scorer of texts: itself, or the cosines of its vectors."""
        engine = self.engine
        return engine if isinstance(engine, LocalReranker) else CosineScorer(engine)

    @property
    def digest(self) -> str:
        """Equal for equal files."""
        return self.model.digest

    @property
    def size_bytes(self) -> int:
        """Size of the model's files."""
        return self.model.size_bytes

    def restart_timer(self, expire: Callable[["Resident"], None]) -> None:
        """Start the time that the model stays if it is idle, until `expire`; stop it if in use."""
        self.stop_timer()
        if math.isinf(self.keep_alive_s):
            self.expires_at = None
            return
        self.expires_at = datetime.now(UTC) + timedelta(seconds=self.keep_alive_s)
        if not self.in_flight:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(self.keep_alive_s, expire, self)

    def stop_timer(self) -> None:
        """Let the model stay until the timer is started again."""
        if self.timer:
            self.timer.cancel()
            self.timer = None
