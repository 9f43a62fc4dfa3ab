"""The encoder that NomicBERT and GTE share: BERT's with rotary positions and a gated middle.

Builds graph nodes; GatedNames maps the weights to tensors. Rotary positions: Su et al. 2021,
https://arxiv.org/abs/2104.09864; gated linear units: Shazeer 2020,
https://arxiv.org/abs/2002.05202, section 2.
"""

from dataclasses import dataclass

from simile.architectures.architecture import Sizes, Tokens
from simile.architectures.bricks import layers
from simile.architectures.bricks.attention import attend, padding_mask, split_heads
from simile.architectures.bricks.rotary import Rotary
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.tensors import Floats
from simile.graph import Node, ops


@dataclass(frozen=True)
class GatedNames:
    """Where a layer's weights lie. `up` and `gate` are the same where one matrix holds both."""

    layer: str
    joined: str
    mixed: str
    mixed_norm: str
    up: str
    gate: str
    down: str
    norm: str
    attention_bias: bool = False
    gated_bias: bool = False
    down_bias: bool = False


@dataclass(frozen=True)
class RotaryPostNorm:
    """The weights of one encoder, and what its layers need to know."""

    weights: Weights
    sizes: Sizes
    activation: str
    names: GatedNames

    def embed(self, tokens: Tokens, norm: str, *, type_count: int) -> Node:
        """Look up words and, where the model has them, types of texts; normalized.

        `norm` is where the norm's weights lie.
        """
        weights, width = self.weights, self.sizes.width
        name = "embeddings.word_embeddings.weight"
        words = weights.take_matrix(name, self.sizes.vocab_size, width)
        hidden = layers.embed(words, tokens.input_ids)
        if type_count:
            types = weights.take("embeddings.token_type_embeddings.weight", type_count, width)
            one_type = tokens.token_types is None or type_count == 1
            typed = layers.weight(types[0]) if one_type else layers.embed(types, tokens.token_types)
            hidden = ops.add(hidden, typed)
        return weights.layer_norm(hidden, norm, width, eps=self.sizes.norm_eps)

    def encode(self, hidden: Node, tokens: Tokens, angles: Floats) -> Node:
        """Pass (batch, seq, width) through all layers; angles as Rotary takes them."""
        mask = padding_mask(tokens.token_mask)
        rotary = Rotary(tokens.input_ids, angles, self.sizes.context_length)
        for number in range(self.sizes.layer_count):
            layer = self.weights.under(f"{self.names.layer}.{number}.")
            hidden = self._pass(layer, hidden, mask, rotary)
        return hidden

    def _pass(self, layer: Weights, hidden: Node, mask: Node, rotary: Rotary) -> Node:
        names, width, eps = self.names, self.sizes.width, self.sizes.norm_eps
        bias = names.attention_bias
        query, key, value = (
            split_heads(x, self.sizes.head_count)
            for x in layer.split_linear(hidden, names.joined, width, width, 3, bias=bias)
        )
        mixed = attend(rotary.turn(query), rotary.turn(key), value, mask)
        mixed = layer.linear(mixed, names.mixed, width, width, bias=bias)
        hidden = layer.layer_norm(ops.add(mixed, hidden), names.mixed_norm, width, eps=eps)
        changed = self._gated(layer, hidden)
        return layer.layer_norm(ops.add(changed, hidden), names.norm, width, eps=eps)

    def _gated(self, layer: Weights, hidden: Node) -> Node:
        names, width, inner = self.names, self.sizes.width, self.sizes.feed_forward_size
        bias = names.gated_bias
        if names.up == names.gate:
            up, gate = layer.split_linear(hidden, names.up, width, inner, 2, bias=bias)
        else:
            up, gate = (
                layer.linear(hidden, name, width, inner, bias=bias)
                for name in (names.up, names.gate)
            )
        grown = ops.multiply(up, layers.activation(gate, self.activation))
        return layer.linear(grown, names.down, inner, width, bias=names.down_bias)
