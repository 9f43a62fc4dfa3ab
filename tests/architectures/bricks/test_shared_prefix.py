"""What a batch's texts all begin with is computed once, and the vectors stay the same."""

from pathlib import Path

import numpy as np
import pytest

from simile.architectures.architecture import Tokens
from simile.architectures.qwen3 import Architecture
from simile.checkpoints.folder import FolderCheckpoint
from simile.graph import Core, Model, ops

FOLDER = Path(__file__).parents[2] / "golden" / "qwen3"


@pytest.fixture(scope="module")
def run():
    checkpoint = FolderCheckpoint(FOLDER)
    architecture, tensors = Architecture.parse(checkpoint.configuration), checkpoint.tensors()
    input_ids, token_mask = (ops.parameter([-1, -1], np.int32) for _ in range(2))
    tokens = Tokens(input_ids, token_mask)
    both = [architecture.build(tensors, tokens), architecture.build_sharing_prefix(tensors, tokens)]
    model = Model(both, [input_ids, token_mask], "both")
    compiled = Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    yield lambda *inputs: list(compiled(list(inputs)).values())  # noqa: PT022  It keeps the model.


@pytest.mark.parametrize(
    ("shared", "rests", "empty_rows"),
    [
        (20, (3, 17, 1), 0),
        (20, (3, 17), 2),
        (0, (3, 5), 0),
        (0, (1,), 0),
        (5, (4,), 1),
        (10, (0, 7), 0),
        (30, (0, 0), 0),
    ],
)
def test_sharing_changes_no_vector(run, shared, rests, empty_rows):
    numbers = np.random.default_rng(0)
    rows = len(rests) + empty_rows
    input_ids = np.zeros((rows, shared + max(rests) + 2), dtype=np.int32)
    token_mask = np.zeros_like(input_ids)
    prefix = numbers.integers(5, 300, shared)
    for row, rest in enumerate(rests):
        input_ids[row, : shared + rest] = [*prefix, *numbers.integers(5, 300, rest)]
        token_mask[row, : shared + rest] = 1
    plain, sharing = run(input_ids, token_mask)
    is_token = token_mask.astype(bool)
    np.testing.assert_allclose(sharing[is_token], plain[is_token], atol=1e-5)
