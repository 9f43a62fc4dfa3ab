"""Turn texts of many callers into vectors, merged into batches, by a few threads of its own.

One thread tokenises ahead (in Rust, all cores) into a pool per lane, one thread per runner takes
batches from the pools. Short calls go into the interactive lane, which is served before the bulk
lane, but not for ever. Holds at most a fixed number of waiting tokens, whatever is asked for. Does
not know HTTP, roles or prompts.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Protocol

from simile.engine.batching import Pool, Waiting, pad
from simile.engine.job import Job
from simile.errors import EngineClosedError, EngineError, TextTooLongError
from simile.models.tokenizer import Text, TokenIds, TokenizedText
from simile.types import Embeddings, EmbedResult

Tokenise = Callable[[Sequence[Text], Sequence[int]], list[TokenizedText]]
Owner = tuple[Job[Text], int]

MAX_BATCH_TOKENS = 1024
MAX_WAITING_TOKENS = 64 * MAX_BATCH_TOKENS
INTERACTIVE_TEXTS = 8
INTERACTIVE_CHARS = 8192
INTERACTIVE_STREAK = 8
"""So many interactive batches in a row, and then one of bulk."""
TOKENISE_TEXTS = 256
TOKENISE_CHARS = 65_536

log = logging.getLogger(__name__)


class BatchRunner(Protocol):
    """What computes a batch."""

    def run(self, input_ids: TokenIds, token_mask: TokenIds) -> Embeddings:
        """(batch, seq) int32 twice to (batch, dim) float32."""
        ...


class _Lane:
    def __init__(self) -> None:
        self.jobs: deque[Job[Text]] = deque()
        """Jobs with texts that are not tokenised yet."""
        self.pool: Pool[Owner] = Pool()

    def next_texts(self) -> list[Owner]:
        """Hand out the next texts to tokenise: a bounded slice over the jobs, first come first."""
        taken: list[Owner] = []
        chars = 0
        while self.jobs and len(taken) < TOKENISE_TEXTS and chars < TOKENISE_CHARS:
            job = self.jobs[0]
            if not job.wanted or job.tokenised == len(job.texts):
                self.jobs.popleft()
                continue
            taken.append((job, job.tokenised))
            chars += len(job.texts[job.tokenised])
            job.tokenised += 1
        return taken


class Scheduler:
    """The queue of one loaded model; safe to use from any thread."""

    def __init__(self, tokenise: Tokenise, runners: Sequence[BatchRunner], *, dim: int) -> None:
        """Start the threads: one that tokenises, and one per runner."""
        self._tokenise = tokenise
        self._dim = dim
        self._interactive, self._bulk = _Lane(), _Lane()
        self._streak = 0
        self._closed = False
        self._changed = Condition()
        self._threads = [
            Thread(target=self._tokenise_loop, name="simile-tokenise", daemon=True),
            *(
                Thread(target=self._run_loop, args=(runner,), name="simile-run", daemon=True)
                for runner in runners
            ),
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
        if not job.texts:
            job.finish()
            return job.future
        small = len(job.texts) <= INTERACTIVE_TEXTS
        small = small and sum(map(len, job.texts)) <= INTERACTIVE_CHARS
        with self._changed:
            if self._closed:
                raise EngineClosedError("the model was unloaded; ask for it again")
            (self._interactive if small else self._bulk).jobs.append(job)
            self._changed.notify_all()
        return job.future

    def close(self) -> None:
        """Fail what waits and stop the threads; blocks until the batches in flight are done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        gone = EngineClosedError("the model was unloaded before this text's turn; ask again")
        for lane in (self._interactive, self._bulk):
            waiting = {id(job): job for job in lane.jobs}
            for item in lane.pool.take_all():
                waiting.update((id(job), job) for job, _ in item.owners)
            for job in waiting.values():
                job.fail(gone)

    def _tokenise_loop(self) -> None:
        while True:
            with self._changed:
                lane, owners = self._wait_for_texts()
                if lane is None:
                    return
            try:
                tokenised = self._tokenise(
                    [job.texts[place] for job, place in owners], [job.window for job, _ in owners]
                )
            except Exception as exc:
                self._fail(owners, exc)
                continue
            with self._changed:
                for owner, text in zip(owners, tokenised, strict=True):
                    self._enter(lane, owner, text)
                self._changed.notify_all()

    def _wait_for_texts(self) -> tuple[_Lane | None, list[Owner]]:
        while not self._closed:
            for lane in (self._interactive, self._bulk):
                if lane.jobs and lane.pool.tokens < MAX_WAITING_TOKENS:
                    if owners := lane.next_texts():
                        return lane, owners
            self._changed.wait()
        return None, []

    def _enter(self, lane: _Lane, owner: Owner, text: TokenizedText) -> None:
        job, place = owner
        if text.truncated and not job.truncate:
            job.fail(TextTooLongError("the input length exceeds the context length"))
            return
        job.count(place, len(text.ids), text.truncated)
        lane.pool.add(text.ids, owner)

    def _run_loop(self, runner: BatchRunner) -> None:
        while True:
            with self._changed:
                batch = self._wait_for_batch()
            if not batch:
                return
            try:
                vectors = runner.run(*pad([item.ids for item in batch]))
            except Exception as exc:
                self._fail([owner for item in batch for owner in item.owners], exc)
                continue
            for job in self._deliver(batch, vectors):
                job.finish()

    def _deliver(self, batch: list[Waiting[Owner]], vectors: Embeddings) -> list[Job[Text]]:
        """Put vectors (batch, dim) in their places; give the jobs that are complete now."""
        with self._changed:
            return [
                job
                for item, vector in zip(batch, vectors, strict=True)
                for job, place in item.owners
                if job.deliver(place, vector)
            ]

    def _wait_for_batch(self) -> list[Waiting[Owner]]:
        while not self._closed:
            lanes = [self._interactive, self._bulk]
            if self._streak >= INTERACTIVE_STREAK:
                lanes.reverse()
            for lane in lanes:
                if batch := lane.pool.take(MAX_BATCH_TOKENS, _is_wanted):
                    self._streak = self._streak + 1 if lane is self._interactive else 0
                    self._changed.notify_all()  # There may be room for more tokens now.
                    return batch
            self._changed.wait()
        return []

    def _fail(self, owners: Sequence[Owner], exc: Exception) -> None:
        """Answer the callers of a failed step; the next step goes on."""
        if not isinstance(exc, EngineError):
            log.exception("a batch failed")
            exc = EngineError(f"embedding failed: {exc}")
        for job in {id(job): job for job, _ in owners}.values():
            job.fail(exc)


def _is_wanted(owner: Owner) -> bool:
    return owner[0].wanted
