"""The pool of waiting texts: nobody is lost, nobody waits for ever, little is wasted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simile.engine.batching import Pool, pad, round_up
from simile.models.tokenizer import TokenizedText

BUDGET = 24


def ids_of(length, kind=0):
    return np.full(length, kind, dtype=np.int32)


TEXTS = st.builds(ids_of, st.integers(1, 40), st.integers(0, 2))
STEPS = st.lists(st.one_of(TEXTS, st.just("take")), max_size=60)


def everyone(owner):
    return True


def drain(pool, wanted=everyone, budget=BUDGET):
    while batch := pool.take(budget, wanted):
        yield batch


@given(STEPS)
def test_each_text_leaves_once_with_all_who_wait_for_it(steps):
    pool: Pool[int] = Pool()
    waiting: dict[bytes, list[int]] = {}  # In order of arrival.
    for owner, step in enumerate([*steps, *["take"] * len(steps)]):
        if isinstance(step, np.ndarray):
            pool.add(TokenizedText(step, False), owner)
            waiting.setdefault(step.tobytes(), []).append(owner)
        else:
            batch = pool.take(BUDGET, everyone)
            assert bool(batch) == bool(waiting)
            if batch:
                oldest = next(iter(waiting))
                assert oldest in [item.ids.tobytes() for item in batch]
            for item in batch:
                assert waiting.pop(item.ids.tobytes()) == item.owners
        assert pool.tokens == sum(len(ids) // 4 for ids in waiting)
    assert not waiting


@given(st.lists(TEXTS, max_size=40))
def test_a_batch_keeps_its_budget_or_is_one_longer_text(texts):
    pool: Pool[int] = Pool()
    for owner, ids in enumerate(texts):
        pool.add(TokenizedText(ids, False), owner)
    for batch in drain(pool):
        longest = max(len(item.ids) for item in batch)
        assert len(batch) * longest <= BUDGET or len(batch) == 1


@given(st.lists(TEXTS, max_size=40), st.sets(st.integers(0, 39)))
def test_texts_that_nobody_wants_are_dropped_and_the_others_are_not(texts, unwanted):
    pool: Pool[int] = Pool()
    waiting: dict[bytes, list[int]] = {}
    for owner, ids in enumerate(texts):
        pool.add(TokenizedText(ids, False), owner)
        waiting.setdefault(ids.tobytes(), []).append(owner)
    given_out = [
        owner
        for batch in drain(pool, lambda owner: owner not in unwanted)
        for item in batch
        for owner in item.owners
    ]
    wanted = [owners for owners in waiting.values() if set(owners) - unwanted]
    assert sorted(given_out) == sorted(owner for owners in wanted for owner in owners)
    assert pool.tokens == 0


def test_texts_share_a_batch_while_its_padding_costs_less_than_another_batch():
    pool: Pool[int] = Pool()
    for owner, length in enumerate([40, 120, 30, 38, 20]):
        pool.add(TokenizedText(ids_of(length, owner), False), owner)
    batches = [[item.owners[0] for item in batch] for batch in drain(pool, budget=1024)]
    assert batches == [[2, 3, 0], [1], [4]]


@given(lengths=st.lists(st.integers(1, 256), min_size=1, max_size=200))
def test_the_padding_of_a_batch_is_bounded(lengths):
    pool: Pool[int] = Pool()
    for owner, length in enumerate(lengths):
        pool.add(TokenizedText(ids_of(length, owner), False), owner)
    for batch in drain(pool, budget=1024):
        tokens = [len(item.ids) for item in batch]
        size = max(tokens) * len(tokens)
        assert size - sum(tokens) <= 16 + 0.02 * size


def test_equal_texts_wait_as_one():
    pool: Pool[str] = Pool()
    pool.add(TokenizedText(ids_of(5), False), "first")
    pool.add(TokenizedText(ids_of(5), False), "second")
    assert pool.tokens == 5
    [item] = pool.take(BUDGET, everyone)
    assert item.owners == ["first", "second"]
    pool.add(TokenizedText(ids_of(5), False), "third")
    [item] = pool.take(BUDGET, everyone)
    assert item.owners == ["third"]


@given(st.lists(TEXTS, max_size=20))
def test_take_all_empties_the_pool(texts):
    pool: Pool[int] = Pool()
    for owner, ids in enumerate(texts):
        pool.add(TokenizedText(ids, False), owner)
    items = pool.take_all()
    assert sorted(owner for item in items for owner in item.owners) == list(range(len(texts)))
    assert pool.tokens == 0
    assert pool.take(BUDGET, everyone) == []


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=9))
def test_padding_is_on_the_right_and_masked(texts):
    input_ids, token_mask = pad(
        [TokenizedText(np.array(ids, dtype=np.int32), False) for ids in texts]
    )
    width = max(map(len, texts))
    assert input_ids.dtype == token_mask.dtype == np.int32
    assert input_ids.tolist() == [ids + [0] * (width - len(ids)) for ids in texts]
    assert token_mask.tolist() == [[1] * len(ids) + [0] * (width - len(ids)) for ids in texts]


def typed(ids, types):
    return TokenizedText(np.array(ids, np.int32), False, np.array(types, np.int32))


def test_types_of_tokens_are_padded_beside_them():
    _, _, token_types = pad([typed([5, 6, 7], [0, 1, 1]), typed([8], [1])])
    assert token_types.tolist() == [[0, 1, 1], [1, 0, 0]]


def test_texts_of_equal_tokens_and_other_types_wait_apart():
    pool: Pool[str] = Pool()
    pool.add(typed([5, 6], [0, 1]), "first")
    pool.add(typed([5, 6], [1, 1]), "second")
    pool.add(typed([5, 6], [0, 1]), "third")
    batch = pool.take(BUDGET, everyone)
    assert [item.owners for item in batch] == [["first", "third"], ["second"]]


@given(size=st.integers(1, 100_000))
def test_sizes_are_rounded_up_by_a_sixteenth_at_most(size):
    rounded = round_up(size)
    assert size <= rounded <= size * 17 / 16
    assert round_up(rounded) == rounded


def test_a_batch_may_have_only_so_many_shapes():
    assert len({round_up(size) for size in range(1, 513)}) == 31 + 16 * 4 + 1
