"""A model is described without its weights."""

from pathlib import Path

import pytest

from simile.checkpoints.tensors import Tensors
from simile.hub.plain_folder import open_folder
from simile.models.open import read_facts

GOLDEN = Path(__file__).parents[1] / "golden"
MODELS = [GOLDEN / "gguf-bert" / "model.gguf"]
MODELS += sorted(path.parent for path in GOLDEN.glob("*/config.json"))


def refuse(*args):
    raise AssertionError("a weight was read")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name + "/" + path.name)
def test_facts_are_read_without_weights(path, monkeypatch):
    monkeypatch.setattr(Tensors, "take", refuse)
    monkeypatch.setattr(Tensors, "take_matrix", refuse)
    assert read_facts(open_folder(str(path))).dim
