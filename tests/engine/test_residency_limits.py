"""Who has to go when a model needs room, and who waits for whom."""

import asyncio
import contextlib
import threading

import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.engine.test_residency import ask, is_closed, until

from simile.engine.residency import LOADING_THREADS, Residency
from simile.errors import EngineClosedError, EngineError
from simile.hub.hub import Hub

WAIT_S = 30


@pytest.fixture(scope="session")
def names(tmp_path_factory):
    """Three models that differ."""
    folder = tmp_path_factory.mktemp("three")
    return [str(write_tiny_bert(folder / str(dim), dim=dim)) for dim in (8, 16, 32)]


@pytest.fixture
def make(tmp_path):
    made = []

    def build(**limits):
        made.append(Residency(Hub(tmp_path / "home").find, precision="f32", **limits))
        return made[-1]

    yield build
    for residency in made:
        residency.close()


def dims(residency):
    return {resident.embedder.dim for resident in residency.residents()}


async def waits_for_room(residency):
    """Wait until the one load that is asked for has begun to wait for room."""
    await until(lambda: residency.loading() == 1)
    await asyncio.sleep(0)  # It was just created, and has its turn before this one has another.


@contextlib.contextmanager
def no_load_ends(residency):
    """Keep all threads that load busy."""
    gate = threading.Event()
    busy = [residency._threads.submit(gate.wait, WAIT_S) for _ in range(LOADING_THREADS)]
    try:
        yield
    finally:
        gate.set()
    assert all(future.result() for future in busy)


def test_the_model_used_longest_ago_goes(make, names):
    async def main():
        residency = make(max_models=2)
        first = await ask(residency, names[0])
        second = await ask(residency, names[1])
        assert await ask(residency, names[0]) is first
        await ask(residency, names[2])
        assert dims(residency) == {8, 32}
        assert is_closed(second)
        assert not is_closed(first)

    asyncio.run(main())


def test_a_model_in_use_stays_and_an_idle_one_goes(make, names):
    async def main():
        residency = make(max_models=2)
        async with residency.using(names[0]) as held:
            await ask(residency, names[1])
            await ask(residency, names[2])
            assert dims(residency) == {8, 32}
            await held.embedder.embed_async(["sky"], role="query")

    asyncio.run(main())


def test_without_an_idle_model_a_load_waits_and_later_requests_wait_for_it(make, names):
    async def main():
        residency = make(max_models=1)
        order = []

        async def use(name):
            async with residency.using(name) as resident:
                order.append(resident.embedder.dim)
                return resident

        async with residency.using(names[0]) as held:
            new = asyncio.create_task(use(names[1]))
            await waits_for_room(residency)
            assert residency.residents() == [held]  # Told truly: it still takes memory.
            again = asyncio.create_task(use(names[0]))
            await until(lambda: residency.loading() == 2)
            assert not is_closed(held)
            await held.embedder.embed_async(["sky"], role="query")
        await new
        assert is_closed(held)
        assert await again is not held
        assert order == [16, 8]
        assert dims(residency) == {8}

    asyncio.run(main())


def test_all_of_many_requests_to_more_models_than_fit_are_answered(make, names):
    async def main():
        residency = make(max_models=1)
        asked = [ask(residency, names[n % 3]) for n in range(12)]
        async with asyncio.timeout(WAIT_S):
            residents = await asyncio.gather(*asked)
        assert {resident.embedder.dim for resident in residents} == {8, 16, 32}
        assert len(residency.residents()) == 1
        assert all(resident.in_flight == 0 for resident in residents)

    asyncio.run(main())


def test_the_sizes_of_files_count_against_the_memory_limit(make, names, tmp_path):
    hub = Hub(tmp_path / "home")
    sizes = [hub.find(name).size_bytes for name in names]

    async def main():
        residency = make(max_bytes=sizes[0] + sizes[1])
        await ask(residency, names[0])
        await ask(residency, names[1])
        assert dims(residency) == {8, 16}
        small = make(max_bytes=sizes[2] - 1)
        await ask(small, names[0])
        with pytest.raises(EngineError, match="SIMILE_MAX_MEMORY"):
            await ask(small, names[2])
        assert dims(small) == {8}  # Nothing was unloaded in vain.

    asyncio.run(main())


def test_a_loaded_model_answers_while_others_load(make, names):
    async def main():
        residency = make()
        loaded = await ask(residency, names[0])
        with no_load_ends(residency):
            loads = [asyncio.create_task(ask(residency, name)) for name in names[1:]]
            await until(lambda: residency.loading() == 2)
            async with asyncio.timeout(WAIT_S):
                assert await ask(residency, names[0]) is loaded
            assert not any(load.done() for load in loads)
        await asyncio.gather(*loads)
        assert residency.loading() == 0

    asyncio.run(main())


def test_a_model_loaded_for_nobody_has_an_end(make, names):
    async def main():
        residency = make(keep_alive_s=60)
        with no_load_ends(residency):
            only = asyncio.create_task(ask(residency, names[0]))
            await until(lambda: residency.loading() == 1)
            only.cancel()
            with pytest.raises(asyncio.CancelledError):
                await only
        await until(lambda: bool(residency.residents()))
        (resident,) = residency.residents()
        assert resident.in_flight == 0
        assert resident.expires_at is not None
        assert resident.timer is not None

    asyncio.run(main())


def test_closing_ends_a_wait_for_room(make, names):
    async def main():
        residency = make(max_models=1)
        async with residency.using(names[0]):
            new = asyncio.create_task(ask(residency, names[1]))
            await waits_for_room(residency)
            residency.close()
            with pytest.raises(EngineClosedError):
                await new

    asyncio.run(main())
