"""From a model's name to its files on this machine: find, list, pull, copy, remove.

The face of the models on disk: joins names, catalog, pulled models and sources. Does not know what
the files mean.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree

from simile.errors import (
    CheckpointError,
    DownloadError,
    InputError,
    ModelNameError,
    ModelNotFoundError,
)
from simile.hub.catalog import CATALOG, KnownModel, find, find_known, similar_names
from simile.hub.manifest import Manifest
from simile.hub.names import DEFAULT_HOST, HUB_HOSTS, ModelName, is_path
from simile.hub.ollama_folder import OllamaFolder
from simile.hub.ollama_manifest import read_window
from simile.hub.plain_folder import open_folder
from simile.hub.pull import is_whole, pull
from simile.hub.pulled_models import PulledModels, writing
from simile.hub.sources.order import SourceOrder, copy_stored
from simile.hub.sources.source import Delivery, PullProgress, PullSource, Report
from simile.models.local_model import LocalModel

__all__ = ["Hub", "LocalModel", "PullProgress"]


_COPY_WAIT_S = 10.0


class Hub:
    """The models of one SIMILE_HOME; nothing is read or written before it is asked for."""

    def __init__(
        self,
        home: Path,
        model_folders: Sequence[Path] = (),
        *,
        catalog: Sequence[KnownModel] = CATALOG,
        ollama_models: Path | None = None,
        registry: str | None = None,
    ) -> None:
        """`ollama_models` is the folder of Ollama's own models, which is read and never written.

        `registry` is the host that is asked for names without a host; None asks nobody.
        """
        self._pulled = PulledModels(home)
        self._catalog = catalog
        self._ollama = OllamaFolder(ollama_models) if ollama_models else None
        self._order = SourceOrder(self._pulled, tuple(model_folders), catalog, registry)

    def find(self, name: ModelName | str) -> LocalModel:
        """Return the model of that name, here or in Ollama's folder, or what is at that path.

        A string is a name or a path as people type it.

        Never touches the network. ModelNameError for what is not a name, ModelNotFoundError if it
        was not pulled, CheckpointError if files are missing or cut short, UnsupportedModelError for
        a chat model of Ollama's.
        """
        model = self._find(name)
        return replace(model, derived=self._pulled.derived(model.digest))

    def _find(self, name: ModelName | str) -> LocalModel:
        if isinstance(name, str) and is_path(name):
            return open_folder(name)
        parsed = ModelName.parse(name) if isinstance(name, str) else name
        manifest = self._pulled.read(parsed)
        if manifest is None:
            if model := self._ollama and self._ollama.find(parsed):
                return self._with_facts(model, parsed)
            typed = name if isinstance(name, str) else name.display
            raise ModelNotFoundError(f'model "{typed}" not found, try pulling it first')
        try:
            self._pulled.check(parsed, manifest)
        except CheckpointError:
            if self._pulled.read(parsed) != manifest:  # it was deleted or replaced meanwhile
                return self._find(name)
            raise
        return self._local(self._pulled.folder(parsed), manifest)

    def models(self) -> list[LocalModel]:
        """Return every model that was pulled, here or by Ollama, newest first."""
        models = [self._local(folder, manifest) for folder, manifest in self._pulled.all()]
        names = {model.name.lower() for model in models}
        models += [
            self._with_facts(model, ModelName.parse(model.name))
            for model in (self._ollama.all() if self._ollama else ())
            if model.name.lower() not in names
        ]
        return sorted(models, key=lambda model: model.modified_at, reverse=True)

    def remove(self, name: str) -> None:
        """Delete a pulled model.

        ModelNotFoundError if it is not there, ModelNameError for a path: folders of the user's own
        are not deleted; InputError for what only Ollama has. StoreError if the operating system
        refuses.
        """
        if is_path(name):
            raise ModelNameError(f"{name!r} is a path; only pulled models are removed, by name")
        parsed = ModelName.parse(name)
        manifest = self._pulled.read(parsed)
        if manifest is None:
            if self._ollama and self._ollama.has(parsed):
                raise InputError(
                    f"{parsed.display} is Ollama's, in {self._ollama.folder}, where nothing is"
                    f" changed; delete it there with: ollama rm {parsed.display}"
                )
            raise ModelNotFoundError(f'model "{name}" not found')
        with writing(self._pulled.home):
            self._pulled.remove(parsed)
            rmtree(self._pulled.derived(manifest.digest), ignore_errors=True)

    def copy(self, source: str, destination: str) -> LocalModel:
        """Give a pulled model a second name; a model that had the name before is replaced.

        Raises what `find` raises for the source, ModelNameError for a path, StoreError if the
        folder cannot be written, LockedError if another process still pulls or copies to the
        same name after ten seconds.
        """
        if is_path(source) or is_path(destination):
            raise ModelNameError(f"{source!r}, {destination!r}: only names are copied, not paths")
        self.find(source)
        origin, name = ModelName.parse(source), ModelName.parse(destination)
        if name != origin:
            if there := self._pulled.read(name):
                name = ModelName.parse(there.name)  # Upper and lower case as it was stored.
            copying = PullSource("the store", partial(self._copy, origin))
            pull(
                self._pulled, name, [copying],
                license=None, report=lambda _: None, refresh=True, wait_s=_COPY_WAIT_S,
            )  # fmt: skip
        return self.find(destination)

    def pull(
        self,
        name: str,
        *,
        progress: Report | None = None,
        refresh: bool = False,
        insecure: bool = False,
    ) -> LocalModel:
        """Pull a model from the first source that has it; a path is just found.

        Returns at once if it is there whole, or Ollama has it, unless `refresh`. `insecure` asks a
        registry over plain http. Blocks on the network, the disk, and other processes that pull the
        same model. Raises ModelNotFoundError for a name that no source knows, UnsupportedModelError
        for a model that cannot embed, DownloadError if no source can deliver, and StoreError if the
        folder cannot be written.
        """
        if is_path(name):
            return self.find(name)
        parsed = ModelName.parse(name)
        known = find(parsed, self._catalog)
        if known:
            # In the catalog's spelling.
            parsed = replace(parsed, model=parsed.model.lower(), tag=parsed.tag.lower())
        if refresh or not (is_whole(self._pulled, parsed) or self._is_ollamas(parsed)):
            unknown = _unknown(parsed, name, similar_names(parsed, self._catalog))
            sources = self._order.of(parsed, known, insecure=insecure)
            if not sources:
                raise ModelNotFoundError(unknown)
            if known and not refresh:
                sources = [*self._order.twins(parsed, known), *sources]
            license = known.license if known else None
            report = progress or (lambda _: None)
            try:
                pull(self._pulled, parsed, sources, license=license, report=report, refresh=refresh)
            except (ModelNotFoundError, DownloadError) as exc:
                if known or parsed.host.lower() in HUB_HOSTS:
                    raise
                raise type(exc)(f"{exc}\n{unknown}") from exc
        return self.find(name)

    def _copy(self, name: ModelName, into: Path, report: Report) -> Delivery:
        """Take a model as it is, and remember which model it is a copy of."""
        manifest = self._pulled.read(name)
        if manifest is None:
            if self._ollama is None:
                raise ModelNotFoundError(f'model "{name.display}" not found')
            return replace(self._ollama.copy(name, into, report), copied_from=name.display)
        delivery = copy_stored(self._pulled.folder(name), manifest, into, report)
        return replace(delivery, origin=manifest.source, copied_from=manifest.origin_name)

    def _is_ollamas(self, name: ModelName) -> bool:
        """Whether Ollama has the whole model; a damaged one is pulled here."""
        try:
            return self._ollama is not None and self._ollama.find(name) is not None
        except CheckpointError:
            return False

    def _local(self, folder: Path, manifest: Manifest) -> LocalModel:
        gguf = next((file.name for file in manifest.files if file.name.endswith(".gguf")), "")
        model = LocalModel(
            name=manifest.name,
            path=folder / gguf,
            digest=manifest.digest,
            size_bytes=manifest.size_bytes,
            modified_at=manifest.pulled_at,
            source=manifest.source,
            license=manifest.license,
            window=read_window(folder / "params.json") if gguf else None,
        )
        return self._with_facts(model, ModelName.parse(manifest.origin_name))

    def _with_facts(self, model: LocalModel, name: ModelName) -> LocalModel:
        """Add what the catalog knows of a model of that name."""
        known = find_known(name, self._catalog)
        if known is None:
            return model
        return replace(
            model,
            license=model.license or known.license,
            prompts=known.prompts,
            window=model.window or known.window,
            dimensions=known.dimensions,
            layer_norm_before_cut=known.layer_norm_before_cut,
        )


def _unknown(name: ModelName, typed: str, similar: Sequence[str]) -> str:
    if name.host.lower() != DEFAULT_HOST:
        return f"{typed!r}: expected a known model's name, hf.co/ORG/REPO, HOST/NAME or ./folder"
    meant = f"; did you mean {' or '.join(similar)}?" if similar else ""
    return (
        f"{typed!r} is not a known model{meant} (any encoder on Hugging Face can be"
        " pulled as hf.co/ORG/REPO, a folder used as ./folder)"
    )
