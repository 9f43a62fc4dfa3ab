"""Pool token vectors into one vector per text, as OpenVINO graph nodes.

Each takes hidden (batch, seq, width) and token_mask (batch, seq) int32, 1 = token, and gives
(batch, width). Formulas and their clamps as sentence-transformers computes them (Reimers &
Gurevych 2019, https://arxiv.org/abs/1908.10084, section 3; weighted mean: Muennighoff 2022,
https://arxiv.org/abs/2202.08904, equation 3). Knows no checkpoint and no normalization.
"""

from collections.abc import Callable, Mapping

import numpy as np

from simile.architectures.bricks.layers import ints
from simile.graph import Node, ops

Pool = Callable[[Node, Node], Node]


def cls(hidden: Node, token_mask: Node) -> Node:
    """Take the first token's vector."""
    return ops.gather(hidden, np.int64(0), ints(1))


def last(hidden: Node, token_mask: Node) -> Node:
    """Take the vector of the last token that the mask marks; the first's where it marks none."""
    from_here = ops.cum_sum(token_mask, np.int32(1), reverse=True)
    later = ops.convert(ops.greater(from_here, np.int32(0)), "i32")
    place = ops.subtract(ops.reduce_sum(later, ints(1), False), np.int32(1))
    return ops.gather(hidden, ops.maximum(place, np.int32(0)), ints(1), 1)


def maximum(hidden: Node, token_mask: Node) -> Node:
    """Take the largest value of each column over the real tokens."""
    padding = ops.subtract(np.float32(1), _column(token_mask))
    return ops.reduce_max(ops.add(hidden, ops.multiply(padding, np.float32(-1e9))), ints(1), False)


def mean(hidden: Node, token_mask: Node) -> Node:
    """Average the real tokens' vectors."""
    return _weighted_average(hidden, _column(token_mask))


def mean_sqrt_len(hidden: Node, token_mask: Node) -> Node:
    """Sum the real tokens' vectors and divide by the square root of their number."""
    column = _column(token_mask)
    total, weight = _sums(hidden, column)
    return ops.divide(total, ops.sqrt(weight))


def weighted_mean(hidden: Node, token_mask: Node) -> Node:
    """Average the real tokens' vectors, the n-th weighted by n."""
    place = ops.cum_sum(ops.convert(token_mask, "f32"), np.int32(1))
    weighted = ops.multiply(_column(token_mask), ops.unsqueeze(place, ints(2)))
    return _weighted_average(hidden, weighted)


POOLS: Mapping[str, Pool] = {
    "cls": cls,
    "max": maximum,
    "mean": mean,
    "mean_sqrt_len": mean_sqrt_len,
    "weighted_mean": weighted_mean,
    "last": last,
}
"""Name to function, in the order in which several are joined."""


def pool(names: tuple[str, ...], hidden: Node, token_mask: Node) -> Node:
    """Pool by each name and join the results: (batch, width * len(names))."""
    pooled = [POOLS[name](hidden, token_mask) for name in names]
    return pooled[0] if len(pooled) == 1 else ops.concat(pooled, 1)


def _column(token_mask: Node) -> Node:
    return ops.unsqueeze(ops.convert(token_mask, "f32"), ints(2))


def _sums(hidden: Node, column: Node) -> tuple[Node, Node]:
    total = ops.reduce_sum(ops.multiply(hidden, column), ints(1), False)
    weight = ops.maximum(ops.reduce_sum(column, ints(1), False), np.float32(1e-9))
    return total, weight


def _weighted_average(hidden: Node, column: Node) -> Node:
    return ops.divide(*_sums(hidden, column))
