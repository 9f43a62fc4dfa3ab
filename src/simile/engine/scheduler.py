"""Turn texts of many callers into vectors, merged into batches, by a few threads of its own.

    submit, a few texts:    tokenize in the caller's thread -> a lane -> batch -> the future
    submit, a long call:    LongCalls -> the tokenizing thread -> a lane -> batch -> the future
    embed, one short text:  in the caller's thread, where a runner is free

The tokenizing thread works ahead (in Rust, on all cores) only until a fixed number of tokens waits.
As many threads as there are runners take batches from the lanes, which have their shares. One lock
guards all of it. Does not know HTTP, roles or prompts.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Condition, Lock, Thread
from time import perf_counter
from typing import Any, Generic
from weakref import ref

from simile.engine.alone import TOO_LONG, as_engine_error, embed_alone
from simile.engine.batching import Waiting, pad
from simile.engine.job import Job, Owner
from simile.engine.lanes import BULK, SHARES, SHORT, SHORT_CHARS, Lanes, lane_of
from simile.engine.long_calls import LongCalls
from simile.engine.patience import Patience
from simile.engine.rest import Rest
from simile.engine.runner import BatchRunner, Text, Tokenize
from simile.engine.stats import EngineStats
from simile.errors import EngineClosedError, TextTooLongError
from simile.types import Embeddings, EmbedResult

MAX_BATCH_TOKENS = 1024
MAX_WAITING_TOKENS = 64 * MAX_BATCH_TOKENS
MIXED_BATCH_TOKENS = 128
"""While short calls come, others' batches are this small, as a short call waits for the one that
runs; they cost a seventh more than large ones. Beside 64 clients: p99 63 ms, with 256 tokens 76."""
MIXED_S = 1.0
"""How soon after a short call the next one is expected."""
CLOSE_S = 10.0  # For callers that compute themselves.


class Scheduler(Generic[Text]):
    """The queue of one loaded model; safe to use from any thread."""

    def __init__(
        self,
        tokenize: Tokenize[Text],
        runners: Sequence[BatchRunner],
        *,
        dim: int,
        batch_tokens: int = MAX_BATCH_TOKENS,
        rest: Callable[[], None] = lambda: None,
        stats: EngineStats | None = None,
        max_wait_s: float = math.inf,
    ) -> None:
        """Start the threads: one that tokenizes, and as many as there are runners.

        A call of which nothing was computed after max_wait_s fails with OverloadedError.

        `rest` is called between batches now and then, and when there is nothing to do.
        """
        self._tokenize = tokenize
        self._runners = list(runners)
        """Those that are free."""
        self._runner_count = len(self._runners)
        self._batch_tokens = batch_tokens
        self._give_memory_back = rest
        self._rest = Rest()
        self._dim = dim
        self._stats = stats or EngineStats()
        self._long: LongCalls[Text] = LongCalls()
        self._lanes: Lanes[Owner[Text]] = Lanes(SHARES)
        self._last_short_s = -MIXED_S
        self._patience: Patience[Text] = Patience(max_wait_s)
        self._closed = False
        self._lock = Lock()
        self._may_tokenize = Condition(self._lock)
        self._may_run = Condition(self._lock)
        self._threads = [
            Thread(target=self._tokenize_loop, name="simile-tokenize", daemon=True),
            *(Thread(target=self._run_loop, name="simile-run", daemon=True) for _ in self._runners),
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, texts: Sequence[Text], *, window: int, truncate: bool = True
    ) -> Future[EmbedResult]:
        """Ask for vectors; returns at once. Cancelling the future drops the work.

        The future fails with TextTooLongError (only if not truncate), with EngineError if its batch
        failed, with EngineClosedError if the scheduler was closed meanwhile.
        """
        job = Job(texts, dim=self._dim, window=window, truncate=truncate)
        self._patience.add(job)
        if not job.texts:
            job.finish()
        elif (lane := lane_of(job.texts)) != BULK:
            self._tokenize_into(lane, [(job, n) for n in range(len(job.texts))])
        else:
            with self._lock:
                self._refuse_if_closed()
                self._long.add(job)
                self._may_tokenize.notify()
            known = ref(job)  # A future that held its job would keep the vectors alive in a cycle.
            job.future.add_done_callback(lambda _: self._forget(known()))
        return job.future

    def embed(self, texts: Sequence[Text], *, window: int, truncate: bool = True) -> EmbedResult:
        """Submit and wait. Raises what the future fails with.

        A short text alone goes straight through a free runner, in its caller's thread: of 2.0 ms
        that spares a tenth.
        """
        is_short = len(texts) == 1 and len(texts[0]) <= SHORT_CHARS
        runner = self._take_runner() if is_short else None
        if runner is None:
            return self.submit(texts, window=window, truncate=truncate).result()
        try:
            return embed_alone(
                texts[0], self._tokenize, runner, self._stats, window=window, truncate=truncate
            )
        finally:
            self._give_back(runner)

    def close(self) -> None:
        """Fail waiting work and stop the threads; block until the batches in flight are done."""
        with self._lock:
            self._closed = True
            self._may_tokenize.notify_all()
            self._may_run.notify_all()
        for thread in self._threads:
            thread.join()
        with self._lock:
            # Callers compute, too; one that is interrupted at the wrong moment never says it ended.
            self._may_run.wait_for(lambda: len(self._runners) == self._runner_count, CLOSE_S)
            items = self._lanes.take_all()
            waiting = [*self._long.take_all(), *(job for item in items for job, _ in item.owners)]
        gone = EngineClosedError("the model was unloaded before this text's turn; ask again")
        for job in waiting:
            job.fail(gone)

    def _forget(self, job: Job[Text] | None) -> None:
        """Free a long call's texts at once if its caller has gone, whatever waits before it."""
        if job and job.future.cancelled():
            with self._lock:
                self._long.remove(job)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise EngineClosedError("the model was unloaded; ask for it again")

    def _tokenize_into(self, lane: int, owners: list[Owner[Text]]) -> None:
        start_s = perf_counter()
        try:
            tokenized = self._tokenize(
                [job.texts[place] for job, place in owners], [job.window for job, _ in owners]
            )
        except Exception as exc:
            _fail(owners, exc)
            return
        self._stats.tokenize_s.add(perf_counter() - start_s)
        too_long = []
        with self._lock:
            self._refuse_if_closed()
            if lane == SHORT:
                self._last_short_s = start_s
            for (job, place), text in zip(owners, tokenized, strict=True):
                if text.truncated and not job.truncate:
                    too_long.append(job)
                    continue
                job.count(place, len(text.ids), text.truncated)
                self._lanes.add(lane, text, (job, place))
            self._may_run.notify()
        for job in too_long:
            job.fail(TextTooLongError(TOO_LONG))

    def _tokenize_loop(self) -> None:
        while owners := self._wait_for_texts():
            try:
                self._tokenize_into(BULK, owners)
            except EngineClosedError as exc:
                _fail(owners, exc)

    def _wait_for_texts(self) -> list[Owner[Text]]:
        """Wait for texts and room, and give the next few; none when closed."""
        with self._lock:
            while not self._closed:
                has_room = self._lanes.tokens(BULK) < MAX_WAITING_TOKENS
                if has_room and (owners := self._long.take()):
                    return owners
                self._may_tokenize.wait()
            return []

    def _run_loop(self) -> None:
        while not self._closed:
            if taken := self._wait_for_batch():
                self._run(*taken)
            elif not self._closed:
                with suppress(Exception):  # Whatever it was, texts are still to be answered.
                    self._give_memory_back()

    def _run(self, runner: BatchRunner, batch: list[Waiting[Owner[Text]]]) -> None:
        """Compute a batch and return the runner, whatever happens."""
        start_s = perf_counter()
        try:
            self._patience.look()
            inputs = pad([item.text for item in batch])
            vectors = runner.run(*inputs)
            seconds = perf_counter() - start_s
            self._stats.add_batch(
                texts=len(batch),
                tokens=sum(len(item.ids) for item in batch),
                size=inputs[0].size,
                seconds=seconds,
            )
            for job in self._deliver(batch, vectors, start_s, seconds):
                job.finish()
        except Exception as exc:
            _fail([owner for item in batch for owner in item.owners], exc)
        finally:
            self._give_back(runner)

    def _take_runner(self) -> BatchRunner | None:
        """Take a free runner; None if there is none, or if texts wait for one."""
        with self._lock:
            self._refuse_if_closed()
            self._last_short_s = perf_counter()
            return self._runners.pop() if self._runners and not self._lanes.waits else None

    def _give_back(self, runner: BatchRunner) -> None:
        with self._lock:
            self._runners.append(runner)
            if self._rest.worked() or self._lanes.waits or self._closed:
                self._may_run.notify()

    def _wait_for_batch(self) -> tuple[BatchRunner, list[Waiting[Owner[Text]]]] | None:
        """Wait for a batch and take it, with a runner; None when it is time to rest, or closed."""
        with self._lock:
            while not self._closed:
                if self._rest.is_due(idle=not self._lanes.waits):
                    return None
                if taken := self._take():
                    return taken
                self._may_run.wait(self._rest.wait_s)
            return None

    def _take(self) -> tuple[BatchRunner, list[Waiting[Owner[Text]]]] | None:
        """Take a batch and a runner, if there are both; the caller must hold the lock."""
        if not self._runners:
            return None
        is_mixed = perf_counter() - self._last_short_s < MIXED_S
        most = self._batch_tokens
        others = MIXED_BATCH_TOKENS if is_mixed else most
        batch = self._lanes.take((most, others, others), lambda owner: owner[0].wanted)
        if self._long:  # Room for more tokens, also where only unwanted texts were taken out.
            self._may_tokenize.notify()
        if not batch:
            return None
        if self._lanes.waits:
            self._may_run.notify()  # One notice may stand for more than one batch.
        return self._runners.pop(), batch

    def _deliver(
        self, batch: list[Waiting[Owner[Text]]], vectors: Embeddings, start_s: float, seconds: float
    ) -> list[Job[Text]]:
        """Put vectors (batch, dim) in their places; give the jobs that are complete now."""
        complete = []
        with self._lock:
            for item, vector in zip(batch, vectors, strict=False):
                for job, place in item.owners:
                    if (queue_s := job.computed(start_s, seconds)) is not None:
                        self._stats.queue_s.add(queue_s)
                    if job.deliver(place, vector):
                        complete.append(job)
        return complete


def _fail(owners: Sequence[Owner[Any]], exc: Exception) -> None:
    """Answer the callers of a step that failed; the next step goes on."""
    error = as_engine_error(exc)
    for job, _ in owners:
        job.fail(error)
