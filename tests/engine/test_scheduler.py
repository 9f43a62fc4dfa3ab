"""Many callers, one engine: what shares a batch, who goes first, and what happens when things fail.

The stub reads a character as a token and its vector is (sum, tokens); a gated runner computes a
batch when the test lets it. Nothing here sleeps: `settle` waits until a text has been tokenized.
"""

import asyncio
import queue
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from weakref import ref

import numpy as np
import pytest

from simile.engine import lanes
from simile.engine import scheduler as limits
from simile.engine.long_calls import TOKENIZE_TEXTS
from simile.engine.scheduler import Scheduler
from simile.errors import EngineClosedError, EngineError, TextTooLongError
from simile.models.tokenizer import Text, TokenizedText

WINDOW = 5000
WAIT_S = 30
BULK = lanes.FEW_TEXTS + 1


class Runner:
    """Computes at once, unless gated."""

    def __init__(self, *, gated: bool = False) -> None:
        self.started: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self.gate = threading.Semaphore(0)
        self.gated = gated

    def run(self, input_ids, token_mask, token_types=None):
        rows = [row[: m.sum()] for row, m in zip(input_ids, token_mask, strict=True)]
        texts = ["".join(map(chr, row)) for row in rows]
        self.started.put(texts)
        if self.gated:
            assert self.gate.acquire(timeout=WAIT_S)
        if "boom" in texts:
            raise ZeroDivisionError("a failing batch")
        return np.array([vector_of(text) for text in texts], dtype=np.float32)

    def next_batch(self) -> list[str]:
        """Wait for a batch to start, and let the one before it go on."""
        return self.started.get(timeout=WAIT_S)

    def open(self) -> None:
        self.gated = False
        self.gate.release()

    def batches(self) -> list[list[str]]:
        found = []
        while not self.started.empty():
            found.append(self.started.get())
        return found


Wait = tuple[str, float | None]
"""The name of a thread that begins to wait for others, and for how long it does."""


class Word(str):
    """A text of which one can ask whether anybody still holds it."""


class Engine:
    """A scheduler over stubs."""

    def __init__(self, *runners: Runner) -> None:
        self.slices: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self.markers = 0
        self.runner = runners[0]
        self.scheduler = Scheduler(self.tokenize, runners, dim=2)

    def tokenize(self, texts: Sequence[Text], windows: Sequence[int]) -> list[TokenizedText]:
        words = [str(text) for text in texts]
        self.slices.put(words)
        if "unreadable" in words:
            raise ZeroDivisionError("a failing tokenizer")
        return [
            TokenizedText(np.array([ord(c) for c in word[:window]], np.int32), len(word) > window)
            for word, window in zip(words, windows, strict=True)
        ]

    def submit(self, texts, *, window=WINDOW, truncate=True):
        return self.scheduler.submit(texts, window=window, truncate=truncate)

    def settle(self, text: str, *, bulk: bool = False) -> None:
        """Wait until a text waits in its lane's pool, or was handed to a runner.

        Texts are tokenized in order, slice by slice: when a later one of its lane is, it is there.
        The later ones are too long to share a batch with it.
        """
        self._wait_for(text)
        self.markers += 1
        names = range(BULK if bulk else 1)
        marks = [f"{self.markers}/{n}".ljust(limits.MAX_BATCH_TOKENS - 100) for n in names]
        self.submit(marks)
        self._wait_for(marks[0])

    def _wait_for(self, text: str) -> None:
        while text not in self.slices.get(timeout=WAIT_S):
            pass

    def plug(self) -> None:
        """Occupy the gated runner."""
        self.submit(["plug"])
        assert self.runner.next_batch() == ["plug"]
        self.settle("plug")


@pytest.fixture
def make():
    made = []

    def build(*runners):
        made.append(Engine(*runners))
        return made[-1]

    yield build
    for engine in made:
        engine.runner.gated = False
        engine.runner.gate.release(10_000)
        engine.scheduler.close()


