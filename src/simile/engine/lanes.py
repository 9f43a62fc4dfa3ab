"""Share one engine's time among lanes of work, so that short calls never wait for long ones.

Each lane has a share of the tokens computed. One that asks for less goes as soon as a batch ends,
and one with a small share gets it whatever the others ask for. Knows no threads and no model.
Source: start-time fair queueing (Goyal, Vin and Cheng 1996), with a batch for a packet.
"""

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Generic

from simile.engine.batching import Owner, Pool, Waiting
from simile.models.tokenizer import TokenizedText

FEW_TEXTS = 8
FEW_CHARS = 8192
SHORT_CHARS = 512
"""A call of a few texts with at most this many characters in all is short: a query, or several."""
SHORT, FEW, BULK = range(3)
SHARES = (4, 2, 1)
"""Each lane's share of the computed tokens when all three have work."""


@dataclass(slots=True)
class _Lane(Generic[Owner]):
    share: float
    pool: Pool[Owner]
    turn: float = 0.0
    """When its next batch may begin, in tokens per share; the paper's start tag."""

    def due(self, budget: int) -> float:
        """When its next batch would be done: little work goes before much (the finish tag)."""
        return self.turn + min(self.pool.tokens, budget) / self.share


class Lanes(Generic[Owner]):
    """Pools of waiting texts, one per lane; lanes are known by their place."""

    def __init__(self, shares: Sequence[float]) -> None:
        self._lanes: list[_Lane[Owner]] = [_Lane(share, Pool()) for share in shares]
        self._now = 0.0
        """The turn of the last batch; the paper's virtual time."""

    def add(self, lane: int, text: TokenizedText, owner: Owner) -> None:
        """Let a text wait in a lane."""
        chosen = self._lanes[lane]
        if not chosen.pool:
            chosen.turn = max(chosen.turn, self._now)  # What was not asked for is not saved up.
        chosen.pool.add(text, owner)

    def tokens(self, lane: int) -> int:
        """Count the tokens that wait in a lane."""
        return self._lanes[lane].pool.tokens

    @property
    def waits(self) -> bool:
        """Whether anything waits."""
        return any(lane.pool for lane in self._lanes)

    def take(self, budgets: Sequence[int], wanted: Callable[[Owner], bool]) -> list[Waiting[Owner]]:
        """Remove and return the next batch, all of one lane, within that lane's budget.

        Empty if nothing waits that is still wanted.
        """
        lanes = zip(self._lanes, budgets, strict=True)
        for lane, budget in sorted(lanes, key=lambda entry: entry[0].due(entry[1])):
            if batch := lane.pool.take(budget, wanted):
                self._now = max(self._now, lane.turn)
                lane.turn += sum(len(item.ids) for item in batch) / lane.share
                return batch
        return []

    def take_all(self) -> list[Waiting[Owner]]:
        """Remove and return everything that waits."""
        return [item for lane in self._lanes for item in lane.pool.take_all()]


def lane_of(texts: Sequence[Sized]) -> int:
    """Choose the lane of a call by how much it asks for."""
    chars = sum(map(len, texts)) if len(texts) <= FEW_TEXTS else FEW_CHARS + 1
    return SHORT if chars <= SHORT_CHARS else FEW if chars <= FEW_CHARS else BULK
