"""Attention is its formula, over the whole text and over windows, and sees no padding."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as ops

from simile.architectures.bricks import attention
from simile.architectures.bricks.attention import Window, attend, padding_mask, split_heads


def run(build, *arrays):
    """Compute build(nodes) on arrays, in float32."""
    inputs = [ops.parameter([-1] * array.ndim, array.dtype.type) for array in arrays]
    model = ov.Model([build(*inputs)], inputs, "attention")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(list(arrays))[0]


def naive(parts, seen, heads):
    """Attend where seen (batch, seq, seq) says so; (batch, seq, width) float64."""
    batch, seq, width = parts[0].shape
    query, key, value = (
        part.reshape(batch, seq, heads, -1).swapaxes(1, 2).astype(np.float64) for part in parts
    )
    scores = query @ key.swapaxes(2, 3) / np.sqrt(width // heads)
    scores = np.where(seen[:, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = weights / weights.sum(-1, keepdims=True) @ value
    return mixed.swapaxes(1, 2).reshape(batch, seq, width)


def inputs(seq, width, lengths):
    numbers = np.random.default_rng(0)
    parts = [numbers.normal(0, 2, (len(lengths), seq, width)).astype(np.float32) for _ in range(3)]
    return parts, (np.arange(seq) < np.array(lengths)[:, None]).astype(np.int32)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_its_formula_and_sees_no_padding(heads):
    parts, mask = inputs(6, 8, [6, 1, 4])

    def build(query, key, value, mask):
        query, key, value = (split_heads(x, heads) for x in (query, key, value))
        return attend(query, key, value, padding_mask(mask))

    got = run(build, *parts, mask)
    wanted = naive(parts, np.repeat(mask[:, None] == 1, 6, axis=1), heads)
    np.testing.assert_allclose(got, wanted, atol=2e-5)


@pytest.mark.parametrize(
    ("seq", "reach"),
    [(1, 2), (5, 2), (512, 64), (513, 64), (640, 64), (700, 0), (700, 300), (900, 200)],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_window_sees_tokens_within_reach_and_no_padding(seq, reach, backwards):
    lengths = [seq, max(1, seq // 2)]
    parts, mask = inputs(seq, 10, lengths)

    def build(query, key, value, mask):
        query, key, value = (split_heads(x, 2) for x in (query, key, value))
        return Window(mask, reach, backwards=backwards).attend(query, key, value)

    got = run(build, *parts, mask)
    back = np.subtract.outer(np.arange(seq), np.arange(seq))
    near = (np.abs(back) <= reach) & ((back >= 0) | (not backwards))
    for row, length in enumerate(lengths):
        one = [part[row : row + 1, :length] for part in parts]
        wanted = naive(one, near[None, :length, :length], 2)
        np.testing.assert_allclose(got[row : row + 1, :length], wanted, atol=2e-5)
    assert np.isfinite(got).all()


def test_a_long_text_is_never_held_against_itself_as_a_whole(monkeypatch):
    monkeypatch.setattr(attention, "_ONE_BLOCK_TOKENS", 4)
    mask = ops.parameter([1, 1000], np.int32)
    seq = ops.parameter([1, 1000, 1, 2], np.float32)
    model = ov.Model([Window(mask, 3).attend(seq, seq, seq)], [mask, seq], "window")
    model.validate_nodes_and_infer_types()
    largest = max(
        int(np.prod(tuple(output.get_shape())))
        for node in model.get_ordered_ops()
        for output in node.outputs()
        if output.get_partial_shape().is_static
    )
    assert largest < 1000 * 300
