"""Turn folders of this machine into models: those that were pulled, and plain ones named by path.

Layout: HOME/models/<host>/<namespace>/<model>/<tag>/ with the checkpoint's files and manifest.json;
HOME/partial/ for what is not finished, HOME/derived/ for what is computed once. Does not know where
files come from, nor what is in them.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from time import time

from simile.errors import CheckpointError, SimileError, StoreError
from simile.hub.manifest import MANIFEST, Manifest, damaged_files, read_manifest
from simile.hub.names import ModelName

KEEP_S = 7 * 86_400.0
"""How long a partial download is kept, so that a later pull goes on with it."""
KEEP_FILES = 64
KEEP_BYTES = 50 * 10**9
_TRIES = 20
_LEVELS = 4
"""Folders between the root and a model: host, namespace, model and tag."""
_STEM = re.compile(r".*-[0-9a-f]{12}|.*")


class PulledModels:
    """The models that were pulled; nothing is read before it is asked for."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "models"
        self.partial = home / "partial"

    def folder(self, name: ModelName) -> Path:
        """Where this model is, or would be; upper and lower case as it was stored."""
        wanted = name.folder.as_posix().lower()
        return next((f for f in self._folders() if self._key(f) == wanted), self.root / name.folder)

    def derived(self, digest: str) -> Path:
        """Return the folder for what is computed once from the files of this digest."""
        return self.home / "derived" / digest[:16]

    def read(self, name: ModelName) -> Manifest | None:
        """Return the model's manifest, or None if it is not there."""
        return read_manifest(self.folder(name))

    def check(self, name: ModelName, manifest: Manifest) -> None:
        """Raise CheckpointError if files are absent or not of their recorded size."""
        if damaged := damaged_files(self.folder(name), manifest):
            raise CheckpointError(
                f"{manifest.name} is damaged: {', '.join(damaged)} in {self.folder(name)};"
                f" mend it with: simile pull {manifest.name}"
            )

    def all(self) -> list[tuple[Path, Manifest]]:
        """Every model that is there, newest first."""
        found = [(folder, read_manifest(folder)) for folder in self._folders()]
        there = [(folder, manifest) for folder, manifest in found if manifest]
        return sorted(there, key=lambda entry: entry[1].pulled_at, reverse=True)

    def workplace(self, name: ModelName, ending: str) -> Path:
        """A path below HOME/partial for this model's unfinished business, the same each time."""
        key = sha256(name.folder.as_posix().lower().encode()).hexdigest()[:12]
        return self.partial / f"{name.model.lower()}-{key}{ending}"

    def sweep(self, *, now_s: float | None = None) -> None:
        """Delete what was left unfinished long ago, and the oldest beyond what is kept.

        What another process works on is locked, and stays.
        """
        from filelock import FileLock, Timeout

        now_s = time() if now_s is None else now_s
        left = [path for path in self.partial.glob("*") if path.suffix != ".lock"]
        dated = sorted(((_changed_s(path), path) for path in left), reverse=True)
        kept_bytes = 0
        for at, (changed_s, path) in enumerate(dated):
            kept_bytes += path.lstat().st_size if path.is_file() else 0
            is_old = now_s - changed_s > KEEP_S
            if not is_old and at < KEEP_FILES and kept_bytes <= KEEP_BYTES:
                continue
            lock = FileLock(self.partial / f"{_STEM.match(path.name)[0]}.lock")  # type: ignore[index]
            with suppress(Timeout, OSError), lock.acquire(timeout=0):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

    def put(self, name: ModelName, finished: Path) -> None:
        """Move a finished folder into the place of an earlier one. Raises OSError if that fails."""
        target = self.folder(name)
        old = self._set_aside(name)
        try:
            _move(finished, target)
        except OSError:
            if old:
                old.rename(target)
            raise
        if old:
            shutil.rmtree(old, ignore_errors=True)

    def remove(self, name: ModelName) -> None:
        """Delete a model and the folders that it leaves empty. Raises OSError if that fails."""
        target = self.folder(name)
        if old := self._set_aside(name):
            shutil.rmtree(old, ignore_errors=True)
        for parent in target.relative_to(self.root).parents:
            try:
                (self.root / parent).rmdir()
            except OSError:
                return

    def _set_aside(self, name: ModelName) -> Path | None:
        """Renaming takes the model away at once; deleting could be cut short halfway."""
        target, aside = self.folder(name), self.workplace(name, ".old")
        if not target.exists():
            return None
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            return target.rename(aside)
        except FileNotFoundError:  # another process has just deleted it
            return None

    def _folders(self) -> Iterator[Path]:
        places = [self.root]
        for _ in range(_LEVELS):
            places = [child for place in places for child in _children(place)]
        return (place for place in places if (place / MANIFEST).is_file())

    def _key(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix().lower()


def _move(finished: Path, target: Path) -> None:
    """Rename a folder, though others delete the folders above it when they are empty."""
    for _ in range(_TRIES):
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            finished.rename(target)
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    finished.rename(target)


def _children(place: Path) -> list[Path]:
    """Return what is in a folder, in order; nothing if another process has removed it."""
    try:
        return sorted(child for child in place.iterdir() if child.is_dir())
    except OSError:
        return []


def _changed_s(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Turn errors of the operating system into StoreError, naming the folder and the cure."""
    try:
        yield
    except SimileError:
        raise
    except OSError as exc:
        where = f" ({exc.filename})" if exc.filename else ""
        raise StoreError(
            f"the model folder {home} cannot be written: {exc.strerror or exc}{where};"
            " set SIMILE_HOME to a folder that can be written and has room"
        ) from exc
