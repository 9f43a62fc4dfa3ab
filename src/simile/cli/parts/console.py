r"""Standard output and error of the command: what texts hold is shown, never obeyed.

A terminal obeys control characters, so `Console` writes those of texts, names and answers as
`\x1b`. Only `print_bold` sends any. Progress bars write to `sys.__stderr__`, past this.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from simile.texts import printable


class Console(io.TextIOWrapper):
    """A text stream that writes control characters visibly, and any character in any encoding."""

    def __init__(self, buffer: BinaryIO, encoding: str, *, lossy: bool) -> None:
        """`lossy` drops what cannot be written: there is nowhere to report it."""
        super().__init__(buffer, encoding, errors="backslashreplace", line_buffering=True)
        self._lossy = lossy

    def write(self, text: str) -> int:
        """Write a text; of CR LF only the LF."""
        return self._send(printable(text.replace("\r\n", "\n")))

    def write_bold(self, text: str) -> None:
        """Write a text in bold on a terminal."""
        self._send(f"\x1b[1m{printable(text)}\x1b[0m" if self.isatty() else printable(text))

    def flush(self) -> None:
        """Write what is held back."""
        try:
            super().flush()
        except OSError:
            if not self._lossy:
                raise

    def _send(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            if not self._lossy:
                raise
            return len(text)


def print_bold(text: str) -> None:
    """Print a text in bold on a terminal, without an end of line."""
    out = sys.stdout
    out.write_bold(text) if isinstance(out, Console) else out.write(printable(text))


@contextmanager
def consoles() -> Iterator[None]:
    """Replace sys.stdout and sys.stderr by consoles for a while."""
    _fill_closed()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _console(before[0], 1), _console(before[1], 2)
    try:
        yield
    finally:
        for console in (sys.stdout, sys.stderr):
            _detach(console)
        sys.stdout, sys.stderr = before


def _console(stream: Any, descriptor: int) -> Console:
    if stream is None:  # It was closed before Python started.
        raw: Any = io.FileIO(descriptor, "w", closefd=False)
        return Console(io.BufferedWriter(raw), "utf-8", lossy=descriptor == 2)
    stream.flush()
    return Console(stream.buffer, stream.encoding, lossy=descriptor == 2)


def _detach(console: Any) -> None:
    """Give the buffer back; what a full or closed output did not take is dropped."""
    with suppress(OSError, ValueError):
        console.flush()
    with suppress(OSError, ValueError):
        console.detach()


def _fill_closed() -> None:
    """Open the standard descriptors that are closed, lest a file that is opened next gets one.

    Reads find nothing; writes to stdout fail, so that nobody believes in them.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, os.O_WRONLY if descriptor == 2 else os.O_RDONLY)


def drop_output() -> None:
    """Send what stdout still holds nowhere, after it failed: Python would try again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
