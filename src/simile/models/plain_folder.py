"""Turn a path that the user gave into a model: a folder with a checkpoint's files, never copied.

Does not know the store nor the catalogue; what the numbers are is read from the files by others.
"""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from simile.errors import CheckpointError, ModelNotFoundError, UnsupportedModelError
from simile.models.local import LocalModel
from simile.models.model_files import listing, relevant

_SAMPLES = 64
_SAMPLE_BYTES = 65_536


def open_folder(path: str) -> LocalModel:
    """Describe the folder at that path.

    ModelNotFoundError if nothing is there, CheckpointError if it holds no config.json,
    UnsupportedModelError for a GGUF file.
    """
    folder = Path(path.strip()).expanduser()
    if not folder.exists():
        raise ModelNotFoundError(
            f"there is no model folder {path}: {folder.absolute()} does not exist"
        )
    if folder.is_file() and folder.suffix.lower() == ".gguf":
        raise UnsupportedModelError(
            f"{path} is a GGUF file; only folders with safetensors are read"
        )
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{path} is not a model folder: it has no config.json")
    return _describe(path, folder.absolute())


def _describe(path: str, folder: Path) -> LocalModel:
    names = relevant(listing(folder))
    try:
        stats = [(folder / name).stat() for name in names]
        digest = _digest(folder, names)
    except OSError as exc:
        raise CheckpointError(f"{path} cannot be read: {exc.strerror} ({exc.filename})") from exc
    return LocalModel(
        name=path,
        path=folder,
        digest=digest,
        size_bytes=sum(stat.st_size for stat in stats),
        modified_at=datetime.fromtimestamp(max(stat.st_mtime for stat in stats), UTC),
        source="folder",
    )


def _digest(folder: Path, names: list[str]) -> str:
    total = sha256()
    for name in names:
        total.update(f"{name}\0{_fingerprint(folder / name)}\0".encode())
    return total.hexdigest()


def _fingerprint(path: Path) -> str:
    """Hash small files whole, of large ones the size, the beginning and samples evenly spread.

    Training changes all weights, so samples tell two trainings of one architecture apart at the
    cost of 4 MiB; the safetensors header alone would not, and a stale index would go unnoticed.
    """
    size = path.stat().st_size
    total = sha256(str(size).encode())
    step = max(_SAMPLE_BYTES, size // _SAMPLES)
    with path.open("rb") as file:
        for start in range(0, size, step):
            file.seek(start)
            total.update(file.read(_SAMPLE_BYTES))
    return total.hexdigest()
