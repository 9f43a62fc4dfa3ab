"""Let long calls take turns at the tokenizer, a slice of texts at a time.

So that the next long call does not wait until all texts of the one before it are tokenized. Knows
no threads: its owner's lock guards it.
"""

from collections import deque
from contextlib import suppress
from typing import Generic

from simile.engine.job import Job, Owner
from simile.engine.runner import Text

TOKENIZE_TEXTS = 64
TOKENIZE_CHARS = 16_384
"""Of a long call at a time: a slice keeps all cores busy for some milliseconds, and the next long
call's turn comes after it."""


class LongCalls(Generic[Text]):
    """Calls whose texts have not all been handed to the tokenizer yet."""

    def __init__(self) -> None:
        self._jobs: deque[Job[Text]] = deque()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def add(self, job: Job[Text]) -> None:
        """Let a call wait for its turn."""
        self._jobs.append(job)

    def remove(self, job: Job[Text]) -> None:
        """Let go of a call and its texts, if it still waits."""
        with suppress(ValueError):
            self._jobs.remove(job)

    def take(self) -> list[Owner[Text]]:
        """Take the next slice of texts, and let the next call begin the slice after it."""
        taken: list[Owner[Text]] = []
        chars = 0
        while self._jobs and len(taken) < TOKENIZE_TEXTS and chars < TOKENIZE_CHARS:
            job = self._jobs[0]
            if not job.wanted or job.tokenized == len(job.texts):
                self._jobs.popleft()
                continue
            taken.append((job, job.tokenized))
            chars += len(job.texts[job.tokenized])
            job.tokenized += 1
        self._jobs.rotate(-1)
        return taken

    def take_all(self) -> list[Job[Text]]:
        """Remove and return all calls."""
        jobs = list(self._jobs)
        self._jobs.clear()
        return jobs
