"""Turn a path that the user gave into a model: a checkpoint's folder or GGUF file, never copied.

Does not know the pulled models, the catalog, or what is in the files.
"""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from simile.checkpoints.files import is_checkpoint, listing, relevant
from simile.checkpoints.gguf.header import check_embeds
from simile.errors import CheckpointError, ModelNotFoundError
from simile.models.local_model import LocalModel

_SAMPLES = 64
_SAMPLE_BYTES = 65_536


def open_folder(path: str) -> LocalModel:
    """Describe the folder, or the GGUF file, at that path.

    ModelNotFoundError if nothing is there, CheckpointError if it holds neither a config.json nor
    one GGUF file, UnsupportedModelError for a GGUF file that cannot embed.
    """
    folder = Path(path.strip()).expanduser()
    if not folder.exists():
        raise ModelNotFoundError(
            f"there is no model folder {path}: {folder.absolute()} does not exist"
        )
    if not is_checkpoint(folder):
        return _describe(path, _find_gguf(path, folder.absolute()))
    return _describe(path, folder.absolute())


def _find_gguf(path: str, place: Path) -> Path:
    found = [place] if place.suffix.lower() == ".gguf" else sorted(place.glob("*.gguf"))
    if not found:
        raise CheckpointError(f"{path} is not a model folder: it has no config.json")
    if len(found) > 1:
        raise CheckpointError(f"{path} has {len(found)} GGUF files; name one, such as {found[0]}")
    return found[0]


def _describe(path: str, place: Path) -> LocalModel:
    is_gguf = place.is_file()
    folder, names = (place.parent, [place.name]) if is_gguf else (place, relevant(listing(place)))
    try:
        if is_gguf and not check_embeds(place, path):
            raise CheckpointError(f"{path} ends before its GGUF header does")
        stats = [(folder / name).stat() for name in names]
        digest = _digest(folder, names)
    except OSError as exc:
        raise CheckpointError(f"{path} cannot be read: {exc.strerror} ({exc.filename})") from exc
    return LocalModel(
        name=path,
        path=place,
        digest=digest,
        size_bytes=sum(stat.st_size for stat in stats),
        modified_at=datetime.fromtimestamp(max(stat.st_mtime for stat in stats), UTC),
        source="file" if is_gguf else "folder",
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
