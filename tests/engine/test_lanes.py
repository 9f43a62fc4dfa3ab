"""Who goes first, and that everybody gets a share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simile.engine.lanes import Lanes
from simile.models.tokenizer import TokenizedText

SHARES = (4, 2, 1)
BUDGETS = (1000, 100, 100)
LONG = 100


def ids(number: int, length: int):
    return TokenizedText(np.full(length, number, np.int32), False)


def take(lanes: Lanes[str]) -> str:
    """Take a batch of one text and give its owner's first letter."""
    batch = lanes.take(BUDGETS, lambda _: True)
    return batch[0].owners[0][0] if batch else ""


def filled(*, count: int = 50) -> Lanes[str]:
    """Much work in the last two lanes, in texts that fill a batch."""
    lanes: Lanes[str] = Lanes(SHARES)
    for number in range(count):
        lanes.add(1, ids(number, LONG), "few")
        lanes.add(2, ids(number, LONG), "bulk")
    return lanes


def test_full_lanes_share_by_their_shares():
    lanes = filled()
    taken = [take(lanes) for _ in range(30)]
    assert (taken.count("f"), taken.count("b")) == (20, 10)


def test_a_lane_that_asks_for_little_goes_first_or_next():
    lanes = filled()
    waits = []
    for number in range(20):
        take(lanes)
        lanes.add(0, ids(number, 10), "short")
        waits.append([take(lanes), take(lanes)].index("s"))
        assert lanes.tokens(0) == 0
    assert waits.count(0) >= 18


def test_a_lane_that_slept_has_saved_nothing_up():
    lanes: Lanes[str] = Lanes(SHARES)
    for number in range(50):
        lanes.add(1, ids(number, LONG), "few")
    for _ in range(20):
        take(lanes)
    for number in range(50):
        lanes.add(2, ids(number, LONG), "bulk")
    assert [take(lanes) for _ in range(9)].count("b") == 3


def test_a_batch_keeps_its_lanes_budget():
    sizes = []
    for lane in range(3):
        lanes: Lanes[str] = Lanes(SHARES)
        for number in range(200):
            lanes.add(lane, ids(number, 10), "x")
        sizes.append(len(lanes.take(BUDGETS, lambda _: True)))
    assert sizes == [100, 10, 10]


def test_the_unwanted_cost_a_lane_nothing():
    lanes: Lanes[str] = Lanes(SHARES)
    lanes.add(0, ids(1, 10), "gone")
    lanes.add(2, ids(2, 10), "bulk")
    batch = lanes.take(BUDGETS, lambda owner: owner != "gone")
    assert [item.owners for item in batch] == [["bulk"]]
    assert lanes.take(BUDGETS, lambda _: True) == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 200)), max_size=60))
def test_everything_leaves_once(texts):
    lanes: Lanes[str] = Lanes(SHARES)
    for number, (lane, length) in enumerate(texts):
        lanes.add(lane, ids(number, length), str(number))
    gone: list[str] = []
    while batch := lanes.take(BUDGETS, lambda _: True):
        gone += [owner for item in batch for owner in item.owners]
    assert sorted(gone) == sorted(map(str, range(len(texts))))
    assert lanes.take_all() == []
