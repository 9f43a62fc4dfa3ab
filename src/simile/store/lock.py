"""One writer per folder: an operating-system lock, and a note that names its holder.

The lock ends with its process, so a note left by a killed process is harmless.
"""

import json
import os
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from simile.atomic import replacing
from simile.bounded import read_file
from simile.errors import LockedError, StoreError
from simile.store.files import require_plain

_POLL_S = 0.02


class WriterLock:
    """A lock held per process; its threads may acquire it repeatedly."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._note = folder / "writer.json"
        self._lock = FileLock(folder / "writer.lock", thread_local=False)
        self._mutex = threading.Lock()
        self.is_contended = False
        """Whether `try_acquire` failed since another writer has the lock."""

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._lock.is_locked

    def acquire(self, *, timeout_s: float) -> None:
        """Wait for the lock. Raises LockedError, which names the holder, on timeout."""
        end = time.monotonic() + timeout_s
        while not self._take():
            if time.monotonic() >= end:
                raise LockedError(
                    f"{self._folder} is being written by {self._holder()}; waited "
                    f"{timeout_s:g} s. Try again once it has finished"
                )
            time.sleep(_POLL_S)

    def _take(self) -> bool:
        with self._mutex:
            try:
                require_plain(Path(self._lock.lock_file))
                self._lock.acquire(timeout=0)
            except Timeout:
                return False
            except OSError as exc:
                raise StoreError(f"{self._folder} cannot be locked for writing: {exc}") from exc
            if self._lock.lock_counter == 1:
                self._write_note()
            return True

    def try_acquire(self) -> bool:
        """Take the lock if it is free and the folder is writable; return whether it was taken."""
        self.is_contended = False
        try:
            self.acquire(timeout_s=0)
        except StoreError as exc:
            self.is_contended = isinstance(exc, LockedError)
            return False
        return True

    def release(self) -> None:
        """Release the lock, once per acquire."""
        with self._mutex:
            if self._lock.lock_counter == 1:
                with suppress(OSError):  # open in a reader on Windows; a stale note is harmless
                    self._note.unlink(missing_ok=True)
            self._lock.release()

    def _write_note(self) -> None:
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with suppress(OSError):  # only a courtesy to waiting processes
            with replacing(self._note) as aside:
                aside.write_text(json.dumps(note), encoding="utf-8")

    def _holder(self) -> str:
        try:
            note = json.loads(read_file(self._note, max_bytes=4096, error=StoreError, follow=False))
            return f"process {note['pid']} on {note['host']} since {note['since']}"
        except (StoreError, ValueError, KeyError, TypeError):
            return "another process"
