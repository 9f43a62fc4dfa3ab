"""Heads read what the classes of transformers read."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as ops
from tests.checkpoint_files import write_safetensors

from simile.architectures.heads import HEADS, Encoded
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.safetensors import open_safetensors

WIDTH = 3
HIDDEN = np.random.default_rng(1).normal(0, 1, (2, 4, WIDTH)).astype("<f4")
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], np.int32)
PAD = 7
IDS = np.array([[5, PAD, PAD, PAD], [PAD, 5, 6, PAD]], np.int32)
"""A text that ends in the padding's own token, and one with it at both ends."""


def logits(folder: Path, kind: str, arrays, config) -> list[float]:
    write_safetensors(folder / "model.safetensors", arrays)
    hidden = ops.parameter([-1, -1, WIDTH], np.float32)
    mask, ids = (ops.parameter([-1, -1], np.int32) for _ in range(2))
    tensors = open_safetensors([folder / "model.safetensors"])
    given = Encoded(tensors, Configuration(config), hidden, mask, ids, WIDTH)
    model = ov.Model([HEADS[kind](given)], [hidden, mask, ids], "head")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    [result] = compiled([HIDDEN, MASK, IDS]).values()
    return [float(number) for number in result[:, 0]]


@pytest.mark.parametrize(
    ("config", "places"), [({"pad_token_id": PAD}, [0, 2]), ({"pad_token_id": None}, [2, 3])]
)
def test_a_decoder_is_read_at_its_last_token_that_is_not_the_paddings(tmp_path, config, places):
    score = np.array([[1.0, -2.0, 0.5]], "<f4")
    got = logits(tmp_path, "Qwen3ForSequenceClassification", {"score.weight": score}, config)
    assert got == pytest.approx((HIDDEN[[0, 1], places] @ score[0]).tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "owner"),
    [("Bert", "bert."), ("Gte", "gte."), ("New", "new."), ("NomicBert", "nomic_bert.")],
)
def test_the_pooler_is_found_under_its_encoders_name(tmp_path, kind, owner):
    dense = np.eye(WIDTH, dtype="<f4")
    arrays = {
        f"{owner}pooler.dense.weight": dense,
        f"{owner}pooler.dense.bias": np.zeros(WIDTH, "<f4"),
        "classifier.weight": np.ones((1, WIDTH), "<f4"),
        "classifier.bias": np.zeros(1, "<f4"),
    }
    got = logits(tmp_path, f"{kind}ForSequenceClassification", arrays, {})
    assert got == pytest.approx(np.tanh(HIDDEN[:, 0]).sum(axis=1).tolist(), rel=1e-5)
