"""Pull models in threads of their own: one pull per model, however many clients wait for it.

Knows the hub and the event loop, not HTTP. A pull that nobody waits for any more stops at its next
report: the hub holds whole models only, and the next pull resumes the partial download.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

from simile.errors import DownloadError, OverloadedError
from simile.hub.hub import Hub, LocalModel, PullProgress
from simile.hub.names import DEFAULT_HOST, HUB_HOSTS, ModelName
from simile.server.errors import ClientGoneError

logger = logging.getLogger("simile.server")

MAX_PULLS = 8
"""Pulls at a time; each holds a thread and a connection."""
REPORT_EVERY_S = 0.06
"""As often as Ollama tells how far a file has come."""


class Pull:
    """One model on its way here; belongs to one event loop, but for what its thread calls."""

    def __init__(self) -> None:
        self.listeners = 1
        """Counts the caller that started the pull, so the thread never sees zero listeners."""
        self.ended = False
        self._model: LocalModel | None = None
        self._error: Exception | None = None
        self._steps: list[PullProgress] = []
        """The latest of each file and status, so that it stays short and a late listener has it."""
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._last: tuple[str, str | None, float] = ("", None, 0.0)

    async def steps(self) -> AsyncIterator[PullProgress]:
        """Yield the reports from the beginning; ends with the pull, or raises what it raised."""
        at, shown = 0, None
        while True:
            changed = self._changed
            while at < len(self._steps):
                step = self._steps[at]
                if step is not shown:
                    shown = step
                    yield step
                elif at + 1 < len(self._steps):
                    at += 1
                else:
                    break
            if self.ended:
                break
            await changed.wait()
        if self._error:
            raise self._error

    @property
    def model(self) -> LocalModel:
        """The model that was pulled; available once the steps have ended."""
        assert self._model, "the pull has ended well"
        return self._model

    def run(self, hub: Hub, name: str, insecure: bool) -> None:
        """Pull in the calling thread, and hand the reports to the event loop."""
        try:
            self._model = hub.pull(name, progress=self._report, insecure=insecure)
        except DownloadError as exc:
            logger.warning("%s could not be pulled: %s", name, exc)
            self._error = _in_few_words(name, exc)
        except Exception as exc:
            self._error = exc
        with suppress(RuntimeError):  # The loop is closed: the server has stopped meanwhile.
            self._loop.call_soon_threadsafe(self._end)

    def _report(self, step: PullProgress) -> None:
        if not self.listeners:
            raise ClientGoneError("nobody waits for this pull any more")
        status, file, told_at = self._last
        is_same = (status, file) == (step.status, step.file)
        is_whole = step.completed_bytes == step.total_bytes
        if is_same and not is_whole and monotonic() - told_at < REPORT_EVERY_S:
            return
        self._last = (step.status, step.file, monotonic())
        self._loop.call_soon_threadsafe(self._tell, step)

    def _tell(self, step: PullProgress) -> None:
        last = self._steps[-1] if self._steps else None
        if last and (last.status, last.file) == (step.status, step.file):
            self._steps[-1] = step
        else:
            self._steps.append(step)
        self._wake()

    def _end(self) -> None:
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _in_few_words(name: str, exc: DownloadError) -> DownloadError:
    """Return what a client is told: of a registry that it chose, not what happened there.

    Statuses, refused connections and checksums would let it look into the server's own network.
    """
    host = ModelName.parse(name).host.lower()
    if host in (DEFAULT_HOST, *HUB_HOSTS):
        return exc
    return DownloadError(f"{name} could not be pulled; the server's log says why")


class Pulls:
    """The pulls of one server."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._pulls: dict[str, Pull] = {}
        self._threads: list[threading.Thread] = []

    def join(self, name: str, *, insecure: bool = False) -> Pull:
        """Begin to pull, or listen to the pull of that name under way; `leave` must follow.

        Raises OverloadedError if too many pulls are running.
        """
        pull = self._pulls.get(name.lower())
        if pull is None or pull.ended:
            return self._begin(name, insecure)
        pull.listeners += 1
        return pull

    def leave(self, name: str, pull: Pull) -> None:
        """Stop to listen; the last one to leave takes the pull with them."""
        pull.listeners -= 1
        if not pull.listeners and self._pulls.get(name.lower()) is pull:
            del self._pulls[name.lower()]

    def _begin(self, name: str, insecure: bool) -> Pull:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= MAX_PULLS:
            raise OverloadedError(f"{MAX_PULLS} models are being pulled already")
        pull = Pull()
        # Not one of the loop's own threads, of which there are few; and none that outlives Ctrl-C.
        thread = threading.Thread(
            target=pull.run,
            args=(self._hub, name, insecure),
            name=f"simile-pull-{name}",
            daemon=True,
        )
        thread.start()
        self._threads.append(thread)
        self._pulls[name.lower()] = pull
        return pull
