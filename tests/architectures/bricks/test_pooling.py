"""Each pooling is its formula."""

from functools import cache

import numpy as np
import openvino as ov
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openvino import opset15 as ops

from simile.architectures.bricks.pooling import POOLS, pool

MODES = {
    "cls": lambda x: x[0],
    "max": lambda x: x.max(axis=0),
    "mean": lambda x: x.mean(axis=0),
    "mean_sqrt_len": lambda x: x.sum(axis=0) / np.sqrt(len(x)),
    "weighted_mean": lambda x: np.average(x, axis=0, weights=np.arange(1, len(x) + 1)),
    "last": lambda x: x[-1],
}
"""One text's real token vectors (tokens, width) to one vector."""


@cache
def compiled(names):
    hidden = ops.parameter([-1, -1, -1], np.float32)
    mask = ops.parameter([-1, -1], np.int32)
    model = ov.Model([pool(names, hidden, mask)], [hidden, mask], "pool")
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def draw(lengths, width, seed):
    numbers = np.random.default_rng(seed)
    hidden = numbers.normal(0, 3, (len(lengths), max(lengths), width)).astype(np.float32)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int32)
    return hidden, mask


def expected(names, hidden, mask):
    rows = [x[m == 1].astype(np.float64) for x, m in zip(hidden, mask, strict=True)]
    return np.array([np.concatenate([MODES[name](row) for name in names]) for row in rows])


def test_every_pooling_has_a_formula_here():
    assert list(POOLS) == list(MODES)


@pytest.mark.parametrize("name", MODES)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    width=st.integers(1, 9),
    seed=st.integers(0, 2**32),
)
def test_a_pooling_is_its_formula_and_sees_no_padding(name, lengths, width, seed):
    hidden, mask = draw(lengths, width, seed)
    got = compiled((name,))([hidden, mask])[0]
    assert got.shape == (len(lengths), width)
    np.testing.assert_allclose(got, expected([name], hidden, mask), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("names", [("cls", "mean"), ("mean", "cls"), tuple(MODES)], ids="+".join)
def test_several_poolings_are_joined_in_order(names):
    hidden, mask = draw([3, 1, 7], 5, seed=1)
    got = compiled(names)([hidden, mask])[0]
    assert got.shape == (3, 5 * len(names))
    np.testing.assert_allclose(got, expected(names, hidden, mask), atol=1e-5, rtol=1e-5)


def test_last_is_the_last_that_the_mask_marks_wherever_it_stands():
    hidden, _ = draw([4, 4, 4], 3, seed=1)
    mask = np.array([[1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]], np.int32)
    [pooled] = compiled(("last",))([hidden, mask]).values()
    assert np.array_equal(pooled, hidden[[0, 1, 2], [2, 3, 0]])
