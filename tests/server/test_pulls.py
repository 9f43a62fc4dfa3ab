"""One pull per model, however many wait for it; the hub is a few lines that a test controls."""

import asyncio
import queue
import threading
from typing import Any, cast

import pytest

from simile.errors import DownloadError, OverloadedError
from simile.hub.sources.source import PullProgress
from simile.server.errors import ClientGoneError
from simile.server.pulls import MAX_PULLS, Pulls

WAIT_S = 30


class StubHub:
    """Reports what a test puts into `steps`; None ends the pull, an error fails it."""

    def __init__(self, model: Any) -> None:
        self.steps: queue.SimpleQueue[PullProgress | Exception | None] = queue.SimpleQueue()
        self.pulls: list[str] = []
        self.ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._model = model

    def pull(self, name, *, progress, insecure):
        self.pulls.append(name)
        try:
            while (step := self.steps.get(timeout=WAIT_S)) is not None:
                if isinstance(step, Exception):
                    raise step
                progress(step)
        except BaseException as exc:
            self.ended.put(exc)
            raise
        self.ended.put(None)
        return self._model


@pytest.fixture
def stub(model):
    return StubHub(model)


async def collect(pull):
    return [step async for step in pull.steps()]


async def until(pull, wanted):
    async with asyncio.timeout(WAIT_S):
        async for told in pull.steps():
            if told == wanted:
                return


def step(done, file="weights"):
    return PullProgress("downloading", file, done, 10)


def test_two_listeners_share_a_pull_and_a_late_one_has_the_whole_story(stub, model):
    async def main():
        pulls = Pulls(cast(Any, stub))
        first = pulls.join("tiny:latest")
        early = asyncio.create_task(collect(first))
        stub.steps.put(step(10, "config"))
        stub.steps.put(step(3))
        await until(first, step(3))
        second = pulls.join("TINY:latest")
        late = asyncio.create_task(collect(second))
        stub.steps.put(step(10))
        stub.steps.put(None)
        async with asyncio.timeout(WAIT_S):
            return first, second, await early, await late

    first, second, early, late = asyncio.run(main())
    assert first is second
    assert first.model is model
    assert stub.pulls == ["tiny:latest"]
    assert early == [step(10, "config"), step(3), step(10)]
    assert [s for s in late if s.file == "weights"][-1] == step(10)
    assert late[0] == step(10, "config")


def test_a_failure_reaches_every_listener_and_the_next_pull_begins_anew(stub):
    async def main():
        pulls = Pulls(cast(Any, stub))
        pull = pulls.join("a:latest")
        listeners = [asyncio.create_task(collect(pulls.join("a:latest"))) for _ in range(2)]
        stub.steps.put(DownloadError("no network"))
        done = await asyncio.gather(*listeners, return_exceptions=True)
        again = pulls.join("a:latest")
        stub.steps.put(None)
        async with asyncio.timeout(WAIT_S):
            assert await collect(again) == []
        assert again is not pull
        return done

    assert [str(exc) for exc in asyncio.run(main())] == ["no network"] * 2
    assert len(stub.pulls) == 2


def test_a_pull_that_nobody_waits_for_is_broken_off(stub):
    async def main():
        pulls = Pulls(cast(Any, stub))
        pull = pulls.join("a:latest")
        assert pulls.join("a:latest") is pull
        pulls.leave("a:latest", pull)
        stub.steps.put(step(1))
        await until(pull, step(1))
        pulls.leave("a:latest", pull)
        stub.steps.put(step(3))
        assert isinstance(await asyncio.to_thread(stub.ended.get, True, WAIT_S), ClientGoneError)
        # Whoever comes now does not get what was broken off.
        again = pulls.join("a:latest")
        assert again is not pull
        stub.steps.put(None)
        async with asyncio.timeout(WAIT_S):
            await collect(again)

    asyncio.run(main())


def test_too_many_pulls_are_refused(stub):
    async def main():
        pulls = Pulls(cast(Any, stub))
        joined = [pulls.join(f"m{number}:latest") for number in range(MAX_PULLS)]
        with pytest.raises(OverloadedError):
            pulls.join("one-more:latest")
        for _ in joined:
            stub.steps.put(None)
        async with asyncio.timeout(WAIT_S):
            for pull in joined:
                await collect(pull)

    asyncio.run(main())


def test_reports_are_few_and_the_last_of_a_file_is_never_lost(stub):
    async def main():
        pulls = Pulls(cast(Any, stub))
        pull = pulls.join("a:latest")
        for done in range(1001):
            stub.steps.put(PullProgress("downloading", "weights", done, 1000))
        stub.steps.put(None)
        async with asyncio.timeout(WAIT_S):
            return await collect(pull)

    told = asyncio.run(main())
    assert told[-1].completed_bytes == 1000
    assert len(told) < 500


def test_a_server_that_has_stopped_is_no_error_of_the_thread(stub):
    async def main():
        Pulls(cast(Any, stub)).join("a:latest")

    asyncio.run(main())
    stub.steps.put(None)
    assert stub.ended.get(timeout=WAIT_S) is None
    for thread in threading.enumerate():
        if thread.name.startswith("simile-pull"):
            thread.join(WAIT_S)


@pytest.mark.parametrize(
    ("name", "is_told"),
    [("127.0.0.1:9/acme/tiny", False), ("evil.example/acme/tiny", False), ("hf.co/a/b", True),
     ("tiny", True)],
)  # fmt: skip
def test_a_client_is_told_no_more_than_that_it_failed(stub, name, is_told):
    """Of a registry that it named: what happened there would show it the server's own network."""

    async def go():
        pulls = Pulls(cast(Any, stub))
        pull = pulls.join(name)
        stub.steps.put(DownloadError("sha256 of x is abc, expected def; connection refused"))
        with pytest.raises(DownloadError) as failure:
            await collect(pull)
        return str(failure.value)

    said = asyncio.run(go())
    assert ("connection refused" in said) == is_told and ("abc" in said) == is_told
