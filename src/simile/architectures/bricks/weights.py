"""Take an architecture's weights out of a checkpoint by name, and put the bricks on them.

Knows the names' prefix and the older names of layer norms; knows no architecture.
"""

from dataclasses import dataclass

import numpy as np

from simile.architectures.bricks import layers
from simile.checkpoints.tensors import Floats, Half, Tensors
from simile.graph import Node, ops


@dataclass(frozen=True)
class Weights:
    """Tensors under the checkpoint's own prefix."""

    tensors: Tensors
    prefix: str = ""

    @classmethod
    def find(cls, tensors: Tensors, name: str, *prefixes: str) -> "Weights":
        """Choose the first prefix under which a tensor of that name is there, else none."""
        found = (prefix for prefix in prefixes if prefix + name in tensors)
        return cls(tensors, next(found, ""))

    def under(self, name: str) -> "Weights":
        """Narrow to the names that begin so."""
        return Weights(self.tensors, self.prefix + name)

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.tensors

    def take(self, name: str, *shape: int) -> Floats:
        """Return a tensor as float32 of that shape. Raises CheckpointError naming it."""
        full = self.prefix + name
        if full not in self.tensors and "LayerNorm" in full:
            old = full.replace(".weight", ".gamma").replace(".bias", ".beta")
            full = old if old in self.tensors else full
        return self.tensors.take(full, shape)

    def take_matrix(self, name: str, *shape: int) -> Floats | Half:
        """As take, but 16-bit numbers are given as they are, and read when they are used."""
        return self.tensors.take_matrix(self.prefix + name, shape)

    def linear(
        self, x: Node, name: str, width_in: int, width_out: int, *, bias: bool = True
    ) -> Node:
        """Apply the linear layer of that name: (..., width_in) to (..., width_out)."""
        matrix = self.take_matrix(f"{name}.weight", width_out, width_in)
        return layers.linear(x, matrix, self.take(f"{name}.bias", width_out) if bias else None)

    def split_linear(
        self, x: Node, name: str, width_in: int, width_out: int, parts: int, *, bias: bool = True
    ) -> list[Node]:
        """Apply linear layers whose matrices are stored as one, in that order of rows."""
        joined = self.linear(x, name, width_in, parts * width_out, bias=bias)
        outputs: list[Node] = ops.split(joined, np.int64(-1), parts).outputs()
        return outputs

    def layer_norm(self, x: Node, name: str, width: int, *, eps: float, bias: bool = True) -> Node:
        """Apply the layer norm of that name to (..., width)."""
        gain = self.take(f"{name}.weight", width)
        shift = self.take(f"{name}.bias", width) if bias else None
        return layers.layer_norm(x, gain, shift, eps=eps)
