"""Turn a GGUF file's metadata into the JSON files that a folder of the same model would have.

Writes sizes and the sentence-transformers modules; `families` knows the peculiarities of each
architecture. An unsupported key that would change the numbers is rejected. Source: ggml-org/
llama.cpp, src/llama-model.cpp, src/models/*.cpp and conversion/*.py (read 2026-11); defaults are
those of its loader.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.gguf import names as gguf_names
from simile.checkpoints.gguf.families import FAMILIES, Family
from simile.checkpoints.tensors import StoredTensor
from simile.errors import CheckpointError, UnsupportedModelError

MAX_CONTEXT = 2**20
"""Tokens; tables of positions grow with it, and the file's word for it cannot be checked."""
_POOLINGS = {1: "mean", 2: "cls", 3: "lasttoken"}
_LAST, _RANK = 3, 4
_DENSE = ("2_Dense", "3_Dense")
_CHANGING_KEYS: Mapping[str, tuple[object, ...]] = {
    "attention.scale": (0.0,),
    "attention.clamp_kqv": (0.0,),
    "attention.max_alibi_bias": (0.0,),
    "attn_logit_softcapping": (0.0,),
    "expert_count": (0,),
    "use_parallel_residual": (False,),
}
"""Keys of any architecture that are not built, and the values that change nothing."""
FILE_TYPES: Mapping[str, int] = {
    "F32": 0,
    "F16": 1,
    "Q4_0": 2,
    "Q4_1": 3,
    "Q8_0": 7,
    "Q5_0": 8,
    "Q5_1": 9,
    "Q2_K": 10,
    "Q3_K_S": 11,
    "Q3_K_M": 12,
    "Q3_K_L": 13,
    "Q4_K_S": 14,
    "Q4_K_M": 15,
    "Q5_K_S": 16,
    "Q5_K_M": 17,
    "Q6_K": 18,
    "IQ4_NL": 25,
    "IQ4_XS": 30,
    "BF16": 32,
}
"""Ollama's names of quantization levels, by general.file_type."""


@dataclass(frozen=True)
class Words:
    """A GGUF file in the words of a folder."""

    files: Mapping[str, Any]
    """The JSON files' contents by name."""
    tensors: Mapping[str, StoredTensor]
    """By Hugging Face's names; those of a module begin with its folder's name and a slash."""
    weight_format: str | None
    """As Ollama shows it; None where the file does not say."""
    begins: bool
    """Whether texts begin with a special token where the file does not say."""
    ends: bool
    """Whether they end with one. Qwen3-Embedding's do; files from before llama.cpp's converter knew
    of it lack the key."""


def read_words(where: str, values: Mapping[str, Any], tensors: Mapping[str, StoredTensor]) -> Words:
    """Translate metadata and names. Raises UnsupportedModelError or CheckpointError."""
    kind = values.get("general.architecture")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise UnsupportedModelError(
            f"{where}: general.architecture {kind!r} is not built here; "
            f"expected one of {', '.join(FAMILIES)}"
        )
    keys = Configuration(_own_keys(str(kind), values), f"{where}: {kind}")
    pooling = _pooling(where, keys, tensors)
    if not tensors:
        raise CheckpointError(f"{where} has no tensors: it is a vocabulary alone, not a model")
    _refuse_variants(keys, family)
    config = _sizes(keys, tensors) | family.config(keys, tensors)
    renamed = gguf_names.rename(family.names, tensors, _widths(config))
    if config["model_type"] == "bert":
        renamed.setdefault("embeddings.token_type_embeddings.weight", _no_types(config))
    files = {"config.json": config}
    if pooling == _RANK:
        renamed = _rank(keys, family, config, renamed)
    else:
        files |= _modules(_POOLINGS[pooling], renamed)
    ends = not family.causal or pooling == _LAST
    return Words(files, renamed, _file_type(values), begins=not family.causal, ends=ends)


