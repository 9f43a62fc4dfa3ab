"""Causal attention as OpenVINO graph nodes: each token sees itself and what stands before it.

Knows no checkpoint and no positions. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section
3.2.3; queries that share keys and values: Ainslie et al. 2023, https://arxiv.org/abs/2305.13245,
section 2.2.
"""

import numpy as np

from simile.architectures.bricks import attention
from simile.architectures.bricks.layers import ints
from simile.graph import Node, ops

_HIDDEN = np.float32(-1e9)


def share_heads(x: Node, shares: int) -> Node:
    """Repeat each head: (batch, seq, heads, head_size) to (batch, seq, heads * shares, ...)."""
    if shares == 1:
        return x
    apart = ops.unsqueeze(x, ints(3))
    many = ops.broadcast(apart, ints(1, 1, 1, shares, 1), broadcast_spec="BIDIRECTIONAL")
    heads, size = (x.output(0).get_partial_shape()[axis].get_length() for axis in (2, 3))
    return ops.reshape(many, ints(0, 0, heads * shares, size), True)


class Causal:
    """Attention of the last tokens of a text to all of it; shared by the layers of one graph.

    The mask has four bytes for each pair of tokens, two in bfloat16, once for all layers: texts are
    padded on the right, so that it holds for each. A loop over blocks of queries would do without,
    but keeps its own memory in every layer, which is more.
    """

    def __init__(self, asking: Node, total: Node) -> None:
        """Take how many of the last tokens ask, and how many there are, each (1,) int64."""
        asking, total = (ops.squeeze(x, ints(0)) for x in (asking, total))
        places = ops.range(np.int64(0), total, np.int64(1), "i64")
        own = ops.range(ops.subtract(total, asking), total, np.int64(1), "i64")
        later = ops.greater(ops.unsqueeze(places, ints(0)), ops.unsqueeze(own, ints(1)))
        self._mask = ops.unsqueeze(ops.select(later, _HIDDEN, np.float32(0)), ints(0, 1))

    @classmethod
    def whole(cls, input_ids: Node) -> "Causal":
        """Take the ids (batch, seq) of whole texts."""
        seq = ops.gather(ops.shape_of(input_ids, "i64"), ints(1), ints(0))
        return cls(seq, seq)

    def attend(self, query: Node, key: Node, value: Node) -> Node:
        """Mix the values of what stands before; gives (batch, seq, width)."""
        return attention.attend(query, key, value, self._mask)
