"""Find a model, pulling it first if it is known but not here; tell a person how far that is.

Writes to stderr: a bar with rate and ETA on a terminal, a line per step otherwise.
"""

import sys
from typing import Any

from simile.errors import ModelNotFoundError
from simile.hub.hub import Hub, LocalModel, PullProgress
from simile.hub.names import is_path
from simile.texts import printable


def find_or_pull(hub: Hub, name: str) -> LocalModel:
    """Return the model of that name; one that is not here is pulled, announced on stderr."""
    try:
        return hub.find(name)
    except ModelNotFoundError:
        if is_path(name):
            raise
    print(f"simile: {name} is not on this machine yet, pulling it", file=sys.stderr)  # noqa: T201
    with PullReport() as report:
        return hub.pull(name, progress=report)


class PullReport:
    """Shows the progress of one pull on stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._last: tuple[str, str | None] | None = None

    def __enter__(self) -> "PullReport":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, progress: PullProgress) -> None:
        """Show one report of Hub.pull."""
        step = (progress.status, progress.file)
        if step != self._last:
            self._last = step
            self._close()
            self._begin(progress)
        if self._bar is not None:
            self._bar.update(progress.completed_bytes - self._bar.n)

    def _begin(self, progress: PullProgress) -> None:
        label = f"{progress.status} {progress.file or ''}".strip()
        if progress.total_bytes is None or not sys.stderr.isatty():
            print(f"simile: {label}", file=sys.stderr)  # noqa: T201
            return
        from tqdm import tqdm

        # Only from here on, so that a resumed download shows its own rate.
        self._bar = tqdm(
            desc=printable(label),
            total=progress.total_bytes,
            initial=progress.completed_bytes,
            unit="B",
            unit_scale=True,
            file=sys.__stderr__,
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
