"""Which models are loaded: loads one on first use, once, and forgets it when nobody asks any more.

Knows the hub and the engine; does not know HTTP. Belongs to one event loop, whose thread alone
changes its state; loading and unloading happen in threads beside it, so others are served.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter_ns

from simile.engine.embedder import LocalEmbedder
from simile.errors import EngineClosedError
from simile.models.hub import Hub
from simile.models.local import LocalModel
from simile.types import Precision


@dataclass(eq=False, slots=True)
class Resident:
    """A loaded model and how long it stays."""

    model: LocalModel
    embedder: LocalEmbedder
    load_duration_ns: int
    keep_alive_s: float
    """Seconds after the last request; infinite = for ever."""
    in_flight: int = 0
    expires_at: datetime | None = None
    """None = never."""
    timer: asyncio.TimerHandle | None = None

    @property
    def size_bytes(self) -> int:
        """Size of the model's files."""
        return self.model.size_bytes


class Residency:
    """The loaded models of one server."""

    def __init__(
        self, hub: Hub, *, precision: Precision = "auto", keep_alive_s: float = 300.0
    ) -> None:
        self._hub = hub
        self._precision: Precision = precision
        self._keep_alive_s = keep_alive_s
        self._loaded: dict[str, Resident] = {}
        """By digest, so that two names of one model share it."""
        self._digests: dict[str, str] = {}
        """Name as clients spell it to digest, for names that are loaded."""
        self._loads: dict[str, asyncio.Task[Resident]] = {}
        self._closed = False

    @asynccontextmanager
    async def using(
        self, name: str, *, keep_alive_s: float | None = None
    ) -> AsyncIterator[Resident]:
        """Hold a model for one request, loading it if need be.

        keep_alive_s counts from the end of its last request: 0 unloads, infinity keeps for ever,
        None leaves what was said before. Raises what Hub.find and LocalEmbedder raise.
        """
        resident = self._loaded.get(self._digests.get(name, "")) or await self._load(name)
        if keep_alive_s is not None:
            resident.keep_alive_s = keep_alive_s
        resident.in_flight += 1
        self._set_timer(resident)
        try:
            yield resident
        finally:
            resident.in_flight -= 1
            self._set_timer(resident)

    def resident(self) -> list[Resident]:
        """Give the loaded models."""
        return list(self._loaded.values())

    def close(self) -> None:
        """Unload everything; work that waits fails with EngineClosedError. Blocks."""
        self._closed = True
        for resident in self.resident():
            self._drop(resident)
            resident.embedder.close()

    async def _load(self, name: str) -> Resident:
        if self._closed:
            raise EngineClosedError("the server is shutting down")
        model = await asyncio.to_thread(self._hub.find, name)
        if model.digest not in self._loaded:
            task = self._loads.get(model.digest)
            if task is None:
                task = self._loads[model.digest] = asyncio.create_task(self._compile(model))
                task.add_done_callback(lambda _: self._loads.pop(model.digest))
            # Shielded: the others who wait for this load outlive the one who asked first.
            await asyncio.shield(task)
        self._digests[name] = model.digest
        return self._loaded[model.digest]

    async def _compile(self, model: LocalModel) -> Resident:
        start = perf_counter_ns()
        embedder = await asyncio.to_thread(LocalEmbedder, model, precision=self._precision)
        if self._closed:
            embedder.close()
            raise EngineClosedError("the server is shutting down")
        duration_ns = perf_counter_ns() - start
        resident = Resident(model, embedder, duration_ns, self._keep_alive_s)
        self._loaded[model.digest] = resident
        return resident

    def _set_timer(self, resident: Resident) -> None:
        """Start the time that a model stays when it falls idle; stop it when it is used."""
        if resident.timer:
            resident.timer.cancel()
            resident.timer = None
        stay_s = resident.keep_alive_s
        if math.isinf(stay_s):
            resident.expires_at = None
            return
        resident.expires_at = datetime.now(UTC) + timedelta(seconds=stay_s)
        if resident.in_flight == 0:
            loop = asyncio.get_running_loop()
            resident.timer = loop.call_later(stay_s, self._unload, resident)

    def _unload(self, resident: Resident) -> None:
        if resident.in_flight == 0 and self._loaded.get(resident.model.digest) is resident:
            self._drop(resident)
            asyncio.get_running_loop().run_in_executor(None, resident.embedder.close)

    def _drop(self, resident: Resident) -> None:
        digest = resident.model.digest
        self._loaded.pop(digest, None)
        self._digests = {name: d for name, d in self._digests.items() if d != digest}
