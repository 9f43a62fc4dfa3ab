"""Turn a few sizes into a small random cross-encoder on disk, as transformers would save it."""

from pathlib import Path
from typing import Any

import numpy as np
from tests.checkpoint_files import Arrays, change_json, write_tiny_bert


def write_tiny_reranker(
    folder: Path, *, dim: int = 16, max_tokens: int = 32, seed: int = 0
) -> Path:
    """Write BertForSequenceClassification with one label into folder, and return folder."""

    def add_classifier(tensors: Arrays) -> None:
        numbers = np.random.default_rng(seed + 1)
        tensors["classifier.weight"] = numbers.normal(0, 1, (1, dim)).astype("<f4")
        tensors["classifier.bias"] = np.zeros(1, "<f4")

    write_tiny_bert(
        folder, dim=dim, max_tokens=max_tokens, seed=seed, tensors_changed=add_classifier
    )
    (folder / "modules.json").unlink()
    say(folder, architectures=["BertForSequenceClassification"], id2label={"0": "LABEL_0"})
    return folder


def say(folder: Path, **changes: Any) -> None:
    """Set keys of config.json; None deletes one."""
    change_json(folder / "config.json", **changes)
