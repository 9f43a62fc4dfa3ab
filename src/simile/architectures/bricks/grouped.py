"""The parts that Qwen3 and Gemma 3 share: attention whose queries share keys, and the gated middle.

Queries and keys are normed by head before they are turned by their places. Gives graph nodes; knows
the tensor names that both families use, and no order of norms.
Grouped queries: Ainslie et al. 2023, https://arxiv.org/abs/2305.13245; normed queries and keys:
Dehghani et al. 2023, https://arxiv.org/abs/2302.05442, section 2; gated linear units: Shazeer 2020,
https://arxiv.org/abs/2002.05202, section 2.
"""

from dataclasses import dataclass

from simile.architectures.architecture import Sizes
from simile.architectures.bricks import layers
from simile.architectures.bricks.causal import share_heads
from simile.architectures.bricks.rotary import Rotary
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.errors import CheckpointError
from simile.graph import Node, ops


@dataclass(frozen=True)
class Heads:
    """How many heads, and how large."""

    count: int
    key_count: int
    """Heads of keys and of values; each serves as many heads of queries."""
    size: int
    bias: bool

    @classmethod
    def parse(cls, configuration: Configuration, size: int) -> "Heads":
        """Read config.json, where size is the default; CheckpointError if they do not divide."""
        count = configuration.size("num_attention_heads")
        found = cls(
            count=count,
            key_count=configuration.size("num_key_value_heads", count),
            size=configuration.size("head_dim", size),
            bias=configuration.flag("attention_bias", False),
        )
        if count % found.key_count or found.size % 2:
            raise CheckpointError(
                f"{configuration.where}: num_attention_heads {count} is not a multiple of "
                f"num_key_value_heads {found.key_count}, or head_dim {found.size} is odd"
            )
        return found


@dataclass(frozen=True)
class GroupedLayer:
    """The weights of one layer, and what its bricks need to know."""

    weights: Weights
    sizes: Sizes
    heads: Heads
    activation: str
    query_scale: float = 1.0
    """Multiplies the queries, beside the 1 / sqrt(head size) of attention itself."""
    gain_offset: float = 0.0
    """Added to the stored gain of each norm."""

    def norm(self, x: Node, name: str) -> Node:
        """Norm (..., width) by the norm of that name."""
        gain = self.weights.take(f"{name}.weight", self.sizes.width)
        return layers.rms_norm(x, gain + self.gain_offset, eps=self.sizes.norm_eps)

    def project(self, x: Node, rotary: Rotary) -> tuple[Node, Node, Node]:
        """Return queries, keys and values, each (batch, seq, its heads, head_size)."""
        query, key, value = (
            self._linear(x, f"self_attn.{name}_proj", count)
            for name, count in zip("qkv", self._counts(), strict=True)
        )
        query = rotary.turn(self._norm_heads(query, "q", self.query_scale))
        return query, rotary.turn(self._norm_heads(key, "k", 1.0)), value

    def share(self, x: Node) -> Node:
        """Repeat heads of keys or values until there are as many as of queries."""
        return share_heads(x, self.heads.count // self.heads.key_count)

    def mix(self, mixed: Node) -> Node:
        """Pass attention's (batch, seq, heads * head_size) through its last matrix."""
        inner, heads = self.heads.count * self.heads.size, self.heads
        return self.weights.linear(
            mixed, "self_attn.o_proj", inner, self.sizes.width, bias=heads.bias
        )

    def gated(self, x: Node) -> Node:
        """Pass (batch, seq, width) through the gated middle."""
        width, inner = self.sizes.width, self.sizes.feed_forward_size
        gate, up = (
            self.weights.linear(x, f"mlp.{name}_proj", width, inner, bias=False)
            for name in ("gate", "up")
        )
        grown = ops.multiply(layers.activation(gate, self.activation), up)
        return self.weights.linear(grown, "mlp.down_proj", inner, width, bias=False)

    def _counts(self) -> tuple[int, int, int]:
        return self.heads.count, self.heads.key_count, self.heads.key_count

    def _linear(self, x: Node, name: str, count: int) -> Node:
        width, size, bias = self.sizes.width, self.heads.size, self.heads.bias
        joined = self.weights.linear(x, name, width, count * size, bias=bias)
        return ops.reshape(joined, layers.ints(0, 0, count, size), True)

    def _norm_heads(self, x: Node, name: str, scale: float) -> Node:
        gain = self.weights.take(f"self_attn.{name}_norm.weight", self.heads.size)
        gain = (gain + self.gain_offset) * scale
        return layers.rms_norm(x, gain.astype("float32"), eps=self.sizes.norm_eps)
