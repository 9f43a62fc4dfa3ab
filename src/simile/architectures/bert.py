"""The `bert` architecture as an OpenVINO graph: token ids to one vector per token.

Covers every checkpoint whose config.json says model_type "bert": MiniLM, BGE, GTE, mxbai, E5,
Snowflake v1. Post-norm transformer encoder with learnt absolute positions.
Devlin et al. 2018, https://arxiv.org/abs/1810.04805; tensor names as transformers writes them.
"""

from dataclasses import dataclass

from simile.architectures.architecture import Sizes, Tokens
from simile.architectures.bricks import layers, post_norm
from simile.architectures.bricks.attention import padding_mask
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Tensors
from simile.graph import Node, ops


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
        return cls(
            post_norm.read_sizes(configuration),
            type_vocab_size=configuration.size("type_vocab_size", 2),
            hidden_act=configuration.text("hidden_act", "gelu"),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see the protocol."""
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "bert.")
        hidden = _embeddings(self, weights, tokens)
        mask = padding_mask(tokens.token_mask)
        return post_norm.encode(
            weights, self.sizes, self.hidden_act, hidden, mask, first_only=tokens.first_only
        )


def _embeddings(config: Architecture, weights: Weights, tokens: Tokens) -> Node:
    sizes = config.sizes
    words = weights.take_matrix("embeddings.word_embeddings.weight", sizes.vocab_size, sizes.width)
    places = weights.take(
        "embeddings.position_embeddings.weight", sizes.context_length, sizes.width
    )
    types = weights.take(
        "embeddings.token_type_embeddings.weight", config.type_vocab_size, sizes.width
    )
    # In one text alone its type's vector is the same everywhere, and joins the positions.
    one_type = tokens.token_types is None
    positions = layers.first_rows(places + types[0] if one_type else places, tokens.input_ids)
    hidden = ops.add(layers.embed(words, tokens.input_ids), positions)
    if tokens.token_types is not None:
        hidden = ops.add(hidden, layers.embed(types, tokens.token_types))
    return weights.layer_norm(hidden, "embeddings.LayerNorm", sizes.width, eps=sizes.norm_eps)
