"""Write a file that is whole or not there: under a name of its own first, then in one step.

Two processes and two threads may write the same file at once; the last one to finish wins.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_NUMBERS = count()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` at the end, or goes if that fails.

    Raises OSError where the folder cannot be written.
    """
    unique = f"{os.getpid()}.{threading.get_ident()}.{next(_NUMBERS)}"
    aside = path.with_name(f".{path.name}.{unique}.part")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
