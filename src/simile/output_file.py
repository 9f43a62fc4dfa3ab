"""Write a file that a user named, as other tools do: through links, into devices and pipes.

A regular file is replaced in one step once it is whole, and keeps its mode and owner.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from simile.atomic import replacing
from simile.errors import InputError


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a path to write to; its content is in `path` at the end.

    Raises InputError if that cannot be written; then it stays as it was.
    """
    try:
        there = _status(path)
        if there is not None and stat.S_ISDIR(there.st_mode):
            raise InputError(f"{path} is a folder; expected the name of a file")
        if there is None or stat.S_ISREG(there.st_mode):
            with _replaced(path, there) as aside:
                yield aside
        else:
            with _sent(path) as aside:
                yield aside
    except OSError as exc:
        raise InputError(f"{path} cannot be written: {exc.strerror or exc}") from exc


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


@contextmanager
def _replaced(path: Path, there: os.stat_result | None) -> Iterator[Path]:
    with replacing(Path(os.path.realpath(path))) as aside:
        yield aside
        if there is not None:
            with suppress(OSError, AttributeError):  # Not ours, or Windows.
                os.chown(aside, there.st_uid, there.st_gid)
            aside.chmod(stat.S_IMODE(there.st_mode))


@contextmanager
def _sent(path: Path) -> Iterator[Path]:
    """Write aside, then send the whole to what is no regular file: it can be written only once."""
    with TemporaryDirectory() as folder:
        aside = Path(folder) / "output"
        yield aside
        with aside.open("rb") as written, path.open("wb") as out:
            shutil.copyfileobj(written, out)
