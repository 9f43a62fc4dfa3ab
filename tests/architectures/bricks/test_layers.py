"""The bricks of an encoder are their formulas."""

import math

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as ops

from simile.architectures.bricks import layers
from simile.errors import UnsupportedModelError


def erf_gelu(x):
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def tanh_gelu(x):
    return x * 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


ACTIVATIONS = {
    **dict.fromkeys(["gelu", "gelu_python"], erf_gelu),
    **dict.fromkeys(
        ["gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate", "gelu_python_tanh"],
        tanh_gelu,
    ),
    "relu": lambda x: max(x, 0.0),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "tanh": math.tanh,
    "sigmoid": sigmoid,
    "identity": lambda x: x,
    "linear": lambda x: x,
}


def run(build, *arrays):
    """Compute build(nodes) on arrays, in float32."""
    inputs = [ops.parameter([-1] * array.ndim, array.dtype.type) for array in arrays]
    model = ov.Model([build(*inputs)], inputs, "brick")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(list(arrays))[0]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name):
    x = np.linspace(-8, 8, 400, dtype=np.float32)
    got = run(lambda node: layers.activation(node, name), x)
    np.testing.assert_allclose(got, [ACTIVATIONS[name](float(v)) for v in x], atol=2e-6)


@pytest.mark.parametrize("name", ["gelu_10", "quick_gelu", "", "GELU"])
def test_an_unknown_activation_is_refused(name):
    with pytest.raises(UnsupportedModelError, match=f"{name!r} is not built"):
        layers.activation(ops.parameter([-1], np.float32), name)


def test_linear_is_x_times_transposed_matrix_plus_bias():
    x, matrix, bias = numbers(2, 3, 5), numbers(4, 5, seed=1), numbers(4, seed=2)
    np.testing.assert_allclose(
        run(lambda node: layers.linear(node, matrix, bias), x), x @ matrix.T + bias, atol=1e-4
    )
    np.testing.assert_allclose(
        run(lambda node: layers.linear(node, matrix, None), x), x @ matrix.T, atol=1e-4
    )


@pytest.mark.parametrize("eps", [1e-12, 0.01, 1.0])
def test_layer_norm_is_its_formula(eps):
    x, gain, bias = numbers(2, 3, 8), numbers(8, seed=1), numbers(8, seed=2)
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    expected = (x - mean) / np.sqrt(variance + eps) * gain + bias
    got = run(lambda node: layers.layer_norm(node, gain, bias, eps=eps), x)
    np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize("eps", [1e-12, 0.01, 1.0])
def test_rms_norm_is_its_formula(eps):
    x, gain = numbers(2, 3, 8), numbers(8, seed=1)
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * gain
    got = run(lambda node: layers.rms_norm(node, gain, eps=eps), x)
    np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize("heads", [(), (4,)])
def test_rms_norm_is_one_operation_so_that_bf16_rounds_nothing_inside(heads):
    x = ops.parameter([-1, -1, *heads, 16], np.float32)
    model = ov.Model([layers.rms_norm(x, numbers(16), eps=1e-6)], [x], "brick")
    compiled = ov.Core().compile_model(model, "CPU")
    kinds = [
        node.get_rt_info()["layerType"].astype(str)
        for node in compiled.get_runtime_model().get_ops()
    ]
    assert sorted(set(kinds) - {"Const", "Reorder"}) == ["Input", "Output", "RMS"]
