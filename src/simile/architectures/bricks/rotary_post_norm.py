"""The layer that NomicBERT and GTE share: BERT's with rotary positions and a gated middle.

Gives graph nodes; where the weights lie is told by Names. Rotary positions: Su et al. 2021,
https://arxiv.org/abs/2104.09864; gated linear units: Shazeer 2020,
https://arxiv.org/abs/2002.05202, section 2.
"""

from dataclasses import dataclass

from simile.architectures.architecture import Sizes, Tokens
from simile.architectures.bricks import layers
from simile.architectures.bricks.attention import attend, split_heads
from simile.architectures.bricks.rotary import Rotary
from simile.architectures.bricks.weights import Weights
from simile.graph import Node, ops


@dataclass(frozen=True)
class Names:
    """Where a layer's weights lie. `up` and `gate` are the same where one matrix holds both."""

    layer: str
    joined: str
    mixed: str
    mixed_norm: str
    up: str
    gate: str
    down: str
    norm: str
    attention_bias: bool
    gated_bias: bool
    down_bias: bool


def typed_words(weights: Weights, sizes: Sizes, type_count: int, tokens: Tokens) -> Node:
    """Look up the words and add the types of their texts, where the model has types."""
    table = weights.take_matrix("embeddings.word_embeddings.weight", sizes.vocab_size, sizes.width)
    words = layers.embed(table, tokens.input_ids)
    if not type_count:
        return words
    types = weights.take("embeddings.token_type_embeddings.weight", type_count, sizes.width)
    if tokens.token_types is None or type_count == 1:
        return ops.add(words, layers.weight(types[0]))
    return ops.add(words, layers.embed(types, tokens.token_types))


def encode(
    weights: Weights,
    sizes: Sizes,
    activation: str,
    hidden: Node,
    mask: Node,
    rotary: Rotary,
    names: Names,
) -> Node:
    """Pass (batch, seq, width) through all layers; mask as in attention.attend."""
    width, eps = sizes.width, sizes.norm_eps
    for number in range(sizes.layer_count):
        layer = weights.under(f"{names.layer}.{number}.")
        query, key, value = (
            split_heads(x, sizes.head_count)
            for x in layer.split_linear(
                hidden, names.joined, width, width, 3, bias=names.attention_bias
            )
        )
        mixed = attend(rotary.turn(query), rotary.turn(key), value, mask)
        mixed = layer.linear(mixed, names.mixed, width, width, bias=names.attention_bias)
        hidden = layer.layer_norm(ops.add(mixed, hidden), names.mixed_norm, width, eps=eps)
        changed = _gated(layer, sizes, activation, hidden, names)
        hidden = layer.layer_norm(ops.add(changed, hidden), names.norm, width, eps=eps)
    return hidden


def _gated(layer: Weights, sizes: Sizes, activation: str, hidden: Node, names: Names) -> Node:
    width, inner = sizes.width, sizes.feed_forward_size
    if names.up == names.gate:
        up, gate = layer.split_linear(hidden, names.up, width, inner, 2, bias=names.gated_bias)
    else:
        up, gate = (
            layer.linear(hidden, name, width, inner, bias=names.gated_bias)
            for name in (names.up, names.gate)
        )
    grown = ops.multiply(up, layers.activation(gate, activation))
    return layer.linear(grown, names.down, inner, width, bias=names.down_bias)
