"""Which models are loaded: loads one on first use, once, and forgets it when nobody asks any more.

Makes room before a load: under a number of models and of bytes, what was not used for longest goes,
and never one in use. Knows the engine; does not know HTTP, nor where models come from. Belongs to
one event loop, whose thread alone changes its state; loading and unloading happen in threads beside
it.
"""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import perf_counter_ns

from simile.engine.cross_encoder import LocalReranker
from simile.engine.embedder import LocalEmbedder
from simile.engine.embedding_reranker import EmbeddingReranker
from simile.engine.loading import Engine, as_embedder, as_reranker, load
from simile.engine.stats import EngineStats
from simile.errors import EngineClosedError, EngineError
from simile.models.local_model import LocalModel
from simile.types import Precision

MAX_SPELLINGS = 1000
"""Remembered of all names: clients may write one with any case and blanks."""
LOADING_THREADS = 2
"""Not those that answer other requests, so that slow loads hold up nothing but loads."""


@dataclass(eq=False, slots=True)
class Resident:
    """A loaded model and how long it stays."""

    model: LocalModel
    engine: Engine
    load_duration_ns: int
    keep_alive_s: float
    """Seconds after the last request; infinite = for ever."""
    in_flight: int = 0
    expires_at: datetime | None = None
    """None = never."""
    timer: asyncio.TimerHandle | None = None

    @property
    def embedder(self) -> LocalEmbedder:
        """The model as one that makes vectors; InputError for a reranker."""
        return as_embedder(self.engine)

    @property
    def reranker(self) -> LocalReranker | EmbeddingReranker:
        """The model as one that scores texts, which every one can."""
        return as_reranker(self.engine)

    @property
    def size_bytes(self) -> int:
        """Size of the model's files."""
        return self.model.size_bytes


