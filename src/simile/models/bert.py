"""The `bert` architecture as an OpenVINO graph: token ids to one vector per token.

Covers every checkpoint whose config.json says model_type "bert": MiniLM, BGE, GTE, mxbai, E5,
Snowflake v1. Post-norm transformer encoder with learnt absolute positions.
Devlin et al. 2018, https://arxiv.org/abs/1810.04805; tensor names as transformers writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simile.errors import CheckpointError, UnsupportedModelError
from simile.models import layers
from simile.models.checkpoint import Floats, Tensors
from simile.models.graph import Node, ops

IGNORED_TENSORS = (
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    "pooler.",
    "cls.",
    "classifier.",
    "qa_outputs.",
)
"""Parts of names of tensors that do not take part in the token vectors."""


@dataclass(frozen=True)
class BertConfig:
    """The keys of config.json that change the numbers."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    hidden_act: str

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> "BertConfig":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        position_type = config.get("position_embedding_type", "absolute")
        if position_type != "absolute":
            raise UnsupportedModelError(
                f"position_embedding_type {position_type!r} is not built here; expected 'absolute'"
            )
        if config.get("is_decoder"):
            raise UnsupportedModelError("is_decoder true (causal attention) is not built for bert")
        sizes = {name: _size(config, name) for name in _SIZES}
        if sizes["hidden_size"] % sizes["num_attention_heads"]:
            raise CheckpointError(
                f"config.json: hidden_size {sizes['hidden_size']} is not a multiple of "
                f"num_attention_heads {sizes['num_attention_heads']}"
            )
        eps, act = config.get("layer_norm_eps", 1e-12), config.get("hidden_act", "gelu")
        if not isinstance(eps, float | int) or not isinstance(act, str):
            raise CheckpointError(f"config.json: layer_norm_eps {eps!r} or hidden_act {act!r}")
        return cls(**sizes, layer_norm_eps=float(eps), hidden_act=act)


_SIZES = {
    "vocab_size": None,
    "hidden_size": None,
    "num_hidden_layers": None,
    "num_attention_heads": None,
    "intermediate_size": None,
    "max_position_embeddings": None,
    "type_vocab_size": 2,
}


def _size(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name, _SIZES[name])
    if type(value) is not int or value < 1:
        raise CheckpointError(f"config.json: {name} is {value!r}; expected a positive integer")
    return value


def build(config: BertConfig, tensors: Tensors, input_ids: Node, token_mask: Node) -> Node:
    """Build the encoder; input_ids and token_mask (batch, seq) int32 to (batch, seq, width).

    Raises CheckpointError for a tensor that is missing or has another shape than config.json says,
    UnsupportedModelError for a tensor that has no place in this architecture.
    """
    prefix = "bert." if "bert.embeddings.word_embeddings.weight" in tensors else ""
    weights = _Weights(tensors, prefix)
    mask = layers.attention_mask(token_mask)
    hidden = _embeddings(config, weights, input_ids)
    for number in range(config.num_hidden_layers):
        hidden = _layer(config, weights, f"encoder.layer.{number}", hidden, mask)
    tensors.refuse_unknown(IGNORED_TENSORS)
    return hidden


@dataclass(frozen=True)
class _Weights:
    """Tensors under the checkpoint's own prefix, and under the older names of layer norms."""

    tensors: Tensors
    prefix: str

    def take(self, name: str, *shape: int) -> Floats:
        full = self.prefix + name
        if full not in self.tensors and "LayerNorm" in full:
            old = full.replace(".weight", ".gamma").replace(".bias", ".beta")
            full = old if old in self.tensors else full
        return self.tensors.take(full, shape)

    def linear(self, x: Node, name: str, width_in: int, width_out: int) -> Node:
        matrix = self.take(f"{name}.weight", width_out, width_in)
        return layers.linear(x, matrix, self.take(f"{name}.bias", width_out))

    def layer_norm(self, x: Node, name: str, config: BertConfig) -> Node:
        gain = self.take(f"{name}.weight", config.hidden_size)
        bias = self.take(f"{name}.bias", config.hidden_size)
        return layers.layer_norm(x, gain, bias, eps=config.layer_norm_eps)


def _embeddings(config: BertConfig, weights: _Weights, input_ids: Node) -> Node:
    width = config.hidden_size
    words = weights.take("embeddings.word_embeddings.weight", config.vocab_size, width)
    places = weights.take(
        "embeddings.position_embeddings.weight", config.max_position_embeddings, width
    )
    types = weights.take("embeddings.token_type_embeddings.weight", config.type_vocab_size, width)
    # One segment only, so its type vector is the same everywhere and joins the positions.
    table = layers.weight(places + types[0])
    seq = ops.gather(ops.shape_of(input_ids, "i64"), layers.ints(1), layers.ints(0))
    positions = ops.slice(table, layers.ints(0), seq, layers.ints(1), layers.ints(0))
    tokens = ops.gather(layers.weight(words), input_ids, layers.ints(0))
    return weights.layer_norm(ops.add(tokens, positions), "embeddings.LayerNorm", config)


def _layer(config: BertConfig, weights: _Weights, name: str, hidden: Node, mask: Node) -> Node:
    width, inner = config.hidden_size, config.intermediate_size
    query, key, value = (
        weights.linear(hidden, f"{name}.attention.self.{part}", width, width)
        for part in ("query", "key", "value")
    )
    mixed = layers.attention(query, key, value, mask, heads=config.num_attention_heads)
    mixed = weights.linear(mixed, f"{name}.attention.output.dense", width, width)
    hidden = weights.layer_norm(
        ops.add(mixed, hidden), f"{name}.attention.output.LayerNorm", config
    )
    grown = weights.linear(hidden, f"{name}.intermediate.dense", width, inner)
    grown = layers.activation(grown, config.hidden_act)
    shrunk = weights.linear(grown, f"{name}.output.dense", inner, width)
    return weights.layer_norm(ops.add(shrunk, hidden), f"{name}.output.LayerNorm", config)
