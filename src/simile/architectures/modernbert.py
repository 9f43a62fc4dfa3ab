"""The `modernbert` architecture as an OpenVINO graph: token ids to one vector per token.

gte-modernbert, Granite r2. Layers that normalize before, gate their middle, turn queries and keys
by their places, and look at the whole text or only at a window around each token.
Warner et al. 2024, https://arxiv.org/abs/2412.13663; names and keys as transformers 4 and 5 write
them.
"""

from dataclasses import dataclass

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks import layers
from simile.architectures.bricks.attention import Window, attend, padding_mask, split_heads
from simile.architectures.bricks.layer_types import GLOBAL, LOCAL, read_layer_types
from simile.architectures.bricks.post_norm import read_head_size
from simile.architectures.bricks.rotary import Rotary, read_frequencies
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Floats, Tensors
from simile.graph import Node, ops

_OLD_BASES = {GLOBAL: "global_rope_theta", LOCAL: "local_rope_theta"}
_DEFAULT_BASES = {GLOBAL: 160_000.0, LOCAL: 10_000.0}


@dataclass(frozen=True)
class Architecture(EncoderArchitecture):
    """The keys of config.json that change the numbers."""

    sizes: Sizes
    kinds: tuple[str, ...]
    """Of each layer's attention."""
    angles: dict[str, Floats]
    """By kind of attention: per place, of each pair of columns of a head."""
    reach: int
    """Places that local attention sees on either side."""
    hidden_activation: str
    norm_bias: bool
    attention_bias: bool
    mlp_bias: bool
    ignored_tensors = ("head.", "decoder.", "classifier.")

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        sizes = Sizes.read(configuration, eps="norm_eps", default_eps=1e-5, context_length=8192)
        head_size = read_head_size(configuration, sizes)
        configuration.only("rope_scaling", (None,))
        every = configuration.size("global_attn_every_n_layers", 3)
        kinds = read_layer_types(configuration, sizes.layer_count) or tuple(
            LOCAL if number % every else GLOBAL for number in range(sizes.layer_count)
        )
        return cls(
            sizes,
            kinds,
            angles={kind: _read_angles(configuration, kind, head_size) for kind in set(kinds)},
            reach=configuration.size("local_attention", 128) // 2,
            hidden_activation=configuration.text("hidden_activation", "gelu"),
            norm_bias=configuration.flag("norm_bias", False),
            attention_bias=configuration.flag("attention_bias", False),
            mlp_bias=configuration.flag("mlp_bias", False),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture. It has no token types."""
        sizes = self.sizes
        weights = Weights.find(tensors, "embeddings.tok_embeddings.weight", "model.")
        words = weights.take_matrix(
            "embeddings.tok_embeddings.weight", sizes.vocab_size, sizes.width
        )
        hidden = self._norm(weights, "embeddings.norm", layers.embed(words, tokens.input_ids))
        rotaries = {
            kind: Rotary(tokens.input_ids, angles, sizes.context_length)
            for kind, angles in self.angles.items()
        }
        mask = padding_mask(tokens.token_mask)
        window = Window(tokens.token_mask, self.reach)
        for number, kind in enumerate(self.kinds):
            layer = weights.under(f"layers.{number}.")
            # The embeddings' own norm has just been applied.
            asked = hidden if number == 0 else self._norm(layer, "attn_norm", hidden)
            query, key, value = self._turned(layer, asked, rotaries[kind])
            local = kind == LOCAL
            mixed = window.attend(query, key, value) if local else attend(query, key, value, mask)
            mixed = layer.linear(
                mixed, "attn.Wo", sizes.width, sizes.width, bias=self.attention_bias
            )
            hidden = ops.add(hidden, mixed)
            hidden = ops.add(hidden, self._gated(layer, self._norm(layer, "mlp_norm", hidden)))
        return self._norm(weights, "final_norm", hidden)

    def _norm(self, weights: Weights, name: str, x: Node) -> Node:
        return weights.layer_norm(
            x, name, self.sizes.width, eps=self.sizes.norm_eps, bias=self.norm_bias
        )

    def _turned(self, layer: Weights, x: Node, rotary: Rotary) -> tuple[Node, Node, Node]:
        width = self.sizes.width
        joined = layer.split_linear(x, "attn.Wqkv", width, width, 3, bias=self.attention_bias)
        query, key, value = (split_heads(part, self.sizes.head_count) for part in joined)
        return rotary.turn(query), rotary.turn(key), value

    def _gated(self, layer: Weights, x: Node) -> Node:
        """GeGLU: Shazeer 2020, https://arxiv.org/abs/2002.05202, section 2."""
        width, inner = self.sizes.width, self.sizes.feed_forward_size
        up, gate = layer.split_linear(x, "mlp.Wi", width, inner, 2, bias=self.mlp_bias)
        grown = ops.multiply(layers.activation(up, self.hidden_activation), gate)
        return layer.linear(grown, "mlp.Wo", inner, width, bias=self.mlp_bias)


def _read_angles(configuration: Configuration, kind: str, head_size: int) -> Floats:
    parameters = configuration.table("rope_parameters").get(kind) or {}
    base = configuration.number(_OLD_BASES[kind], _DEFAULT_BASES[kind])
    return read_frequencies(configuration, parameters, head_size, base=base)