@pytest.fixture
def waits(monkeypatch) -> queue.SimpleQueue[Wait]:
    """Hear of each wait of a thread of the schedulers made from here on, as it begins."""
    begun: queue.SimpleQueue[Wait] = queue.SimpleQueue()

    class Heard(threading.Condition):
        def wait(self, timeout=None):
            begun.put((threading.current_thread().name, timeout))
            return super().wait(timeout)

    monkeypatch.setattr(limits, "Condition", Heard)
    return begun


@pytest.fixture
def engine(make):
    return make(Runner())


@pytest.fixture
def gated(make):
    return make(Runner(gated=True))


def vector_of(text: str) -> tuple[float, float]:
    return (float(sum(map(ord, text))), float(len(text)))


def answer(future):
    return future.result(timeout=WAIT_S)


def assert_right(future, texts: Iterable[str]) -> None:
    got = answer(future)
    assert got.vectors.tolist() == [list(vector_of(text)) for text in texts]
    assert got.token_counts.tolist() == [len(text) for text in texts]
    assert not got.truncated.any()


def many(count, lead="t"):
    return [f"{lead}{n:06}" for n in range(count)]


def test_no_texts_are_answered_with_no_vectors(engine):
    got = answer(engine.submit([]))
    assert got.vectors.shape == (0, 2)
    assert got.vectors.dtype == np.float32
    assert got.token_counts.shape == got.truncated.shape == (0,)


def test_vectors_come_in_the_order_of_the_texts(engine):
    lengths = np.random.default_rng(0).integers(1, 400, 700)
    texts = [f"{n}".ljust(length, "x") for n, length in enumerate(lengths)]
    assert_right(engine.submit(texts), texts)


def test_texts_of_several_callers_share_a_batch(gated):
    gated.plug()
    first, second = gated.submit(["aa1", "aa2"]), gated.submit(["bb1"])
    gated.settle("bb1")
    gated.runner.open()
    assert_right(first, ["aa1", "aa2"])
    assert_right(second, ["bb1"])
    assert ["aa1", "aa2", "bb1"] in gated.runner.batches()


def test_equal_texts_of_one_call_run_once(engine):
    texts = ["one", "two", "one", "one"]
    assert_right(engine.submit(texts), texts)
    ran = [text for batch in engine.runner.batches() for text in batch]
    assert sorted(ran) == ["one", "two"]


def test_equal_texts_of_several_callers_run_once(gated):
    gated.plug()
    first, second = gated.submit(["same", "left"]), gated.submit(["rite", "same"])
    gated.settle("rite")
    gated.runner.open()
    assert_right(first, ["same", "left"])
    assert_right(second, ["rite", "same"])
    ran = [text for batch in gated.runner.batches() for text in batch]
    assert ran.count("same") == 1


def test_a_short_call_goes_before_bulk(gated):
    gated.plug()
    bulk = gated.submit(many(400))
    gated.settle("t000255", bulk=True)
    short = gated.submit(["short"])
    gated.settle("short")
    gated.runner.open()
    assert_right(short, ["short"])
    assert_right(bulk, many(400))
    batches = gated.runner.batches()
    place = next(n for n, batch in enumerate(batches) if "short" in batch)
    assert all(not text.startswith("t0") for batch in batches[:place] for text in batch)


def test_bulk_gets_its_turn_among_short_calls(gated):
    gated.plug()
    bulk = gated.submit(many(BULK))
    gated.settle(many(BULK)[-1], bulk=True)
    # Too long to share a batch with each other.
    shorts = [f"s{n}".ljust(limits.MAX_BATCH_TOKENS - 50) for n in range(30)]
    futures = [gated.submit([text]) for text in shorts]
    gated.settle(shorts[-1])
    gated.runner.open()
    for future, text in zip(futures, shorts, strict=True):
        assert_right(future, [text])
    assert_right(bulk, many(BULK))
    batches = gated.runner.batches()
    place = next(n for n, batch in enumerate(batches) if "t000000" in batch)
    assert place <= 1 + lanes.SHARES[lanes.FEW] / lanes.SHARES[lanes.BULK]


