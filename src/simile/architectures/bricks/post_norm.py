"""The encoder that BERT and its kin share: embeddings, then layers of attention and two linear
layers, each plus its input, then normalized.

Builds graph nodes; BertNames maps the weights to tensors. Devlin et al. 2018,
https://arxiv.org/abs/1810.04805, after Vaswani et al. 2017, https://arxiv.org/abs/1706.03762;
positions counted from the padding's id: Liu et al. 2019, https://arxiv.org/abs/1907.11692.
"""

from dataclasses import dataclass, replace

import numpy as np

from simile.architectures.architecture import Sizes, Tokens
from simile.architectures.bricks import layers
from simile.architectures.bricks.attention import attend, split_heads
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.errors import CheckpointError
from simile.graph import Node, ops


@dataclass(frozen=True)
class BertNames:
    """Where a layer's weights lie; BERT's own words unless others are given."""

    layer: str = "encoder.layer"
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    mixed: str = "attention.output.dense"
    mixed_norm: str = "attention.output.LayerNorm"
    grow: str = "intermediate.dense"
    shrink: str = "output.dense"
    norm: str = "output.LayerNorm"


def read_sizes(configuration: Configuration, *, unused_positions: int = 0) -> Sizes:
    """Read BERT's keys; the first rows of the positions' table may stand for no token."""
    sizes = Sizes.read(configuration, eps="layer_norm_eps", default_eps=1e-12)
    check_heads(configuration, sizes)
    return replace(sizes, context_length=sizes.context_length - unused_positions)


def check_heads(configuration: Configuration, sizes: Sizes, *, pairs: bool = False) -> None:
    """Raise CheckpointError if the width is not shared evenly by heads, or by pairs in each."""
    if sizes.width % (sizes.head_count * (2 if pairs else 1)):
        raise CheckpointError(
            f"{configuration.where}: hidden_size {sizes.width} is not a multiple of "
            f"{'twice ' if pairs else ''}num_attention_heads {sizes.head_count}"
        )


def read_head_size(configuration: Configuration, sizes: Sizes) -> int:
    """Return the width of a head that is turned by its places: whole pairs, and no other head_dim.

    Raises CheckpointError and UnsupportedModelError.
    """
    check_heads(configuration, sizes, pairs=True)
    size = sizes.width // sizes.head_count
    configuration.only("head_dim", (size,))
    return size


@dataclass(frozen=True)
class PostNorm:
    """The weights of one encoder, and what its layers need to know."""

    weights: Weights
    sizes: Sizes
    activation: str
    names: BertNames = BertNames()

    def embed(self, tokens: Tokens, *, type_count: int = 0, pad_id: int | None = None) -> Node:
        """Look up words, places and types of texts: (batch, seq, width), normalized.

        With pad_id, places are counted from it up, and leave out tokens of that id.
        """
        weights, width, eps = (
            self.weights.under("embeddings."),
            self.sizes.width,
            self.sizes.norm_eps,
        )
        words = weights.take_matrix("word_embeddings.weight", self.sizes.vocab_size, width)
        unused = 0 if pad_id is None else pad_id + 1
        rows = self.sizes.context_length + unused
        places = weights.take("position_embeddings.weight", rows, width)
        types = None
        if type_count:
            types = weights.take("token_type_embeddings.weight", type_count, width)
            if tokens.token_types is None or type_count == 1:
                # The type is the same everywhere, and joins the places.
                places, types = places + types[0], None
        if pad_id is None:
            placed = layers.first_rows(places, tokens.input_ids)
        else:
            placed = layers.embed(places, positions(tokens, pad_id))
        hidden = ops.add(layers.embed(words, tokens.input_ids), placed)
        if types is not None:
            hidden = ops.add(hidden, layers.embed(types, tokens.token_types))
        return weights.layer_norm(hidden, "LayerNorm", width, eps=eps)

    def encode(self, hidden: Node, mask: Node, *, first_only: bool = False) -> Node:
        """Pass (batch, seq, width) through all layers; mask as in attention.attend.

        With first_only the last layer gives (batch, 1, width): it attends to all tokens, but for
        the first alone. That is a seventh of a six-layer model's work.
        """
        for number in range(self.sizes.layer_count):
            asking = hidden
            if first_only and number == self.sizes.layer_count - 1:
                asking, mask = _first(hidden, axis=1), _first(mask, axis=2)
            layer = self.weights.under(f"{self.names.layer}.{number}.")
            hidden = self._pass(layer, asking, hidden, mask)
        return hidden

    def _pass(self, layer: Weights, asking: Node, hidden: Node, mask: Node) -> Node:
        """Compute the layer for the tokens `asking`, which attend to those of `hidden`."""
        sizes, names = self.sizes, self.names
        width, inner, eps = sizes.width, sizes.feed_forward_size, sizes.norm_eps
        query, key, value = (
            split_heads(layer.linear(x, name, width, width), sizes.head_count)
            for x, name in ((asking, names.query), (hidden, names.key), (hidden, names.value))
        )
        mixed = layer.linear(attend(query, key, value, mask), names.mixed, width, width)
        hidden = layer.layer_norm(ops.add(mixed, asking), names.mixed_norm, width, eps=eps)
        grown = layers.activation(layer.linear(hidden, names.grow, width, inner), self.activation)
        shrunk = layer.linear(grown, names.shrink, inner, width)
        return layer.layer_norm(ops.add(shrunk, hidden), names.norm, width, eps=eps)


def positions(tokens: Tokens, pad_id: int) -> Node:
    """Count the tokens that are not the padding's, from pad_id + 1; (batch, seq) int32."""
    other = ops.convert(ops.not_equal(tokens.input_ids, np.int32(pad_id)), "i32")
    real = ops.multiply(other, tokens.token_mask)
    return ops.add(ops.multiply(ops.cum_sum(real, np.int32(1)), real), np.int32(pad_id))


def _first(x: Node, *, axis: int) -> Node:
    return ops.slice(x, layers.ints(0), layers.ints(1), layers.ints(1), layers.ints(axis))
