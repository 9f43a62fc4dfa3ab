"""Open the files of a store's folder: never through a link, and only as they were written.

A folder may be somebody else's, such as one in a cloned repository. So what is written goes to new
names that nobody can know before, and a link, FIFO or device in the place of a file counts as
missing. What is read has the checksum that its head names.
"""

import stat
import threading
import zlib
from pathlib import Path

from simile.errors import StoreError

MOST_VERIFIED_BYTES = 2**29
"""Files up to this size are verified by the first that opens them, in 0.6 ms per megabyte; larger
ones only if they were touched since, and by `check`."""
_BLOCK = 1 << 20
_verified: dict[Path, tuple[int, int, int]] = {}
"""Inode, size and checksum of what this process has verified; files only grow."""
_lock = threading.Lock()


def is_sound(path: Path, *, size: int, crc: int, changed_ns: int, thorough: bool = False) -> bool:
    """Return whether the first `size` bytes have the checksum; reads what is not yet verified.

    `changed_ns` is the time of the last change as the head has it. `thorough` reads everything.
    """
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size < size:
            return False
        if size > MOST_VERIFIED_BYTES and status.st_mtime_ns == changed_ns and not thorough:
            return True
        with _lock:
            inode, known, before = _verified.get(path, (0, 0, 0))
        is_known = inode == status.st_ino and known <= size and not thorough
        begin, found = (known, before) if is_known else (0, 0)
        if begin == size and found != crc and begin:
            begin, found = 0, 0
        found = _crc(path, begin, size, found)
    except OSError:
        return False
    if found != crc:
        return False
    with _lock:
        _verified[path] = (status.st_ino, size, crc)
    return True


def _crc(path: Path, begin: int, end: int, crc: int) -> int:
    with path.open("rb") as file:
        file.seek(begin)
        left = end - begin
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            crc = zlib.crc32(block, crc)
            left -= len(block)
    return crc


def crc_of(path: Path) -> int:
    """Return the checksum of a whole file."""
    return _crc(path, 0, path.stat().st_size, 0)


def require_plain(path: Path) -> None:
    """Raise StoreError if the path, or a file that SQLite keeps beside it, is no regular file."""
    for ending in ("", "-wal", "-shm", "-journal"):
        beside = path.with_name(f"{path.name}{ending}")
        try:
            mode = beside.lstat().st_mode
        except OSError:
            continue
        if not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else "not a regular file"
            raise StoreError(
                f"{beside} is {what}; expected a file of the index itself. Remove it, or restore "
                "the index from a backup"
            )