def _own_keys(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    own = {n.removeprefix(f"{kind}."): v for n, v in values.items() if n.startswith(f"{kind}.")}
    return {n: v.tolist() if hasattr(v, "tolist") else v for n, v in own.items()}


def _pooling(where: str, keys: Configuration, tensors: Mapping[str, StoredTensor]) -> int:
    """Read how token vectors become one.

    Absent from a Gemma 3 with Dense layers, Ollama's EmbeddingGemma, and from most rerankers.
    """
    found = keys.values.get("pooling_type")
    if found is None and "dense.0.weight" in tensors:
        return 1
    if found is None and "cls.output.weight" in tensors:
        return _RANK
    if found is None or found == 0:
        raise UnsupportedModelError(
            f"{where} is a chat model and cannot embed: its pooling_type is "
            f"{'absent' if found is None else 'none'}; expected mean, cls, last or rank"
        )
    if found not in (*_POOLINGS, _RANK):
        raise UnsupportedModelError(f"{where}: pooling_type {found!r} is not built here")
    return int(found)


def _refuse_variants(keys: Configuration, family: Family) -> None:
    keys.only("attention.causal", (family.causal,))
    for name, allowed in _CHANGING_KEYS.items():
        keys.only(name, allowed)


def _sizes(keys: Configuration, tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    """Read the keys that all architectures share."""
    words = tensors.get("token_embd.weight")
    if words is None:
        raise CheckpointError(f"{keys.where}: tensor token_embd.weight is missing")
    context = keys.size("context_length")
    if context > MAX_CONTEXT:
        raise CheckpointError(
            f"{keys.where}: context_length is {context:,}; expected at most {MAX_CONTEXT:,}"
        )
    return {
        "vocab_size": words.shape[0],
        "hidden_size": keys.size("embedding_length"),
        "num_hidden_layers": keys.size("block_count"),
        "num_attention_heads": keys.size("attention.head_count"),
        "intermediate_size": keys.size("feed_forward_length"),
        "max_position_embeddings": context,
    }


def _widths(config: Mapping[str, Any]) -> tuple[int, int, int]:
    heads = config["num_attention_heads"]
    size = config.get("head_dim", config["hidden_size"] // heads)
    shared = config.get("num_key_value_heads", heads) * size
    return heads * size, shared, shared


def _no_types(config: Mapping[str, Any]) -> StoredTensor:
    """Stand in for the one row that a model without types of texts, such as DistilBERT, lacks."""
    shape = (1, config["hidden_size"])
    return StoredTensor("F32", shape, lambda: np.zeros(shape, dtype=np.float32))


def _modules(pooling: str, tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    """Write modules.json and what belongs to it; the vectors of GGUF servers have length 1."""
    dense = [name for name in _DENSE if f"{name}/linear.weight" in tensors]
    paths = ["", "1_Pooling", *dense, "9_Normalize"]
    files: dict[str, Any] = {
        "modules.json": [
            {"path": path, "type": f"sentence_transformers.models.{path[2:] or 'Transformer'}"}
            for path in paths
        ],
        "1_Pooling/config.json": {"pooling_mode": pooling},
    }
    for name in dense:
        shape = tensors[f"{name}/linear.weight"].shape
        files[f"{name}/config.json"] = {
            "in_features": shape[-1],
            "out_features": shape[0],
            "bias": f"{name}/linear.bias" in tensors,
            "activation_function": "torch.nn.modules.linear.Identity",
        }
    return files


def _rank(
    keys: Configuration,
    family: Family,
    config: dict[str, Any],
    tensors: Mapping[str, StoredTensor],
) -> dict[str, StoredTensor]:
    """Describe a reranker: the class of its head; two rows, for yes and no, become one."""
    found = dict(tensors)
    config |= {"architectures": [family.head], "num_labels": 1}
    score = found.get("score.weight")
    if score is not None and score.shape[0] == 2:
        # The softmax of two logits is the sigmoid of their difference.
        found["score.weight"] = gguf_names.difference_of_rows(score)
    if family.names is gguf_names.BERT and "classifier.dense.weight" not in found:
        raise UnsupportedModelError(
            f"{keys.where}: a reranker without tensor cls.weight: llama.cpp's converter leaves out "
            "the pooler that BERT's head needs; use the safetensors checkpoint"
        )
    return found


def _file_type(values: Mapping[str, Any]) -> str | None:
    told = values.get("general.file_type")
    return next(
        (name for name, number in FILE_TYPES.items() if type(told) is int and number == told), None
    )
