"""The `roberta` architecture as an OpenVINO graph; `xlm-roberta` and `camembert` are the same one.

BGE-M3, multilingual-e5, paraphrase-multilingual, Arctic v2-l. BERT, but positions count from the
padding's id up and leave out tokens of that id, and there is mostly one type of text.
Liu et al. 2019, https://arxiv.org/abs/1907.11692; tensor names as transformers writes them.
"""

from dataclasses import dataclass

import numpy as np

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
    pad_id: int
    hidden_act: str
    ignored_tensors = (
        "embeddings.position_ids",
        "embeddings.token_type_ids",
        "pooler.",
        "lm_head.",
        "classifier.",
        "qa_outputs.",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        configuration.only("position_embedding_type", ("absolute",))
        configuration.only("is_decoder", (False,))
        pad_id = configuration.count("pad_token_id", 1)
        return cls(
            post_norm.read_sizes(configuration, unused_positions=pad_id + 1),
            type_vocab_size=configuration.size("type_vocab_size", 2),
            pad_id=pad_id,
            hidden_act=configuration.text("hidden_act", "gelu"),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see the protocol."""
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "roberta.")
        hidden = _embeddings(self, weights, tokens)
        mask = padding_mask(tokens.token_mask)
        return post_norm.encode(
            weights, self.sizes, self.hidden_act, hidden, mask, first_only=tokens.first_only
        )


def positions(tokens: Tokens, pad_id: int) -> Node:
    """Count the tokens that are not the padding's, from pad_id + 1; (batch, seq) int32."""
    other = ops.convert(ops.not_equal(tokens.input_ids, np.int32(pad_id)), "i32")
    real = ops.multiply(other, tokens.token_mask)
    return ops.add(ops.multiply(ops.cum_sum(real, np.int32(1)), real), np.int32(pad_id))


def _embeddings(config: Architecture, weights: Weights, tokens: Tokens) -> Node:
    sizes, pad_id = config.sizes, config.pad_id
    rows = sizes.context_length + pad_id + 1
    words = weights.take_matrix("embeddings.word_embeddings.weight", sizes.vocab_size, sizes.width)
    places = weights.take("embeddings.position_embeddings.weight", rows, sizes.width)
    types = weights.take(
        "embeddings.token_type_embeddings.weight", config.type_vocab_size, sizes.width
    )
    one_type = tokens.token_types is None or config.type_vocab_size == 1
    places = places + types[0] if one_type else places
    hidden = ops.add(
        layers.embed(words, tokens.input_ids),
        layers.embed(places, positions(tokens, pad_id)),
    )
    if not one_type:
        hidden = ops.add(hidden, layers.embed(types, tokens.token_types))
    return weights.layer_norm(hidden, "embeddings.LayerNorm", sizes.width, eps=sizes.norm_eps)
