"""Queries and keys are turned by their places."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as ops

from simile.architectures.bricks.rotary import Rotary, frequencies, read_frequencies
from simile.checkpoints.configuration import Configuration
from simile.errors import CheckpointError, UnsupportedModelError


def turned(x, angles, length=16):
    ids = ops.parameter([-1, -1], np.int32)
    node = ops.parameter([-1, -1, x.shape[2], x.shape[3]], np.float32)
    model = ov.Model([Rotary(ids, angles, length).turn(node)], [ids, node], "rotary")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled([np.zeros(x.shape[:2], np.int32), x])[0]


def test_a_pair_half_a_head_apart_is_turned_by_its_place_times_its_frequency():
    x = np.random.default_rng(0).normal(0, 1, (2, 7, 3, 8)).astype(np.float32)
    angles = np.arange(7)[:, None, None] * frequencies(8, 100.0)
    pairs = (x[..., :4] + 1j * x[..., 4:]) * np.exp(1j * angles)
    wanted = np.concatenate([pairs.real, pairs.imag], -1)
    np.testing.assert_allclose(turned(x, frequencies(8, 100.0)), wanted, atol=1e-5)


def test_columns_past_the_pairs_stay_as_they_are():
    x = np.random.default_rng(0).normal(0, 1, (1, 5, 2, 8)).astype(np.float32)
    got = turned(x, frequencies(4, 100.0))
    np.testing.assert_array_equal(got[..., 4:], x[..., 4:])
    np.testing.assert_allclose(got[..., :4], turned(x[..., :4], frequencies(4, 100.0)), atol=1e-6)


def read(**parameters):
    return read_frequencies(Configuration({}), parameters, 4, base=100.0)


def test_frequencies_fall_from_1_by_the_base():
    np.testing.assert_allclose(read(), [1.0, 0.1], rtol=1e-6)
    np.testing.assert_allclose(read(rope_theta=10_000), [1.0, 0.01], rtol=1e-6)
    np.testing.assert_allclose(read(type="linear", factor=4), [0.25, 0.025], rtol=1e-6)


@pytest.mark.parametrize("kind", ["yarn", "longrope", "llama3", "proportional"])
def test_another_scaling_is_refused(kind):
    with pytest.raises(UnsupportedModelError, match=f"rope_type '{kind}' is not built"):
        read(rope_type=kind, factor=2)


def test_linear_scaling_without_its_factor_is_refused():
    with pytest.raises(CheckpointError, match="factor"):
        read(rope_type="linear")
