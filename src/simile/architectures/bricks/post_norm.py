"""The layer that BERT and its kin share: attention, then two linear layers, each plus its input,
then normalised.

Gives graph nodes; where the weights lie is told by Names. Devlin et al. 2018,
https://arxiv.org/abs/1810.04805, after Vaswani et al. 2017, https://arxiv.org/abs/1706.03762.
"""

from dataclasses import dataclass

from simile.architectures.architecture import Sizes
from simile.architectures.bricks import layers
from simile.architectures.bricks.attention import attend, split_heads
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.errors import CheckpointError
from simile.graph import Node, ops


@dataclass(frozen=True)
class Names:
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


BERT = Names()


def read_sizes(configuration: Configuration, *, unused_positions: int = 0) -> Sizes:
    """Read BERT's keys; the first rows of the positions' table may stand for no token."""
    sizes = Sizes(
        vocab_size=configuration.size("vocab_size"),
        width=configuration.size("hidden_size"),
        layer_count=configuration.size("num_hidden_layers"),
        head_count=configuration.size("num_attention_heads"),
        feed_forward_size=configuration.size("intermediate_size"),
        norm_eps=configuration.number("layer_norm_eps", 1e-12),
        context_length=configuration.size("max_position_embeddings") - unused_positions,
    )
    check_heads(configuration, sizes)
    return sizes


def check_heads(configuration: Configuration, sizes: Sizes, *, pairs: bool = False) -> None:
    """Raise CheckpointError if the width is not shared evenly by heads, or by pairs in each."""
    if sizes.width % (sizes.head_count * (2 if pairs else 1)):
        raise CheckpointError(
            f"{configuration.where}: hidden_size {sizes.width} is not a multiple of "
            f"{'twice ' if pairs else ''}num_attention_heads {sizes.head_count}"
        )


def encode(
    weights: Weights,
    sizes: Sizes,
    activation: str,
    hidden: Node,
    mask: Node,
    names: Names = BERT,
    *,
    first_only: bool = False,
) -> Node:
    """Pass (batch, seq, width) through all layers; mask as in attention.attend.

    With first_only the last layer gives (batch, 1, width): it attends to all tokens, but for the
    first alone. That is a seventh of a six-layer model's work.
    """
    for number in range(sizes.layer_count):
        asking = hidden
        if first_only and number == sizes.layer_count - 1:
            asking, mask = _first(hidden, axis=1), _first(mask, axis=2)
        inside = weights.under(f"{names.layer}.{number}.")
        hidden = _layer(inside, sizes, activation, asking, hidden, mask, names)
    return hidden


def _layer(
    weights: Weights,
    sizes: Sizes,
    activation: str,
    asking: Node,
    hidden: Node,
    mask: Node,
    names: Names,
) -> Node:
    """Compute the layer for the tokens `asking`, which attend to those of `hidden`."""
    width, inner, eps = sizes.width, sizes.feed_forward_size, sizes.norm_eps
    query, key, value = (
        split_heads(weights.linear(x, name, width, width), sizes.head_count)
        for x, name in ((asking, names.query), (hidden, names.key), (hidden, names.value))
    )
    mixed = weights.linear(attend(query, key, value, mask), names.mixed, width, width)
    hidden = weights.layer_norm(ops.add(mixed, asking), names.mixed_norm, width, eps=eps)
    grown = layers.activation(weights.linear(hidden, names.grow, width, inner), activation)
    shrunk = weights.linear(grown, names.shrink, inner, width)
    return weights.layer_norm(ops.add(shrunk, hidden), names.norm, width, eps=eps)


def _first(x: Node, *, axis: int) -> Node:
    return ops.slice(x, layers.ints(0), layers.ints(1), layers.ints(1), layers.ints(axis))
