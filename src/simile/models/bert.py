"""The `bert` architecture as an OpenVINO graph: token ids to one vector per token.

Covers every checkpoint whose config.json says model_type "bert": MiniLM, BGE, GTE, mxbai, E5,
Snowflake v1. Post-norm transformer encoder with learnt absolute positions.
Devlin et al. 2018, https://arxiv.org/abs/1810.04805; tensor names as transformers writes them.
"""

from dataclasses import dataclass

from simile.errors import CheckpointError
from simile.models import layers
from simile.models.architecture import Sizes, Tokens
from simile.models.checkpoint import Tensors
from simile.models.configuration import Configuration
from simile.models.graph import Node, ops
from simile.models.weights import Weights


@dataclass(frozen=True)
class Architecture:
    """The keys of config.json that change the numbers."""

    sizes: Sizes
    type_vocab_size: int
    hidden_act: str
    ignored_tensors = (
        "embeddings.position_ids",
        "embeddings.token_type_ids",
        "pooler.",
        "cls.",
        "classifier.",
        "qa_outputs.",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        configuration.only("position_embedding_type", ("absolute",))
        configuration.only("is_decoder", (False,))
        sizes = Sizes(
            vocab_size=configuration.size("vocab_size"),
            width=configuration.size("hidden_size"),
            layer_count=configuration.size("num_hidden_layers"),
            head_count=configuration.size("num_attention_heads"),
            feed_forward_size=configuration.size("intermediate_size"),
            norm_eps=configuration.number("layer_norm_eps", 1e-12),
            context_length=configuration.size("max_position_embeddings"),
        )
        if sizes.width % sizes.head_count:
            raise CheckpointError(
                f"{configuration.where}: hidden_size {sizes.width} is not a multiple of "
                f"num_attention_heads {sizes.head_count}"
            )
        return cls(
            sizes,
            type_vocab_size=configuration.size("type_vocab_size", 2),
            hidden_act=configuration.text("hidden_act", "gelu"),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see the protocol."""
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "bert.")
        mask = layers.attention_mask(tokens.token_mask)
        hidden = _embeddings(self, weights, tokens)
        for number in range(self.sizes.layer_count):
            hidden = _layer(self, weights, f"encoder.layer.{number}", hidden, mask)
        return hidden


def _embeddings(config: Architecture, weights: Weights, tokens: Tokens) -> Node:
    sizes = config.sizes
    words = weights.take("embeddings.word_embeddings.weight", sizes.vocab_size, sizes.width)
    places = weights.take(
        "embeddings.position_embeddings.weight", sizes.context_length, sizes.width
    )
    types = weights.take(
        "embeddings.token_type_embeddings.weight", config.type_vocab_size, sizes.width
    )
    # In one text alone its type's vector is the same everywhere, and joins the positions.
    one_type = tokens.token_types is None
    table = layers.weight(places + types[0] if one_type else places)
    seq = ops.gather(ops.shape_of(tokens.input_ids, "i64"), layers.ints(1), layers.ints(0))
    positions = ops.slice(table, layers.ints(0), seq, layers.ints(1), layers.ints(0))
    hidden = ops.add(layers.embed(words, tokens.input_ids), positions)
    if tokens.token_types is not None:
        hidden = ops.add(hidden, layers.embed(types, tokens.token_types))
    return weights.layer_norm(hidden, "embeddings.LayerNorm", sizes.width, eps=sizes.norm_eps)


def _layer(config: Architecture, weights: Weights, name: str, hidden: Node, mask: Node) -> Node:
    sizes = config.sizes
    width, inner, eps = sizes.width, sizes.feed_forward_size, sizes.norm_eps
    query, key, value = (
        weights.linear(hidden, f"{name}.attention.self.{part}", width, width)
        for part in ("query", "key", "value")
    )
    mixed = layers.attention(query, key, value, mask, heads=sizes.head_count)
    mixed = weights.linear(mixed, f"{name}.attention.output.dense", width, width)
    hidden = weights.layer_norm(
        ops.add(mixed, hidden), f"{name}.attention.output.LayerNorm", width, eps=eps
    )
    grown = weights.linear(hidden, f"{name}.intermediate.dense", width, inner)
    grown = layers.activation(grown, config.hidden_act)
    shrunk = weights.linear(grown, f"{name}.output.dense", inner, width)
    return weights.layer_norm(ops.add(shrunk, hidden), f"{name}.output.LayerNorm", width, eps=eps)
