"""Write vectors as they arrive: JSON lines on stdout, or a .npy file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from simile.errors import EngineError
from simile.output_file import writing
from simile.types import Embeddings

Write = Callable[[Embeddings], None]


def require_finite(values: NDArray[np.floating], model: str) -> None:
    """Raise EngineError if a model computed NaN or infinity: its weights or sizes are damaged."""
    if not np.isfinite(values).all():
        raise EngineError(f"{model} computed NaN or infinity; its weights may be damaged")


@contextmanager
def open_output(path: Path | None, dim: int) -> Iterator[Write]:
    """Yield a function that writes vectors (n, dim). Raises InputError if writing fails."""
    if path is None:
        yield _print_lines
        return
    with _npy_file(path, dim) as write:
        yield write


def _print_lines(vectors: Embeddings) -> None:
    out = sys.stdout.buffer
    for vector in vectors:
        out.write(orjson.dumps(np.ascontiguousarray(vector), option=_JSON))
    out.flush()


_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


@contextmanager
def _npy_file(path: Path, dim: int) -> Iterator[Write]:
    """Write a .npy file whose number of rows is known at the end."""
    rows = 0
    with writing(path) as aside, aside.open("wb") as file:

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
