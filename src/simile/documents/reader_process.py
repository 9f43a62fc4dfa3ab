"""Read files that somebody else wrote, as a process with limits; run by `reader_pool`.

Takes requests as lines of JSON on stdin and answers with frames on stdout: four bytes of length,
then a list of documents and failures in JSON. An empty list ends a file. A parser that hangs,
crashes or takes too much memory takes this process with it, and nothing else.
"""

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from simile.documents.loaders import load_here
from simile.documents.reader_pool import LENGTH
from simile.documents.reading import FileLimits

_FRAME_CHARS = 65_536
_MOST_KEPT_BYTES = 2**28
"""A process that has more ends after the file: what it holds may not come free."""


def main() -> None:
    """Answer requests until stdin ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # libraries in C may print
    for line in requests:
        request = json.loads(line)
        limits = FileLimits(**request["limits"])
        _limit_memory(limits.child_bytes)
        _answer(answers, request, limits)
        if _resident_bytes() > _MOST_KEPT_BYTES:
            break


def _answer(answers: BinaryIO, request: dict[str, Any], limits: FileLimits) -> None:
    frame: list[dict[str, Any]] = []
    room = _FRAME_CHARS
    _set_alarm(limits)
    path = Path(os.fsdecode(bytes.fromhex(request["path"])))
    for loaded in load_here(path, request["name"], tuple(request["acl"]), limits):
        frame.append(dict(vars(loaded)))
        room -= 100 + len(getattr(loaded, "text", ""))
        if room < 0:
            _send(answers, frame)
            _set_alarm(limits)
            frame, room = [], _FRAME_CHARS
    if frame:
        _send(answers, frame)
    _send(answers, [])
    answers.flush()  # once for a small file: its parent wakes once
    if hasattr(signal, "alarm"):
        signal.alarm(0)


def _send(answers: BinaryIO, frame: Sequence[dict[str, Any]]) -> None:
    try:
        data = json.dumps(frame, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError) as exc:  # a number of 5,000 digits, say
        failures = [{"path": one.get("id") or one.get("path"), "reason": str(exc)} for one in frame]
        data = json.dumps(failures).encode()
    answers.write(LENGTH.pack(len(data)) + data)


def _limit_memory(size_bytes: int) -> None:
    """Make allocations beyond the size fail, where the platform supports it."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = size_bytes if hard == resource.RLIM_INFINITY else min(size_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (size, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _set_alarm(limits: FileLimits) -> None:
    """End this process later than its parent would, in case the parent is gone."""
    if hasattr(signal, "alarm"):
        signal.alarm(int(2 * limits.child_seconds) + 10)


def _resident_bytes() -> int:
    """Return the memory that this process has; 0 where the system does not tell.

    Not its peak (getrusage): after a fork that begins with the parent's.
    """
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  a path would cost more
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, AttributeError, ValueError):
        return 0
