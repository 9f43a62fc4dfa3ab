"""Look a name up among the models that are known.

Knows names and spelling; the facts are in known_models, the disk and the network are not known.
"""

from collections.abc import Sequence

from simile.hub.known_models import EMBEDDERS, RERANKERS, KnownModel, Wheel
from simile.hub.names import HUB_HOSTS, ModelName

__all__ = ["CATALOG", "KnownModel", "Wheel", "find", "find_known", "find_repo", "similar_names"]

CATALOG: tuple[KnownModel, ...] = (*EMBEDDERS, *RERANKERS)
_GGUF_ENDING = "-gguf"


def find(name: ModelName, catalog: Sequence[KnownModel] = CATALOG) -> KnownModel | None:
    """Return the known model of that name and tag, or None."""
    return next((known for known in catalog if known.is_called(name)), None)


def find_repo(repo: str, catalog: Sequence[KnownModel] = CATALOG) -> KnownModel | None:
    """Return the known model that comes from ORG/REPO, or None; ORG/REPO-GGUF is the same model."""
    wanted = repo.lower().removesuffix(_GGUF_ENDING)
    return next((k for k in catalog if k.repo.lower() == wanted), None)


def find_known(name: ModelName, catalog: Sequence[KnownModel] = CATALOG) -> KnownModel | None:
    """Look up a known model by its short name or by its Hugging Face repository."""
    if name.host.lower() in HUB_HOSTS:
        return find_repo(f"{name.namespace}/{name.model}", catalog)
    return find(name, catalog)


def similar_names(name: ModelName, catalog: Sequence[KnownModel] = CATALOG) -> list[str]:
    """Return up to three known names close to this one, for error messages; nearest first."""
    from difflib import get_close_matches

    same_model = [
        f"{n}:{tag}" for k in catalog for n in k.names for tag in k.tags if n == name.model.lower()
    ]
    if same_model:
        return get_close_matches(f"{name.model}:{name.tag}".lower(), same_model, cutoff=0.0)
    return get_close_matches(name.model.lower(), [n for k in catalog for n in k.names])
