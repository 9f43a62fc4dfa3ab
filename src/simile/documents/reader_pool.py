"""Hand files to warm reader processes, and take documents back: with limits of time and memory.

What a reader raises, exceeds or crashes with is a failure of that one file. A process is started
for the first file, kept for the next ones, and replaced when it had to be stopped.
"""

import atexit
import json
import math
import os
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from simile.documents.reading import FileLimits, Loaded, LoadFailure
from simile.types import Document

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from simile.documents.reader_process import main; main()"
)
_ROOT = Path(__file__).parent.parent.parent
LENGTH = struct.Struct(">I")
"""How a frame of answers begins: its size in bytes."""
_MOST_IDLE = 4
_WATCH = "simile-readers"
_TICK_S = 0.1
_LEAST_S = 10.0
_BYTES_PER_S = 100_000
"""How fast the slowest reader must be; what is slower is taken for an attack."""
_LONGEST = 16
"""Times the limit of a file that an answer may be long: text of one byte may need six in JSON."""


_TITLES = (str, type(None))
_SCALARS = (str, int, float, *_TITLES)

_lock = threading.Lock()


class _WrongAnswerError(Exception):
    """A reader answered with what are no documents."""


class ReaderProcess:
    """One reader, for one file at a time."""

    def __init__(self) -> None:
        # -P keeps the working folder from standing in for the standard library.
        command = [sys.executable, "-P", "-c", _PROGRAM, str(_ROOT)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._deadline = math.inf
        self._is_late = False
        _watch(self)

    def read(
        self, path: Path, name: str, acl: Sequence[str], limits: FileLimits
    ) -> Iterator[Loaded]:
        """Yield what is in a file. Raises EOFError if the process ends, TimeoutError if late."""
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {"path": os.fsencode(path.absolute()).hex(), "name": name, "acl": list(acl)}
        line = json.dumps(request | {"limits": asdict(limits)}) + "\n"
        longest = _LONGEST * max(limits.max_bytes, limits.max_row_bytes)
        seconds = min(limits.child_seconds, _LEAST_S + path.stat().st_size / _BYTES_PER_S)
        self._deadline = time.monotonic() + seconds
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except OSError as exc:
            raise EOFError from exc
        while True:
            self._deadline = time.monotonic() + seconds
            try:
                entries = _entries(_frame(self._process.stdout, longest))
            except EOFError:
                if self._is_late:
                    raise TimeoutError(f"reading it took more than {seconds:.3g} s") from None
                raise
            finally:
                self._deadline = math.inf
            yield from entries
            if not entries:
                return

    def stop_if_late(self) -> None:
        """Kill the process if its answer is overdue."""
        if time.monotonic() > self._deadline:
            self._is_late = True
            self._process.kill()

    @property
    def is_running(self) -> bool:
        """Whether it can take another file."""
        return self._process.poll() is None

    def stop(self) -> int | None:
        """End the process, at once if it is idle; return its status if it ended by itself."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)
        status = self._process.poll()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            with suppress(OSError):
                self._process.stdout.close()
        return status


def _frame(stream: IO[bytes], longest: int) -> bytes:
    head = stream.read(LENGTH.size)
    size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else -1
    frame = stream.read(size) if 0 <= size <= longest else b""
    if len(frame) != size:
        raise EOFError
    return frame


_started: weakref.WeakSet[ReaderProcess] = weakref.WeakSet()


def _watch(reader: ReaderProcess) -> None:
    """Have one thread stop the readers that are late; a timer per file would cost more."""
    with _lock:
        _started.add(reader)
        if not any(thread.name == _WATCH for thread in threading.enumerate()):
            threading.Thread(target=_stop_late_ones, name=_WATCH, daemon=True).start()


def _stop_late_ones() -> None:
    while True:
        time.sleep(_TICK_S)
        with _lock:
            readers = list(_started)
        for reader in readers:
            reader.stop_if_late()


_idle: list[ReaderProcess] = []


def read_apart(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Iterator[Loaded]:
    """Yield the documents and failures of a file, read by another process. Blocks while reading."""
    reader, is_fresh = _take()
    is_done = has_answered = False
    try:
        for loaded in reader.read(path, name, acl, limits):
            has_answered = True
            yield loaded
        is_done = True
    except TimeoutError as exc:
        yield LoadFailure(name, str(exc))
    except OSError as exc:
        yield LoadFailure(name, exc.strerror or str(exc))
    except _WrongAnswerError:
        yield LoadFailure(name, "its reader answered with what are no documents")
    except EOFError:
        status = reader.stop()
        if not is_fresh and not has_answered:  # it ended after the file before
            yield from read_apart(path, name, acl, limits)
            return
        yield LoadFailure(
            name,
            f"its reader ended with status {status}; it may have needed more than "
            f"{limits.child_bytes / 2**20:,.0f} MiB",
        )
    finally:
        if is_done:
            _give_back(reader)
        else:
            reader.stop()


def _take() -> tuple[ReaderProcess, bool]:
    """Return a reader, and whether it has just been started."""
    with _lock:
        while _idle:
            reader = _idle.pop()
            if reader.is_running:
                return reader, False
            reader.stop()
    return ReaderProcess(), True


def _give_back(reader: ReaderProcess) -> None:
    with _lock:
        if len(_idle) < _MOST_IDLE and reader.is_running:
            _idle.append(reader)
            return
    reader.stop()


def stop_all() -> None:
    """Stop all processes that are kept."""
    with _lock:
        while _idle:
            _idle.pop().stop()


atexit.register(stop_all)
if hasattr(os, "register_at_fork"):  # a forked process must not share its parent's readers
    os.register_at_fork(after_in_child=_idle.clear)


def _entries(frame: bytes) -> list[Loaded]:
    """Return what a frame holds. A file may have taken the reader over: it is checked."""
    try:
        return [_loaded(entry) for entry in json.loads(frame)]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
        raise _WrongAnswerError from exc


def _loaded(entry: dict[str, Any]) -> Loaded:
    if "reason" in entry:
        failure = LoadFailure(**entry)
        _require(str, failure.path, failure.reason)
        _require(bool, failure.is_closed)
        return failure
    acl, pages, metadata = entry["acl"], entry["pages"], entry["metadata"]
    _require(list, acl, pages)
    _require(str, entry["id"], entry["text"], *acl, *metadata)
    _require(_SCALARS, *metadata.values())
    _require(_TITLES, entry["title"])
    _require(int, *pages)
    return Document(entry["id"], entry["text"], entry["title"], metadata, tuple(acl), tuple(pages))


def _require(expected: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, expected):
            raise TypeError
