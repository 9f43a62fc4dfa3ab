"""Turn the manifest of a model of Ollama's into the files that are of use here.

The same JSON lies in Ollama's own folder and is what a registry answers. Knows the layers' kinds;
does not know where layers are kept, nor GGUF. Source: Ollama, manifest/ and
server/images.go: an OCI manifest whose layers are `application/vnd.ollama.image.*` (read 2026-11).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from simile.bounded import parse_json, read_file
from simile.errors import CheckpointError, UnsupportedModelError

MODEL_FILE = "model.gguf"
MAX_MANIFEST_BYTES = 4 * 2**20
MAX_MODEL_BYTES = 64 * 2**30
MAX_TEXT_BYTES = 2**20
_KIND = "application/vnd.ollama.image."
_FILES = {"params": "params.json", "license": "LICENSE", "model": MODEL_FILE}
"""Kind of layer to the name it has here; the large one last. Templates are for chat."""
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{1,39}")
_LICENSES = (
    (re.compile(r"\s*Apache License\s+Version 2\.0\b"), "Apache-2.0"),
    (re.compile(r"\s*(The )?MIT License\b"), "MIT"),
)


@dataclass(frozen=True)
class Layer:
    """One file of a model, named by its checksum."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class OllamaManifest:
    """What is known of one model."""

    sha256: str
    """The digest of the manifest itself, which Ollama shows as the model's."""
    layers: Mapping[str, Layer]
    """Name of the file to its layer; the model's own is there, and is the last."""
    size_bytes: int
    """The size of all layers, as Ollama shows it."""


def parse_manifest(data: bytes, name: str) -> OllamaManifest:
    """Read the manifest of the model of that name.

    CheckpointError where it is damaged, UnsupportedModelError where the model is not one GGUF file.
    """
    try:
        content = parse_json(data, what="it", error=CheckpointError)
        entries: list[dict[str, Any]] = content["layers"]
        kinds = [str(entry["mediaType"]).removeprefix(_KIND) for entry in entries]
        layers = [_layer(entry) for entry in entries]
        size_bytes = (
            sum(layer.size_bytes for layer in layers) + _layer(content["config"]).size_bytes
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise CheckpointError(f"the manifest of {name} is damaged: {exc}") from exc
    if kinds.count("model") != 1 or "adapter" in kinds:
        raise UnsupportedModelError(
            f"the manifest of {name} lists {', '.join(sorted(set(kinds)))};"
            " expected one GGUF file (model) and no adapter"
        )
    files = {_FILES[kind]: layers[kinds.index(kind)] for kind in _FILES if kind in kinds}
    for file, layer in files.items():
        most = MAX_MODEL_BYTES if file == MODEL_FILE else MAX_TEXT_BYTES
        if layer.size_bytes > most:
            raise CheckpointError(
                f"{file} of {name} has {layer.size_bytes:,} bytes; at most {most:,} are read"
            )
    return OllamaManifest(sha256(data).hexdigest(), files, size_bytes)


def _layer(entry: Mapping[str, Any]) -> Layer:
    digest, size = _DIGEST.fullmatch(str(entry["digest"])), entry["size"]
    if not digest or type(size) is not int or size < 0:
        raise ValueError(f"a layer has digest {entry['digest']!r} and size {size!r}")
    return Layer(digest[1], size)


def read_window(params: Path) -> int | None:
    """Return a model's default window (`num_ctx`), if its parameters set one."""
    try:
        data = read_file(params, max_bytes=MAX_TEXT_BYTES, error=CheckpointError)
        window = parse_json(data, what="it", error=CheckpointError)["num_ctx"]
    except (CheckpointError, KeyError, TypeError):
        return None
    return window if type(window) is int and window > 0 else None


def read_license(text: Path) -> str | None:
    """Return the SPDX name of a license from its text, if that is a well-known one."""
    try:
        data = read_file(text, max_bytes=MAX_TEXT_BYTES, error=CheckpointError)
        content = data.decode("utf-8", "replace")
    except CheckpointError:
        return None
    known = next((name for pattern, name in _LICENSES if pattern.match(content)), None)
    first = content.strip().partition("\n")[0].strip()
    return known or (first if _SPDX.fullmatch(first) else None)
