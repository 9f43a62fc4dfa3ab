"""Which models are loaded: loads one on first use, once, and forgets it when nobody asks any more.

Makes room before a load, by limits on models and bytes: the least recently used model is evicted,
and never one in use. Knows the engine; does not know HTTP, nor where models come from. Belongs to
one event loop, whose thread alone changes its state; loading and unloading happen in threads beside
it. A model is in one of these states:

    absent -> loading -> in use <-> idle
    idle -> absent                 when its time is up, or another model needs room
    in use -> leaving -> absent    when another model needs room and none is idle
"""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from simile.engine.loading import load
from simile.engine.resident import Resident
from simile.engine.stats import EngineStats
from simile.errors import CheckpointError, EngineClosedError, EngineError
from simile.models.local_model import LocalModel
from simile.types import Precision

LOADING_THREADS = 2
"""Not those that answer other requests, so that slow loads hold up nothing but loads."""


MAX_WAIT_S = 30.0
"""How long a request waits for the first of its texts to be computed, once its model is loaded."""


class Residency:
    """The loaded models of one server."""

    def __init__(
        self,
        find: Callable[[Any], LocalModel],
        *,
        precision: Precision = "auto",
        keep_alive_s: float = 300.0,
        max_models: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """`find` gives the model of a name, which is anything hashable: equal names, one model.

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
        self._digests: dict[Hashable, str] = {}
        """Name to digest, for models that are loaded."""
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
        self, name: Hashable, *, keep_alive_s: float | None = None
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
        resident.restart_timer(self._expire)
        try:
            yield resident
        finally:
            self._release(resident)

    def residents(self) -> list[Resident]:
        """Return the loaded models."""
        return [*self._loaded.values(), *self._leaving.values()]

    def loading(self) -> int:
        """Count the models that are being loaded, or wait for room."""
        return len(self._loads)

    def unload(self, digest: str) -> None:
        """Unload a model as soon as it is idle, and look its names up again: files may change."""
        self._forget_names(digest)
        if resident := self._loaded.get(digest):
            resident.keep_alive_s = 0
            resident.restart_timer(self._expire)

    def close(self) -> None:
        """Unload everything; work that waits fails with EngineClosedError. Blocks."""
        self._closed = True
        for resident in self.residents():
            self._drop(resident)
            resident.engine.close()
        self._leaving.clear()
        self._left.set()
        self._threads.shutdown()

    async def _load(self, name: Hashable) -> Resident:
        """Return a model, held for the caller; load it unless it is already loading."""
        self._refuse_if_closed()
        model = await asyncio.to_thread(self._find, name)
        self._refuse_if_closed()
        digest = model.digest
        if (resident := self._loaded.get(digest)) is not None:
            self._hold(resident)
        else:
            try:
                resident = await self._wait_for_load(model)
            except CheckpointError:
                await asyncio.to_thread(self._find, name)  # raises if it was deleted meanwhile
                raise
        if self._loaded.get(digest) is resident:
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
            # Shielded: others may still wait for this load when the first caller is gone.
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
            work = partial(
                load,
                model,
                precision=self._precision,
                stats=self.stats,
                max_wait_s=MAX_WAIT_S,
            )
            engine = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            waiters = self._waiters.pop(digest, 0)
            self._reserved.pop(digest, None)
            self._left.set()
        if self._closed:
            engine.close()
        self._refuse_if_closed()
        # Held for the waiting requests from the start, or the next load might evict it.
        resident = Resident(model, engine, self._keep_alive_s, in_flight=waiters)
        self._loaded[digest] = resident
        resident.restart_timer(self._expire)
        return resident

    async def _make_room(self, model: LocalModel) -> None:
        """Unload the least recently used models until this one fits; wait for one to fall idle.

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
                self._leaving[victim.digest] = victim
            await self._left.wait()

    def _fits(self, model: LocalModel) -> bool:
        sizes = [*self._reserved.values(), *(one.size_bytes for one in self.residents())]
        return len(sizes) < self._max_models and sum(sizes) + model.size_bytes <= self._max_bytes

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise EngineClosedError("the server is shutting down")

    def _hold(self, resident: Resident) -> None:
        resident.in_flight += 1
        self._loaded[resident.digest] = self._loaded.pop(resident.digest)  # The last to go.

    def _release(self, resident: Resident) -> None:
        resident.in_flight -= 1
        is_idle = not resident.in_flight
        if self._leaving.get(resident.digest) is resident:
            if is_idle:
                self._close_later(resident)
            return
        resident.restart_timer(self._expire)
        if is_idle:
            self._left.set()

    def _expire(self, resident: Resident) -> None:
        if resident.in_flight == 0 and self._loaded.get(resident.digest) is resident:
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
        if self._leaving.get(resident.digest) is resident:
            del self._leaving[resident.digest]
        self._left.set()

    def _drop(self, resident: Resident) -> None:
        resident.stop_timer()
        self._loaded.pop(resident.digest, None)
        self._forget_names(resident.digest)

    def _forget_names(self, digest: str) -> None:
        self._digests = {name: d for name, d in self._digests.items() if d != digest}