class Residency:
    """The loaded models of one server."""

    def __init__(
        self,
        find: Callable[[str], LocalModel],
        *,
        precision: Precision = "auto",
        keep_alive_s: float = 300.0,
        max_models: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """`find` gives the model of a name.

        max_bytes bounds the size of the loaded models' files; None is no limit.
        """
        self.stats = EngineStats()
        self._find = find
        self._precision: Precision = precision
        self._keep_alive_s = keep_alive_s
        self._max_models = max_models or math.inf
        self._max_bytes = max_bytes or math.inf
        self._loaded: dict[str, Resident] = {}
        """By digest, so that two names of one model share it; used longest ago first."""
        self._leaving: dict[str, Resident] = {}
        """Still in use, and unloaded after that; new requests load them again, in their turn."""
        self._digests: dict[str, str] = {}
        """Name as clients spell it to digest, for names that are loaded."""
        self._loads: dict[str, asyncio.Task[Resident]] = {}
        self._waiters: Counter[str] = Counter()
        """Requests that wait for a load."""
        self._reserved: dict[str, int] = {}
        """Sizes of the models that are being loaded."""
        self._one_makes_room = asyncio.Lock()
        self._left = asyncio.Event()
        self._threads = ThreadPoolExecutor(LOADING_THREADS, "simile-load")
        self._closed = False

    @asynccontextmanager
    async def using(
        self, name: str, *, keep_alive_s: float | None = None
    ) -> AsyncIterator[Resident]:
        """Hold a model for one request, loading it if need be.

        keep_alive_s counts from the end of its last request: 0 unloads, infinity keeps for ever,
        None leaves what was said before. Raises what `find` and `load` raise, and
        EngineError for a model that is larger than the memory limit.
        """
        digest = self._digests.get(name, "")
        if (resident := self._loaded.get(digest)) is None:
            resident = await self._load(name)
        else:
            self._hold(resident)
        if keep_alive_s is not None:
            resident.keep_alive_s = keep_alive_s
        self._set_timer(resident)
        try:
            yield resident
        finally:
            self._release(resident)

    def resident(self) -> list[Resident]:
        """Give the loaded models."""
        return [*self._loaded.values(), *self._leaving.values()]

    def loading(self) -> int:
        """Count the models that are being loaded, or wait for room."""
        return len(self._loads)

    def unload(self, digest: str) -> None:
        """Let a model go as soon as it is idle, and look up its names anew: files may change."""
        self._digests = {name: d for name, d in self._digests.items() if d != digest}
        if resident := self._loaded.get(digest):
            resident.keep_alive_s = 0
            self._set_timer(resident)

    def close(self) -> None:
        """Unload everything; work that waits fails with EngineClosedError. Blocks."""
        self._closed = True
        for resident in self.resident():
            self._drop(resident)
            resident.engine.close()
        self._leaving.clear()
        self._left.set()
        self._threads.shutdown()

    async def _load(self, name: str) -> Resident:
        """Give a model, held for the caller; loads it unless that is under way."""
        self._refuse_if_closed()
        model = await asyncio.to_thread(self._find, name)
        self._refuse_if_closed()
        digest = model.digest
        if (resident := self._loaded.get(digest)) is not None:
            self._hold(resident)
        else:
            resident = await self._wait_for_load(model)
        if self._loaded.get(digest) is resident:
            if len(self._digests) >= MAX_SPELLINGS:
                self._digests.clear()  # They are looked up again.
            self._digests[name] = digest
        return resident

    async def _wait_for_load(self, model: LocalModel) -> Resident:
        digest = model.digest
        task = self._loads.get(digest)
        if task is None:
            task = self._loads[digest] = asyncio.create_task(self._make_resident(model))
            task.add_done_callback(lambda _: self._loads.pop(digest))
        self._waiters[digest] += 1
        try:
            # Shielded: the others who wait for this load outlive the one who asked first.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                self._waiters[digest] -= 1
            elif not task.cancelled() and task.exception() is None:
                self._release(task.result())  # It was held for this request already.
            raise

    async def _make_resident(self, model: LocalModel) -> Resident:
        digest = model.digest
        try:
            async with self._one_makes_room:  # First come, first served.
                await self._make_room(model)
                self._refuse_if_closed()
                self._reserved[digest] = model.size_bytes
            start = perf_counter_ns()
            work = partial(load, model, precision=self._precision, stats=self.stats)
            engine = await asyncio.get_running_loop().run_in_executor(self._threads, work)
            duration_ns = perf_counter_ns() - start
        finally:
            waiters = self._waiters.pop(digest, 0)
            self._reserved.pop(digest, None)
            self._left.set()
        if self._closed:
            engine.close()
        self._refuse_if_closed()
        # Held from the start by those who wait, or the next load might take it from them.
        resident = Resident(model, engine, duration_ns, self._keep_alive_s, in_flight=waiters)
        self._loaded[digest] = resident
        self._set_timer(resident)
        return resident

    async def _make_room(self, model: LocalModel) -> None:
        """Unload what was used longest ago until the model fits; wait for one in use to be idle.

        Without an idle one, requests that come later for the one that has to go are served after
        this load: otherwise a model in constant use would keep all others out.
        """
        if model.size_bytes > self._max_bytes:
            raise EngineError(
                f"{model.name} has {model.size_bytes} bytes; the memory limit of all loaded models"
                f" is {self._max_bytes}; raise SIMILE_MAX_MEMORY"
            )
        while not self._fits(model):
            self._refuse_if_closed()
            idle = (one for one in self._loaded.values() if not one.in_flight)
            if victim := next(idle, None):
                await self._unload(victim)
                continue
            self._left.clear()
            if not self._leaving and (victim := next(iter(self._loaded.values()), None)):
                self._drop(victim)
                self._leaving[victim.model.digest] = victim
            await self._left.wait()

    def _fits(self, model: LocalModel) -> bool:
        sizes = [*self._reserved.values(), *(one.size_bytes for one in self.resident())]
        return len(sizes) < self._max_models and sum(sizes) + model.size_bytes <= self._max_bytes

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise EngineClosedError("the server is shutting down")

    def _hold(self, resident: Resident) -> None:
        resident.in_flight += 1
        digest = resident.model.digest
        self._loaded[digest] = self._loaded.pop(digest)  # The last to go.

    def _release(self, resident: Resident) -> None:
        resident.in_flight -= 1
        if self._leaving.get(resident.model.digest) is resident:
            if not resident.in_flight:
                self._close_later(resident)
            return
        self._set_timer(resident)
        if not resident.in_flight:
            self._left.set()

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
            resident.timer = loop.call_later(stay_s, self._expire, resident)

    def _expire(self, resident: Resident) -> None:
        if resident.in_flight == 0 and self._loaded.get(resident.model.digest) is resident:
            self._drop(resident)
            self._close_later(resident)

    def _close_later(self, resident: Resident) -> None:
        closing = self._threads.submit(resident.engine.close)
        loop = asyncio.get_running_loop()

        def tell(_: Future[None]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._forget, resident)

        closing.add_done_callback(tell)

    async def _unload(self, resident: Resident) -> None:
        self._drop(resident)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, resident.engine.close)

    def _forget(self, resident: Resident) -> None:
        if self._leaving.get(resident.model.digest) is resident:
            del self._leaving[resident.model.digest]
        self._left.set()

    def _drop(self, resident: Resident) -> None:
        if resident.timer:
            resident.timer.cancel()
            resident.timer = None
        digest = resident.model.digest
        self._loaded.pop(digest, None)
        self._digests = {name: d for name, d in self._digests.items() if d != digest}