def test_a_short_call_goes_before_calls_of_a_few_long_texts(gated):
    gated.plug()
    longer = [f"s{n}".ljust(limits.MAX_BATCH_TOKENS - 50) for n in range(9)]
    futures = [gated.submit([text]) for text in longer]
    gated.settle(longer[-1])
    short = gated.submit(["short"])
    gated.settle("short")
    gated.runner.open()
    for future, text in zip((*futures, short), (*longer, "short"), strict=True):
        assert_right(future, [text])
    batches = gated.runner.batches()
    assert next(n for n, batch in enumerate(batches) if "short" in batch) <= 1


def test_batches_of_others_are_small_while_short_calls_come(gated, monkeypatch):
    monkeypatch.setattr(limits, "MIXED_S", float("inf"))
    gated.plug()
    bulk = gated.submit(many(400))
    gated.settle("t000255", bulk=True)
    gated.runner.open()
    assert_right(bulk, many(400))
    batches = [batch for batch in gated.runner.batches() if batch[0].startswith("t0")]
    sizes = [sum(map(len, batch)) for batch in batches]
    assert max(sizes) <= limits.MIXED_BATCH_TOKENS


def test_long_calls_take_turns(gated):
    gated.plug()
    first, second = many(2000), [f"u{n}" for n in range(BULK)]
    futures = gated.submit(first), gated.submit(second)
    gated.settle(second[-1], bulk=True)
    gated.runner.open()
    for future, texts in zip(futures, (first, second), strict=True):
        assert_right(future, texts)
    ran = [text for batch in gated.runner.batches() for text in batch]
    assert ran.index(second[-1]) < ran.index(first[-1])


def test_work_whose_caller_has_gone_is_dropped(gated):
    gated.plug()
    gone, shared = gated.submit(["gone1", "both1"]), gated.submit(["both1", "mine1"])
    gated.settle("mine1")
    assert gone.cancel()
    gated.runner.open()
    assert_right(shared, ["both1", "mine1"])
    ran = [text for batch in gated.runner.batches() for text in batch]
    assert "gone1" not in ran
    with pytest.raises(CancelledError):
        answer(gone)


