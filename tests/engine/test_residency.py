"""Which models are loaded, and until when."""

import asyncio
import math
import shutil

import numpy as np
import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.rerankers import write_tiny_reranker

from simile.engine.residency import Residency
from simile.errors import CheckpointError, EngineClosedError, InputError, ModelNotFoundError
from simile.hub.hub import Hub
from simile.hub.names import ModelName

WAIT_S = 30


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("resident"))


@pytest.fixture
def name(folder):
    return str(folder)


@pytest.fixture
def residency(tmp_path):
    made = Residency(Hub(tmp_path / "home").find, precision="f32")
    yield made
    made.close()


async def ask(residency, name, **options):
    async with residency.using(name, **options) as resident:
        await resident.embedder.embed_async(["sky"], role="query")
        return resident


async def until(condition):
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def is_closed(resident):
    try:
        resident.embedder.submit(["sky"])
    except EngineClosedError:
        return True
    return False


def test_concurrent_first_requests_load_once(residency, name):
    async def main():
        return await asyncio.gather(*(ask(residency, name) for _ in range(8)))

    assert len({id(resident) for resident in asyncio.run(main())}) == 1
    assert len(residency.residents()) == 1


def test_a_loaded_model_is_used_again(residency, name):
    async def main():
        first, second = await ask(residency, name), await ask(residency, name)
        assert first is second
        assert first.size_bytes > 0

    asyncio.run(main())


def test_keep_alive_0_unloads_after_the_last_request(residency, name):
    async def main():
        async with residency.using(name, keep_alive_s=0) as resident:
            await ask(residency, name)
            await asyncio.sleep(0.01)
            assert residency.residents() == [resident]
            vectors = await resident.embedder.embed_async(["sky"], role="query")
            assert np.isfinite(vectors).all()
        await until(lambda: not residency.residents())
        await until(lambda: is_closed(resident))
        assert await ask(residency, name) is not resident

    asyncio.run(main())


def test_keep_alive_0_of_many_at_once_answers_them_all(residency, name):
    async def main():
        for _ in range(3):
            await asyncio.gather(*(ask(residency, name, keep_alive_s=0) for _ in range(8)))
            await until(lambda: not residency.residents())

    asyncio.run(main())


def test_a_model_leaves_when_its_time_is_up(residency, name):
    async def main():
        resident = await ask(residency, name, keep_alive_s=0.02)
        assert resident.expires_at is not None
        await until(lambda: not residency.residents())

    asyncio.run(main())


def test_infinite_keep_alive_never_ends(residency, name):
    async def main():
        resident = await ask(residency, name, keep_alive_s=math.inf)
        assert resident.expires_at is None
        assert resident.timer is None
        await ask(residency, name)
        assert resident.timer is None
        assert residency.residents() == [resident]

    asyncio.run(main())


def test_no_keep_alive_leaves_what_was_said(residency, name):
    async def main():
        resident = await ask(residency, name)
        assert resident.keep_alive_s == 300
        await ask(residency, name, keep_alive_s=7)
        await ask(residency, name)
        assert resident.keep_alive_s == 7

    asyncio.run(main())


def test_a_request_that_fails_still_lets_go(residency, name):
    async def main():
        with pytest.raises(ZeroDivisionError):
            async with residency.using(name, keep_alive_s=0) as resident:
                raise ZeroDivisionError
        assert resident.in_flight == 0
        await until(lambda: not residency.residents())

    asyncio.run(main())


def test_a_failed_load_reaches_all_who_wait_and_is_tried_again(residency, tmp_path):
    folder = write_tiny_bert(tmp_path / "broken")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4])

    async def main():
        asked = [ask(residency, str(folder)) for _ in range(4)]
        errors = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(error) for error in errors] == [CheckpointError] * 4
        assert not residency.residents()
        weights.write_bytes(whole)
        assert await ask(residency, str(folder))

    asyncio.run(main())


def test_a_load_outlives_the_request_that_began_it(residency, name):
    async def main():
        first = asyncio.create_task(ask(residency, name))
        second = asyncio.create_task(ask(residency, name))
        await until(lambda: residency.loading() == 1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await second) in residency.residents()

    asyncio.run(main())


def test_two_names_of_one_model_share_it(residency, name, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")

    async def main():
        first, second = await asyncio.gather(
            ask(residency, name), ask(residency, str(tmp_path / "copy"))
        )
        assert first is second
        await ask(residency, name, keep_alive_s=0)
        await until(lambda: not residency.residents())
        assert await ask(residency, str(tmp_path / "copy")) is not first

    asyncio.run(main())


def test_all_spellings_of_a_name_are_looked_up_once(folder, tmp_path):
    hub, looked_up = Hub(tmp_path / "home", [folder.parent]), []
    hub.pull(folder.name)
    written = (
        folder.name,
        folder.name.upper(),
        f" {folder.name}:LATEST ",
        f"library/{folder.name}",
    )

    def find(name):
        looked_up.append(name)
        return hub.find(name)

    async def main(residency):
        assert len({await ask(residency, ModelName.parse(text)) for text in written}) == 1

    residency = Residency(find, precision="f32")
    asyncio.run(main(residency))
    residency.close()
    assert len(looked_up) == 1


def test_an_unknown_model_is_not_found(residency):
    with pytest.raises(ModelNotFoundError):
        asyncio.run(ask(residency, "no-such-model"))


def test_closing_unloads_and_refuses(residency, name):
    async def main():
        resident = await ask(residency, name)
        residency.close()
        assert residency.residents() == []
        assert is_closed(resident)
        with pytest.raises(EngineClosedError, match="shutting down"):
            await ask(residency, name)

    asyncio.run(main())


def test_a_reranker_is_held_beside_embedders_and_makes_no_vectors(residency, name, tmp_path):
    cross = str(write_tiny_reranker(tmp_path / "cross"))

    async def rank(model):
        async with residency.using(model) as resident:
            future = resident.reranker.submit("sky", ["cat", "blue"])
            return resident, (await asyncio.wrap_future(future)).scores

    async def main():
        (first, scores), (second, cosines) = await rank(cross), await rank(name)
        assert first in residency.residents() and second in residency.residents()
        assert scores.shape == cosines.shape == (2,)
        assert second.embedder is second.engine
        with pytest.raises(InputError, match="is a reranker"):
            _ = first.embedder

    asyncio.run(main())
