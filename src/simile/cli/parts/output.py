"""Write vectors as they arrive: JSON lines on stdout, or a .npy file that is written atomically."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson

from simile.atomic import replacing
from simile.errors import InputError
from simile.types import Embeddings

Write = Callable[[Embeddings], None]


@contextmanager
def open_output(path: Path | None, dim: int) -> Iterator[Write]:
    """Yield a function that writes vectors (n, dim). Raises InputError if writing fails."""
    if path is None:
        yield _print_lines
        return
    try:
        with _npy_file(path, dim) as write:
            yield write
    except OSError as exc:
        raise InputError(f"--output {path} cannot be written: {exc.strerror}") from exc


def _print_lines(vectors: Embeddings) -> None:
    out = sys.stdout.buffer
    for vector in vectors:
        out.write(orjson.dumps(np.ascontiguousarray(vector), option=_JSON))
    out.flush()


_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


@contextmanager
def _npy_file(path: Path, dim: int) -> Iterator[Write]:
    """Append to a temporary .npy file; rename it to the target when complete."""
    rows = 0
    with replacing(path) as aside, aside.open("wb") as file:

        def write(vectors: Embeddings) -> None:
            nonlocal rows
            rows += len(vectors)
            file.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())

        _write_header(file, 0, dim)
        yield write
        # NumPy pads the header for any number of rows, so its size does not change.
        file.seek(0)
        _write_header(file, rows, dim)


def _write_header(file: BinaryIO, rows: int, dim: int) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
    np.lib.format.write_array_header_1_0(file, header)
