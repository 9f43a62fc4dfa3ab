"""Turn tokenised texts of mixed length into padded batches that waste little.

Keeps texts sorted by length and cuts a batch around the text that has waited longest, so that its
neighbours are of nearly its length and none waits for ever. Knows no threads and no model.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from simile.models.tokenizer import TokenIds

Owner = TypeVar("Owner")

_ARRIVAL_BITS = 48
_ALIKE = 0.75
"""Texts share a batch if the shorter has at least this part of the longer's tokens."""


@dataclass(slots=True)
class Waiting(Generic[Owner]):
    """One distinct text, tokenised, and those who wait for its vector."""

    key: int
    """Sorts by length, then by arrival."""
    ids: TokenIds
    owners: list[Owner]


class Pool(Generic[Owner]):
    """Tokenised texts that wait for a batch."""

    def __init__(self) -> None:
        self._keys: list[int] = []
        self._items: list[Waiting[Owner]] = []
        self._arrived: deque[int] = deque()
        self._same: dict[bytes, Waiting[Owner]] = {}
        self._arrivals = 0
        self.tokens = 0
        """Tokens that wait, each distinct text once."""

    def add(self, ids: TokenIds, owner: Owner) -> None:
        """Let a text wait; joins an equal one that waits already."""
        same = ids.tobytes()
        if (known := self._same.get(same)) is not None:
            known.owners.append(owner)
            return
        key = (len(ids) << _ARRIVAL_BITS) | self._arrivals
        self._arrivals += 1
        item = self._same[same] = Waiting(key, ids, [owner])
        place = bisect_left(self._keys, key)
        self._keys.insert(place, key)
        self._items.insert(place, item)
        self._arrived.append(key)
        self.tokens += len(ids)

    def take(self, budget: int, wanted: Callable[[Owner], bool]) -> list[Waiting[Owner]]:
        """Remove and give a batch of at most `budget` padded tokens, or of one longer text.

        The batch holds the text that has waited longest, whatever its length. Texts that none of
        their owners wants any more are dropped.
        """
        while self._arrived:
            place = bisect_left(self._keys, self._arrived[0])
            if place == len(self._keys) or self._keys[place] != self._arrived[0]:
                self._arrived.popleft()  # It left with an earlier batch.
                continue
            batch = self._remove(*self._around(place, budget))
            batch = [item for item in batch if any(map(wanted, item.owners))]
            if batch:
                return batch
        return []

    def take_all(self) -> list[Waiting[Owner]]:
        """Remove and give everything that waits."""
        self._arrived.clear()
        return self._remove(0, len(self._items))

    def _around(self, place: int, budget: int) -> tuple[int, int]:
        """Choose the run [start, stop) of sorted texts around a place, within the budget.

        Grows downwards first, where padding costs least, and stops on either side at texts of
        another length class: they find better company later.
        """
        start, stop, longest = place, place + 1, self._length(place)
        while start > 0 and longest * (stop + 1 - start) <= budget:
            if self._length(start - 1) < longest * _ALIKE:
                break
            start -= 1
        while stop < len(self._keys):
            longer = self._length(stop)
            if longer * (stop + 1 - start) > budget or longest < longer * _ALIKE:
                break
            stop += 1
        return start, stop

    def _length(self, place: int) -> int:
        return self._keys[place] >> _ARRIVAL_BITS

    def _remove(self, start: int, stop: int) -> list[Waiting[Owner]]:
        batch = self._items[start:stop]
        del self._items[start:stop], self._keys[start:stop]
        for item in batch:
            del self._same[item.ids.tobytes()]
            self.tokens -= len(item.ids)
        return batch


def pad(items: Sequence[TokenIds]) -> tuple[TokenIds, TokenIds]:
    """Pad token ids on the right: input_ids and token_mask (1 = token), (rows, seq) int32.

    Both sizes are rounded up, by an eighth at most: each new shape costs the compiled graph 10 ms
    and half a megabyte. Rows past the items are all padding, and their vectors mean nothing.
    """
    lengths = np.zeros(round_up(len(items)), dtype=np.int32)
    lengths[: len(items)] = [len(ids) for ids in items]
    token_mask = np.arange(round_up(int(lengths.max())), dtype=np.int32) < lengths[:, None]
    input_ids = np.zeros(token_mask.shape, dtype=np.int32)
    input_ids[token_mask] = np.concatenate(items)
    return input_ids, token_mask.astype(np.int32)


def round_up(size: int) -> int:
    """Round up to one of eight sizes between two powers of two; below 16 nothing changes."""
    step = 1 << max(0, size.bit_length() - 4)
    return -(-size // step) * step
