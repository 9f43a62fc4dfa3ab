"""Write a file that is whole or not there: under a name of its own first, then in one step.

Two processes and two threads may write the same file at once; the last one to finish wins.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` at the end, or goes if that fails.

    Raises OSError where the folder cannot be written.
    """
    unique = os.urandom(8).hex()  # nobody can have laid a link there
    aside = path.with_name(f".{path.name}.{unique}.part")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
