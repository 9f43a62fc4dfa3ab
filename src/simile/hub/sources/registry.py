"""Bring a model from a registry that speaks Ollama's protocol: a manifest, then the files it names.

Nothing but GET is asked, without credentials; what comes is believed once its checksum is right.
Does not know the pulled models nor the catalog. Source: Ollama, server/download.go and docs on its
registry; the OCI distribution specification (read 2026-11).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from simile.address import is_loopback
from simile.checkpoints.gguf.header import EarlyLook
from simile.errors import CheckpointError, ModelNotFoundError, UnsupportedModelError
from simile.hub.files import FileRecord
from simile.hub.names import ModelName
from simile.hub.ollama_manifest import (
    MAX_MANIFEST_BYTES,
    MODEL_FILE,
    Layer,
    OllamaManifest,
    parse_manifest,
    read_license,
)
from simile.hub.sources.download import fetch_checked, read_small, transfer
from simile.hub.sources.source import Delivery, PullProgress, PullSource, Report

_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def registry_source(
    name: ModelName, host: str, workplace: Callable[[str], Path], *, insecure: bool = False
) -> PullSource:
    """Take the model from `host`; over plain http only from this machine, or if `insecure`.

    `workplace` gives paths for what is unfinished, by their ending; a later try goes on with it.
    """
    scheme = "http" if insecure or is_loopback(host.partition(":")[0]) else "https"
    base = f"{scheme}://{host}/v2/{name.namespace}/{name.model}"

    def fetch(into: Path, report: Report) -> Delivery:
        last = PullProgress(f"asking {host}")

        def wanted() -> None:
            """Report once more, which raises if nobody listens."""
            report(last)

        def telling(step: PullProgress) -> None:
            nonlocal last
            last = step
            report(step)

        manifest = _manifest(f"{base}/manifests/{name.tag}", name, host, wanted)
        endings = {file: f".{layer.sha256[:16]}.part" for file, layer in manifest.layers.items()}
        _forget_others(workplace, set(endings.values()))
        files = []
        for file, layer in manifest.layers.items():
            unfinished = workplace(endings[file])
            url = f"{base}/blobs/sha256:{layer.sha256}"
            _bring(
                url, file, layer, unfinished, _told(file, layer, name, unfinished, telling), wanted
            )
            unfinished.replace(into / file)
            files.append(FileRecord(file, layer.size_bytes, layer.sha256))
        origin = f"{name.namespace}/{name.model}:{name.tag} at {host}"
        license = read_license(into / "LICENSE")
        return Delivery(files, origin, license, registry_digest=manifest.sha256)

    return PullSource(f"registry ({host})", fetch)


def _manifest(url: str, name: ModelName, host: str, wanted: Callable[[], None]) -> OllamaManifest:
    data = read_small(url, accept=_MANIFEST_TYPE, max_bytes=MAX_MANIFEST_BYTES, wanted=wanted)
    if data is None:
        raise ModelNotFoundError(f"{host} has no model {name.namespace}/{name.model}:{name.tag}")
    return parse_manifest(data, name.display)


def _bring(
    url: str,
    file: str,
    layer: Layer,
    unfinished: Path,
    told: Callable[[str, int, int | None], None],
    wanted: Callable[[], None],
) -> None:
    get = partial(transfer, url, unfinished, told, max_bytes=layer.size_bytes, wanted=wanted)
    try:
        fetch_checked(get, unfinished, file, layer.sha256)
    except UnsupportedModelError:
        unfinished.unlink(missing_ok=True)
        raise


def _told(
    file: str, layer: Layer, name: ModelName, unfinished: Path, report: Report
) -> Callable[[str, int, int | None], None]:
    """Report progress, and stop as soon as the header shows that the model cannot be used.

    What does not begin as a GGUF file may be left from before; the checksum will tell.
    """
    look = EarlyLook(unfinished, name.display) if file == MODEL_FILE else None

    def told(_: str, completed: int, total: int | None) -> None:
        nonlocal look
        report(PullProgress("downloading", file, completed, layer.size_bytes, layer.sha256))
        try:
            if look and look(completed):
                look = None
        except CheckpointError:
            look = None

    return told


def _forget_others(workplace: Callable[[str], Path], endings: set[str]) -> None:
    """Delete partial downloads of other versions of the model; nothing will resume them."""
    stem = workplace("")
    for path in stem.parent.glob(f"{stem.name}.*.part"):
        if path.name.removeprefix(stem.name) not in endings:
            path.unlink()
