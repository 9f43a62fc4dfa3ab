"""Compute what all texts of a batch begin with only once: the flat tokens of a causal model.

Tokens that see only what stands before them are the same in each text that begins alike, as a
reranker's instruction and query are. The prefix and the texts' rests lie in one row, so that each
matrix is met once. Gives graph nodes; knows no layer but attention.
Shared prefixes: Juravsky et al. 2024, https://arxiv.org/abs/2402.05099, section 3.
"""

import numpy as np

from simile.architectures.architecture import Tokens
from simile.architectures.bricks.causal import Causal
from simile.architectures.bricks.layers import ints
from simile.graph import Node, ops


class SharedPrefix:
    """One batch, cut after the tokens that all of its texts begin with.

    Rows without any token count for nothing. The prefix has a token even where nothing is shared,
    and each rest has one even where all is: no part is ever empty.
    """

    def __init__(self, tokens: Tokens) -> None:
        """Find the prefix; see Tokens for the shapes."""
        ids = tokens.input_ids
        shape = ops.shape_of(ids, "i64")
        self._batch, seq = (ops.gather(shape, ints(axis), ints(0)) for axis in (0, 1))
        self._shared = ops.minimum(_count_shared(tokens, seq), ops.subtract(seq, ints(1)))
        self._kept = ops.maximum(self._shared, ints(1))
        rest = ops.slice(ids, self._shared, seq, ints(1), ints(1))
        first = ops.slice(ops.slice(ids, ints(0), ints(1), ints(1), ints(0)), *_head(self._kept))
        self.flat_ids = ops.concat([first, ops.reshape(rest, ints(1, -1), False)], 1)
        """(1, flat): the prefix, then each text's rest, padding included."""
        self._first = Causal(self._kept, self._kept)
        self._own = Causal(ops.subtract(seq, self._shared), seq)
        own = _count(self._shared, seq)
        self.places = ops.concat([_count(ints(0), self._kept), ops.tile(own, self._batch)], 0)
        """(flat,): where each token stands in its text."""

    def attend(self, query: Node, key: Node, value: Node) -> Node:
        """Mix the values of what stands before, each (1, flat, heads, head_size).

        Gives (1, flat, width).
        """
        (ask, own_ask), (keys, own_keys), (values, own_values) = (
            self._split(x) for x in (query, key, value)
        )
        first = self._first.attend(ask, keys, values)
        own = self._own.attend(own_ask, self._join(keys, own_keys), self._join(values, own_values))
        return ops.concat([first, ops.reshape(own, ints(1, -1, *_fixed(own)), False)], 1)

    def unfold(self, hidden: Node) -> Node:
        """Turn (1, flat, width) into (batch, seq, width)."""
        return self._join(*self._split(hidden))

    def _split(self, x: Node) -> tuple[Node, Node]:
        """Part (1, flat, ...) into (1, prefix, ...) and (batch, rest, ...)."""
        end = ints(np.iinfo(np.int64).max)
        own = ops.slice(x, self._kept, end, ints(1), ints(1))
        shape = ops.concat([self._batch, ints(-1, *_fixed(x))], 0)
        return ops.slice(x, *_head(self._kept)), ops.reshape(own, shape, False)

    def _join(self, first: Node, own: Node) -> Node:
        """Put the prefix before each rest: (batch, seq, ...)."""
        shared = ops.slice(first, *_head(self._shared))
        shape = ops.concat([self._batch, ints(*[1] * (1 + len(_fixed(first))))], 0)
        many = ops.broadcast(shared, shape, broadcast_spec="BIDIRECTIONAL")
        return ops.concat([many, own], 1)


def _count_shared(tokens: Tokens, seq: Node) -> Node:
    """How many leading columns hold the same token in every row that has any: (1,) int64."""
    ids, mask = tokens.input_ids, ops.equal(tokens.token_mask, np.int32(1))
    first = ops.slice(ids, ints(0), ints(1), ints(1), ints(0))
    empty = ops.logical_not(ops.slice(mask, ints(0), ints(1), ints(1), ints(1)))
    alike = ops.logical_or(ops.logical_and(ops.equal(ids, first), mask), empty)
    differs = ops.logical_not(ops.reduce_logical_and(alike, ints(0), False))
    places = ops.select(differs, _count(ints(0), seq), seq)
    return ops.reduce_min(places, ints(0), True)


def _count(start: Node, stop: Node) -> Node:
    """The numbers from start to before stop, each (1,) int64."""
    start, stop = (ops.squeeze(x, ints(0)) for x in (start, stop))
    return ops.range(start, stop, np.int64(1), "i64")


def _head(stop: Node) -> tuple[Node, Node, Node, Node]:
    """What cuts the second axis before stop."""
    return ints(0), stop, ints(1), ints(1)


def _fixed(x: Node) -> list[int]:
    """The sizes after the first two axes, which the graph knows."""
    return [axis.get_length() for axis in list(x.output(0).get_partial_shape())[2:]]