def test_texts_of_a_caller_who_has_gone_are_not_even_tokenized(gated):
    gated.plug()
    rest = many(limits.MAX_WAITING_TOKENS // 7 + 5 * TOKENIZE_TEXTS)
    gone = gated.submit(rest)
    gated._wait_for(rest[0])
    gone.cancel()
    gated.runner.open()
    assert_right(gated.submit(many(BULK, "u")), many(BULK, "u"))
    assert not any(rest[-1] in words for words in drain(gated.slices))


def test_a_long_call_whose_caller_has_gone_is_forgotten_at_once(gated):
    gated.plug()
    # More than may wait, so that the next call is not even looked at.
    first = gated.submit([f"{n:04}" * 256 for n in range(100)])
    texts = [Word(text) for text in many(BULK)]
    second, held = gated.submit(texts), list(map(ref, texts))
    del texts
    assert all(text() is not None for text in held)
    assert second.cancel()
    assert all(text() is None for text in held)
    gated.runner.open()
    assert len(answer(first).vectors) == 100


def test_texts_behind_dropped_work_are_answered(waits, make):
    """A full pool whose callers have gone makes room without another call's push."""
    gated = make(Runner(gated=True))
    gated.slices = waits  # One queue, so that what comes first is known.
    gated.submit(["plug"])
    gated.runner.next_batch()
    size = 64
    full = limits.MAX_WAITING_TOKENS // size
    gone = gated.submit([f"{n}".ljust(size) for n in range(full + TOKENIZE_TEXTS)])
    tokenized = 0
    while tokenized < full:
        event = waits.get(timeout=WAIT_S)
        tokenized += sum(len(text) == size for text in event) if isinstance(event, list) else 0
    assert waits.get(timeout=WAIT_S) == ("simile-tokenize", None), "it waits for room"
    behind = gated.submit(many(BULK))
    assert waits.get(timeout=WAIT_S) == ("simile-tokenize", None), "there is none for this one"
    gone.cancel()
    gated.runner.open()
    assert len(answer(behind).vectors) == BULK


def test_a_failing_batch_fails_its_callers_and_no_others(gated):
    gated.plug()
    failing = gated.submit(["boom"])
    with_it = gated.submit(["bomb", "a text of another length than that"])
    apart = gated.submit(["a text of yet another length: not of that batch".ljust(300)])
    gated.settle("a text of yet another length: not of that batch".ljust(300))
    gated.runner.open()
    for future in (failing, with_it):
        with pytest.raises(EngineError, match="a failing batch"):
            answer(future)
    assert len(answer(apart).vectors) == 1
    assert_right(gated.submit(["bomb"]), ["bomb"])


def test_a_failing_tokenizer_fails_its_callers_and_the_engine_goes_on(engine):
    with pytest.raises(EngineError, match="a failing tokenizer"):
        answer(engine.submit(["fine", "unreadable"]))
    assert_right(engine.submit(["fine"]), ["fine"])


def test_texts_too_long_are_cut_or_refused_as_asked(engine):
    got = answer(engine.submit(["abc", "abcdef"], window=4))
    assert got.truncated.tolist() == [False, True]
    assert got.token_counts.tolist() == [3, 4]
    assert got.vectors.tolist() == [list(vector_of("abc")), list(vector_of("abcd"))]
    with pytest.raises(TextTooLongError):
        answer(engine.submit(["abc", "abcdef"], window=4, truncate=False))
    assert_right(engine.submit(["abc", "abcd"], window=4, truncate=False), ["abc", "abcd"])


def test_a_text_refused_as_too_long_leaves_other_callers_alone(gated):
    gated.plug()
    refused = gated.submit(["abcdef", "ab"], window=4, truncate=False)
    cut = gated.submit(["abcdef", "ab"], window=4)
    gated.settle("abcdef")
    gated.runner.open()
    with pytest.raises(TextTooLongError):
        answer(refused)
    assert answer(cut).truncated.tolist() == [True, False]


def test_closing_fails_what_waits_and_what_comes_later(make):
    engine = make(Runner(gated=True))
    engine.plug()
    waiting, bulk = engine.submit(["waits"]), engine.submit(many(1000))
    engine.settle("waits")
    closing = threading.Thread(target=engine.scheduler.close)
    closing.start()
    while True:
        try:
            engine.submit(["late"])
        except EngineClosedError:
            break
    engine.runner.open()
    closing.join(WAIT_S)
    assert not closing.is_alive()
    for future in (waiting, bulk):
        with pytest.raises(EngineClosedError):
            answer(future)
    with pytest.raises(EngineClosedError, match="unloaded"):
        engine.submit(["later"])


def test_closing_answers_the_batch_in_flight(make):
    engine = make(Runner(gated=True))
    running = engine.submit(["now"])
    assert engine.runner.next_batch() == ["now"]
    closing = threading.Thread(target=engine.scheduler.close)
    closing.start()
    engine.runner.open()
    closing.join(WAIT_S)
    assert_right(running, ["now"])


def test_closing_twice_is_closing(engine):
    engine.scheduler.close()
    engine.scheduler.close()


def test_closing_ends_the_threads(make):
    before = set(threading.enumerate())
    engine = make(Runner(), Runner())
    mine = set(threading.enumerate()) - before
    assert len(mine) == 3
    engine.scheduler.close()
    assert not mine & set(threading.enumerate())


def test_the_tokenizer_stops_when_enough_waits(gated):
    ahead_at_slice, size = [], 64
    count = 3 * limits.MAX_WAITING_TOKENS // size
    texts = [f"{n}".ljust(size) for n in range(count)]
    gated.plug()
    future = gated.submit(texts)
    tokenized = computed = 0
    full = limits.MAX_WAITING_TOKENS // size
    while tokenized < full:
        tokenized += sum(len(text) == size for text in gated.slices.get(timeout=WAIT_S))
    # The runner is held, so only its own batch may have left the pool: no more than one slice
    # beyond the limit is ever tokenized, however long the runner takes.
    while not future.done():
        gated.runner.gate.release()
        computed += sum(len(text) == size for text in gated.runner.next_batch())
        tokenized += sum(len(text) == size for words in drain(gated.slices) for text in words)
        ahead_at_slice.append(tokenized - computed)
        if computed == count:
            gated.runner.open()
            break
    assert max(ahead_at_slice) <= full + TOKENIZE_TEXTS + limits.MAX_BATCH_TOKENS // size
    assert len(answer(future).vectors) == count


def drain(source):
    found = []
    while not source.empty():
        found.append(source.get())
    return found


def test_a_hundred_thousand_texts_of_one_call_are_answered(engine):
    texts = many(100_000)
    got = answer(engine.submit(texts))
    np.testing.assert_array_equal(
        got.vectors, np.array([vector_of(text) for text in texts], np.float32)
    )


def test_futures_are_awaited_and_cancelled_from_asyncio(gated):
    gated.plug()

    async def ask():
        kept = asyncio.wrap_future(gated.submit(["kept1"]))
        gone = gated.submit(["gone1"])
        waiting = asyncio.ensure_future(asyncio.wrap_future(gone))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)
        assert gone.cancelled()
        gated.settle("gone1")
        gated.runner.open()
        return await asyncio.wait_for(kept, WAIT_S)

    assert asyncio.run(ask()).vectors.tolist() == [list(vector_of("kept1"))]
    assert all("gone1" not in batch for batch in gated.runner.batches())


