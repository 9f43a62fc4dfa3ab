"""Say whether Ollama has a model on this machine; nothing is ever written there.

Knows the layout of its manifests; does not read them, nor the GGUF files that they name. Source:
Ollama, types/model/name.go and manifest/paths.go: `manifests/<host>/<namespace>/<model>/<tag>`,
upper and lower case alike (read 2026-11).
"""

from pathlib import Path

from simile.models.names import ModelName


def has_model(folder: Path, name: ModelName) -> bool:
    """Whether a model of that name lies in Ollama's folder; False where it cannot be read."""
    places = [folder / "manifests"]
    try:
        for part in (name.host, name.namespace, name.model, name.tag):
            inside = (child for place in places if place.is_dir() for child in place.iterdir())
            places = [child for child in inside if child.name.lower() == part.lower()]
        return any(place.is_file() for place in places)
    except OSError:
        return False
