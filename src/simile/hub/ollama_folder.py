"""Find and list the models that Ollama has pulled, where they lie; nothing is ever written there.

Knows the layout `manifests/<host>/<namespace>/<model>/<tag>` (upper and lower case alike) and
`blobs/sha256-<checksum>`; does not know the catalog. Source: Ollama, types/model/name.go and
manifest/paths.go (read 2026-11).
"""

from datetime import UTC, datetime
from pathlib import Path

from simile.bounded import read_file
from simile.checkpoints.gguf.header import check_embeds
from simile.errors import CheckpointError, ModelError, ModelNameError
from simile.hub.files import FileRecord, take_file
from simile.hub.names import DEFAULT_HOST, OLLAMA_HOSTS, ModelName
from simile.hub.ollama_manifest import (
    MAX_MANIFEST_BYTES,
    MODEL_FILE,
    Layer,
    OllamaManifest,
    parse_manifest,
    read_license,
    read_window,
)
from simile.hub.sources.source import Delivery, PullProgress, Report
from simile.models.local_model import LocalModel


class OllamaFolder:
    """The models of one folder of Ollama's; nothing is read before it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, name: ModelName) -> LocalModel | None:
        """Return the model of that name, or None if Ollama does not have it.

        CheckpointError where files are missing or damaged, UnsupportedModelError for a model that
        cannot embed.
        """
        path = self._manifest_path(name)
        return self._open(path) if path else None

    def all(self) -> list[LocalModel]:
        """Return the models that can embed; skip damaged ones and chat models."""
        found = []
        for path in self._manifest_paths():
            try:
                found.append(self._open(path))
            except (ModelError, ModelNameError):
                continue
        return found

    def has(self, name: ModelName) -> bool:
        """Whether Ollama has a model of that name, of whatever kind."""
        return self._manifest_path(name) is not None

    def copy(self, name: ModelName, into: Path, report: Report) -> Delivery:
        """Link or copy a model's files out of the folder; their checksums are checked."""
        path = self._manifest_path(name)
        if path is None:
            raise CheckpointError(f"{name.display} is no longer in {self.folder}")
        manifest, files = self._read(path, name.display), list[FileRecord]()
        for file, layer in manifest.layers.items():
            report(PullProgress("copying", file, 0, layer.size_bytes, layer.sha256))
            files.append(take_file(self._blob(layer), file, into, layer.sha256))
        license = read_license(into / "LICENSE")
        return Delivery(files, "Ollama", license, registry_digest=manifest.sha256)

    def _open(self, path: Path) -> LocalModel:
        name = ModelName.parse("{}/{}/{}:{}".format(*path.parts[-4:])).display
        try:
            manifest = self._read(path, name)
            weights = manifest.layers[MODEL_FILE]
            blob, size_bytes = self._blob(weights), self._blob(weights).stat().st_size
            if size_bytes != weights.size_bytes:
                raise CheckpointError(
                    f"{name} is damaged: {blob} has {size_bytes:,} bytes, expected"
                    f" {weights.size_bytes:,}; mend it with: ollama pull {name}"
                )
            if not check_embeds(blob, name):
                raise CheckpointError(f"{name} is damaged: {blob} ends before its header does")
            modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError as exc:
            raise CheckpointError(
                f"{name}, which Ollama has pulled, cannot be read: {exc}"
            ) from exc
        layers = manifest.layers
        return LocalModel(
            name=name,
            path=blob,
            digest=manifest.sha256,
            size_bytes=manifest.size_bytes,
            modified_at=modified_at,
            source="Ollama",
            license=read_license(self._blob(layers["LICENSE"])) if "LICENSE" in layers else None,
            window=read_window(self._blob(layers["params.json"]))
            if "params.json" in layers
            else None,
        )

    def _read(self, path: Path, name: str) -> OllamaManifest:
        data = read_file(path, max_bytes=MAX_MANIFEST_BYTES, error=CheckpointError)
        return parse_manifest(data, name)

    def _blob(self, layer: Layer) -> Path:
        return self.folder / "blobs" / f"sha256-{layer.sha256}"

    def _manifest_paths(self) -> list[Path]:
        try:
            return [p for p in self.folder.glob("manifests/*/*/*/*") if p.is_file()]
        except OSError:
            return []

    def _manifest_path(self, name: ModelName) -> Path | None:
        hosts = OLLAMA_HOSTS if name.host.lower() == DEFAULT_HOST else (name.host.lower(),)
        wanted = [hosts, *((part.lower(),) for part in (name.namespace, name.model, name.tag))]
        places = [self.folder / "manifests"]
        try:
            for parts in wanted:
                inside = (child for place in places if place.is_dir() for child in place.iterdir())
                places = [child for child in inside if child.name.lower() in parts]
            return next((place for place in places if place.is_file()), None)
        except OSError:
            return None