def test_a_failure_reaches_asyncio(engine):
    async def ask():
        await asyncio.wrap_future(engine.submit(["boom"]))

    with pytest.raises(EngineError, match="a failing batch"):
        asyncio.run(ask())


def test_many_threads_at_once_each_get_their_own(make):
    engine = make(Runner(), Runner())

    def call(number):
        draw = np.random.default_rng(number)
        for _ in range(15):
            sizes = draw.integers(1, 90, draw.integers(1, 30))
            texts = ["".join(map(chr, draw.integers(97, 123, size))) for size in sizes]
            future = engine.submit(texts)
            if draw.random() < 0.2 and future.cancel():
                continue
            assert_right(future, texts)
        return number

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(call, range(16))) == list(range(16))


def test_a_short_text_alone_is_computed_by_its_caller(engine):
    threads = []
    run = engine.runner.run

    def watched(*batch):
        threads.append(threading.get_ident())
        return run(*batch)

    engine.runner.run = watched
    result = engine.scheduler.embed(["cat"], window=WINDOW)
    assert threads == [threading.get_ident()]
    assert result.vectors.tolist() == [list(vector_of("cat"))]
    assert (result.token_counts.tolist(), result.truncated.tolist()) == ([3], [False])
    assert result.inference_s > 0


@pytest.mark.parametrize("texts", [["a", "b"], ["x" * (lanes.SHORT_CHARS + 1)], []])
def test_what_is_more_than_a_short_text_waits_its_turn(engine, texts):
    result = engine.scheduler.embed(texts, window=WINDOW)
    assert [tuple(row) for row in result.vectors] == [vector_of(text) for text in texts]


