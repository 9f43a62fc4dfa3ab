"""The manifest of a pulled model: its files and where they came from, as JSON and back.

A model is there when its manifest is; it is written last. Knows the file format only, not the
store's layout.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from simile.bounded import parse_json, read_file
from simile.errors import CheckpointError
from simile.hub.files import FileRecord
from simile.hub.names import ModelName

MANIFEST = "manifest.json"
_VERSION = 1
_MAX_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Manifest:
    """The record of one pulled model."""

    name: str
    source: str
    license: str | None
    pulled_at: datetime
    """With its time zone."""
    files: Sequence[FileRecord]
    copied_from: str | None = None
    """The name of the model that this is a copy of: prompts and window are those of that name."""
    registry_digest: str | None = None
    """Sha256 of the manifest in Ollama's registry, where the files are that registry's."""

    @property
    def origin_name(self) -> str:
        """The name that the model was first pulled by, whatever it is called now."""
        return self.copied_from or self.name

    @property
    def digest(self) -> str:
        """Sha256 over the files' names, sizes and checksums.

        Source and time are left out: the same files pulled again, or elsewhere, give the same
        vectors, and an index built with them must stay valid. A model of Ollama's has the digest
        that Ollama shows, whether it lies here or there.
        """
        if self.registry_digest:
            return self.registry_digest
        files = sorted((file.name, file.size_bytes, file.sha256) for file in self.files)
        return sha256(json.dumps(files, separators=(",", ":")).encode()).hexdigest()

    @property
    def size_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size_bytes for file in self.files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it into the folder, down to the disk. Raises OSError if that fails."""
    fields = {"version": _VERSION, **asdict(manifest), "pulled_at": manifest.pulled_at.isoformat()}
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(fields, file, indent=1, default=list)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest | None:
    """Read the folder's manifest; None if none can be read."""
    try:
        data = read_file(folder / MANIFEST, max_bytes=_MAX_BYTES, error=CheckpointError)
        fields = parse_json(data, what="it", error=CheckpointError)
        pulled_at = datetime.fromisoformat(fields["pulled_at"])
        files = tuple(FileRecord(**file) for file in fields["files"])
        copied_from = fields.get("copied_from")
        ModelName.parse(fields["name"])
        ModelName.parse(copied_from or fields["name"])
        # Manifests written before December 2026 say `licence`.
        license = fields["license"] if "license" in fields else fields["licence"]
        digest = fields.get("registry_digest")
        manifest = Manifest(
            fields["name"], fields["source"], license, pulled_at, files, copied_from, digest
        )
    except (CheckpointError, ValueError, KeyError, TypeError, AttributeError):
        return None
    understood = fields.get("version") == _VERSION and pulled_at.tzinfo is not None and files
    return manifest if understood else None


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """Describe the files that are missing or of the wrong size; cheap, reads no content."""
    return [
        f"{file.name} ({_size(folder / file.name)}, expected {file.size_bytes:,} bytes)"
        for file in manifest.files
        if _size(folder / file.name) != f"{file.size_bytes:,} bytes"
    ]


def _size(path: Path) -> str:
    try:
        return f"{path.stat().st_size:,} bytes"
    except OSError:
        return "absent"
