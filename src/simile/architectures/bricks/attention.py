"""Attention as OpenVINO graph nodes: over the whole text, or over a window around each token.

Queries, keys and values are (batch, seq, heads, head_size). Knows no checkpoint and no positions.
Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.2; windows: Beltagy et al. 2020,
https://arxiv.org/abs/2004.05150, section 3.1.
"""

import numpy as np

from simile.architectures.bricks.layers import ints
from simile.graph import Node, ops

_HIDDEN = np.float32(-1e9)
"""Added to the scores of what is not seen. Finite: a row of nothing but padding stays a number."""
_ONE_BLOCK_TOKENS = 384
"""Texts up to this length are attended to in one piece, where blocks save nothing."""


def split_heads(x: Node, heads: int) -> Node:
    """(batch, seq, width) to (batch, seq, heads, head_size)."""
    return ops.reshape(x, ints(0, 0, heads, -1), True)


def attend(query: Node, key: Node, value: Node, mask: Node) -> Node:
    """Mix the values of all tokens; gives (batch, seq, width).

    mask (batch, 1 or heads, 1 or seq, seq) is added to the scores.
    """
    parts = (ops.transpose(x, ints(0, 2, 1, 3)) for x in (query, key, value))
    mixed = ops.scaled_dot_product_attention(*parts, mask)
    return ops.reshape(ops.transpose(mixed, ints(0, 2, 1, 3)), ints(0, 0, -1), True)


def padding_mask(token_mask: Node) -> Node:
    """Turn (batch, seq) int32, 1 = token, into the (batch, 1, 1, seq) float addend of attention."""
    padding = ops.subtract(np.float32(1), ops.convert(token_mask, "f32"))
    return ops.unsqueeze(ops.multiply(padding, _HIDDEN), ints(1, 2))


class Window:
    """Attention of each token to those at most `reach` places before or after it.

    A long text is cut into blocks of queries, each of which meets only the keys within reach: time
    and memory grow with the length, not with its square. Shared by the layers of one graph.
    """

    def __init__(self, token_mask: Node, reach: int, *, backwards: bool = False) -> None:
        """Take (batch, seq) int32, 1 = token; builds the blocks' places and their mask.

        backwards: nothing after a token is seen, as in a causal model.
        """
        seq = _size(token_mask, 1)
        self._seq = seq
        long = ops.greater(seq, np.int32(max(_ONE_BLOCK_TOKENS, 2 * reach)))
        block = ops.select(long, np.int32(max(128, reach)), seq)
        margin = ops.select(long, np.int32(reach), np.int32(0))
        count = ops.divide(ops.add(seq, ops.subtract(block, np.int32(1))), block)
        starts = ops.unsqueeze(ops.multiply(_range(count), block), ints(1))
        span = ops.add(block, ops.multiply(margin, np.int32(2)))
        asking = ops.add(starts, _range(block))
        asked = ops.subtract(ops.add(starts, _range(span)), margin)
        last = ops.subtract(seq, np.int32(1))
        self._query_places = ops.minimum(asking, last)
        self._key_places = ops.maximum(ops.minimum(asked, last), np.int32(0))
        self._mask = self._block_mask(token_mask, asking, asked, reach, backwards)

    def attend(self, query: Node, key: Node, value: Node) -> Node:
        """Mix the values within reach; gives (batch, seq, width)."""
        asking = _fold(ops.gather(query, self._query_places, ints(1)))
        asked, given = (_fold(ops.gather(x, self._key_places, ints(1))) for x in (key, value))
        mixed = attend(asking, asked, given, self._mask)
        batch = ops.unsqueeze(_size(query, 0), ints(0))
        width = ops.unsqueeze(_size(mixed, 2), ints(0))
        shape = ops.concat([batch, ops.constant(np.array([-1], np.int32)), width], 0)
        whole = ops.reshape(mixed, shape, False)
        return ops.slice(whole, ints(0), ops.unsqueeze(self._seq, ints(0)), ints(1), ints(1))

    def _block_mask(
        self, token_mask: Node, asking: Node, asked: Node, reach: int, backwards: bool
    ) -> Node:
        """(batch * blocks, 1, block, span), added to the scores."""
        back = ops.subtract(ops.unsqueeze(asking, ints(2)), ops.unsqueeze(asked, ints(1)))
        near = ops.less_equal(ops.abs(back), np.int32(reach))
        if backwards:
            near = ops.logical_and(near, ops.greater_equal(back, np.int32(0)))
        inside = ops.equal(asked, self._key_places)
        token = ops.equal(ops.gather(token_mask, self._key_places, ints(1)), np.int32(1))
        real = ops.unsqueeze(ops.logical_and(token, inside), ints(2))
        seen = ops.logical_and(ops.unsqueeze(near, ints(0)), real)
        mask = ops.select(seen, np.float32(0), _HIDDEN)
        return ops.unsqueeze(_fold(mask), ints(1))


def _fold(x: Node) -> Node:
    """(batch, blocks, ...) to (batch * blocks, ...)."""
    rest = ops.slice(
        ops.shape_of(x, "i64"), ints(2), ints(np.iinfo(np.int64).max), ints(1), ints(0)
    )
    return ops.reshape(x, ops.concat([ints(-1), rest], 0), False)


def _size(x: Node, axis: int) -> Node:
    """The length of an axis, as an int32 scalar."""
    return ops.gather(ops.shape_of(x, "i32"), np.int32(axis), ints(0))


def _range(stop: Node) -> Node:
    return ops.range(np.int32(0), stop, np.int32(1), "i32")