def test_where_no_runner_is_free_a_caller_waits_and_is_served(gated):
    gated.plug()
    with ThreadPoolExecutor() as pool:
        answer_of = pool.submit(gated.scheduler.embed, ["cat"], window=WINDOW)
        gated.settle("cat")
        assert not answer_of.done()
        gated.runner.open()
        assert answer_of.result(WAIT_S).vectors.tolist() == [list(vector_of("cat"))]


@pytest.mark.parametrize("text", ["boom", "unreadable"])
def test_a_text_that_fails_alone_fails_its_caller_and_the_next_is_served(engine, text):
    with pytest.raises(EngineError, match="a failing"):
        engine.scheduler.embed([text], window=WINDOW)
    assert len(engine.scheduler.embed(["cat"], window=WINDOW).vectors) == 1


def test_a_text_alone_may_be_too_long_or_cut(engine):
    with pytest.raises(TextTooLongError):
        engine.scheduler.embed(["cats"], window=3, truncate=False)
    result = engine.scheduler.embed(["cats"], window=3)
    assert (result.token_counts.tolist(), result.truncated.tolist()) == ([3], [True])


def test_a_closed_scheduler_refuses_a_text_alone(engine):
    engine.scheduler.close()
    with pytest.raises(EngineClosedError):
        engine.scheduler.embed(["cat"], window=WINDOW)


def test_closing_waits_for_a_caller_that_computes(waits, make):
    gated = make(Runner(gated=True))
    with ThreadPoolExecutor(thread_name_prefix="caller") as pool:
        answer_of = pool.submit(gated.scheduler.embed, ["cat"], window=WINDOW)
        assert gated.runner.next_batch() == ["cat"]
        closed = pool.submit(gated.scheduler.close)
        while not waits.get(timeout=WAIT_S)[0].startswith("caller"):
            pass
        assert not closed.done()
        gated.runner.open()
        closed.result(WAIT_S)
        assert len(answer_of.result(WAIT_S).vectors) == 1


def test_an_idle_engine_gives_memory_back_once(monkeypatch, waits):
    monkeypatch.setattr("simile.engine.rest.IDLE_S", 0.05)
    runner = Runner()
    engine = Engine(runner)
    engine.scheduler.close()
    scheduler = Scheduler(engine.tokenize, [runner], dim=2, rest=lambda: waits.put(("rest", 0)))
    for _ in range(2):
        scheduler.embed(["cat"], window=WINDOW)
        while waits.get(timeout=WAIT_S) != ("rest", 0):
            pass
        assert waits.get(timeout=WAIT_S) == ("simile-run", None), "until there is work again"
    scheduler.close()


def test_a_text_without_tokens_is_answered_among_others(engine):
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            engine.scheduler.embed(["cat"], window=WINDOW)

    with ThreadPoolExecutor() as pool:
        asking = pool.submit(ask)
        try:
            assert_right(engine.submit([""]), [""])
        finally:
            stop.set()
        asking.result(WAIT_S)


def test_an_error_of_the_engine_is_given_as_it_is(engine):
    def fail(*batch):
        raise EngineError("out of memory")

    engine.runner.run = fail
    with pytest.raises(EngineError) as caught:
        engine.scheduler.embed(["cat"], window=WINDOW)
    assert caught.value.__cause__ is None


def test_a_rest_that_fails_stops_nothing(monkeypatch):
    monkeypatch.setattr("simile.engine.rest.IDLE_S", 0.05)
    rested: queue.SimpleQueue[str] = queue.SimpleQueue()

    def rest() -> None:
        rested.put("now")
        raise MemoryError

    engine = Engine(Runner())
    engine.scheduler.close()
    scheduler = Scheduler(engine.tokenize, [engine.runner], dim=2, rest=rest)
    for _ in range(2):
        assert_right(scheduler.submit(["cat"], window=WINDOW), ["cat"])
        assert rested.get(timeout=WAIT_S) == "now"
    scheduler.close()
